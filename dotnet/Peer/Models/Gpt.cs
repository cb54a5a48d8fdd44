using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharpCompat.Models;

/// <summary>
/// A decoder like GPT-2, whose head and embedding share one weight: tokens (batch, time up to Context) to the scores of the
/// next token (batch, time, Vocabulary). Its counterpart: models/gpt.py.
/// </summary>
public sealed class Gpt : nn.Module<Tensor, Tensor>
{
    private const long Vocabulary = 96, Context = 32, Width = 48, Heads = 3;
    private const int Depth = 3;

    private readonly Embedding tokens = nn.Embedding(Vocabulary, Width);
    private readonly Embedding positions = nn.Embedding(Context, Width);
    private readonly ModuleList<Block> blocks = new([.. Enumerable.Range(0, Depth).Select(_ => new Block())]);
    private readonly LayerNorm norm = nn.LayerNorm(Width);
    private readonly Linear head = nn.Linear(Width, Vocabulary, hasBias: false);

    public Gpt() : base("gpt")
    {
        head.weight = tokens.weight!;
        RegisterComponents();
    }

    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        var x = tokens.call(input) + positions.call(arange(input.shape[1], device: input.device));
        foreach (var block in blocks) x = block.call(x);
        return head.call(norm.call(x)).MoveToOuterDisposeScope();
    }

    /// <summary>Attention, then a perceptron, each after a layer norm and with a residual connection.</summary>
    private sealed class Block : nn.Module<Tensor, Tensor>
    {
        private readonly LayerNorm norm1 = nn.LayerNorm(Width);
        private readonly Attention attention = new();
        private readonly LayerNorm norm2 = nn.LayerNorm(Width);
        private readonly Linear expand = nn.Linear(Width, 4 * Width);
        private readonly Linear shrink = nn.Linear(4 * Width, Width);

        public Block() : base("block") => RegisterComponents();

        public override Tensor forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            x = x + attention.call(norm1.call(x));
            return (x + shrink.call(nn.functional.gelu(expand.call(norm2.call(x))))).MoveToOuterDisposeScope();
        }
    }

    /// <summary>Causal self-attention with one matrix for queries, keys and values.</summary>
    private sealed class Attention : nn.Module<Tensor, Tensor>
    {
        private readonly Linear qkv = nn.Linear(Width, 3 * Width);
        private readonly Linear output = nn.Linear(Width, Width);

        public Attention() : base("attention") => RegisterComponents();

        public override Tensor forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            var (batch, time) = (x.shape[0], x.shape[1]);
            var parts = qkv.call(x).view(batch, time, 3, Heads, Width / Heads).permute(2, 0, 3, 1, 4).unbind(0);
            var mixed = nn.functional.scaled_dot_product_attention(parts[0], parts[1], parts[2], is_casual: true);
            return output.call(mixed.transpose(1, 2).reshape(batch, time, Width)).MoveToOuterDisposeScope();
        }
    }
}
