using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharpCompat.Models;

/// <summary>
/// An encoder like the vision transformer, with parameters of its own beside those of its layers: images
/// (batch, 3, 32, 32) to the scores of ten classes (batch, 10). Its counterpart: models/vit.py.
/// </summary>
public sealed class Vit : nn.Module<Tensor, Tensor>
{
    private const long Patch = 4, Patches = 64, Width = 32, Heads = 4, Classes = 10;
    private const int Depth = 2;

    private readonly Parameter token = new(zeros(1, 1, Width));
    private readonly Parameter positions = new(randn(1 + Patches, 1, Width) * 0.02);
    private readonly nn.Module<Tensor, Tensor> patches = nn.Conv2d(3, Width, Patch, stride: Patch);
    private readonly nn.Module<Tensor, Tensor> blocks = nn.Sequential(Enumerable.Range(0, Depth).Select(_ => new Block()));
    private readonly nn.Module<Tensor, Tensor> norm = nn.LayerNorm(Width);
    private readonly nn.Module<Tensor, Tensor> head = nn.Linear(Width, Classes);

    public Vit() : base("vit") => RegisterComponents();

    public override Tensor forward(Tensor images)
    {
        using var scope = NewDisposeScope();
        var seen = patches.call(images).flatten(2).permute(2, 0, 1);
        var x = cat([token.expand(1, images.shape[0], Width), seen]) + positions;
        return head.call(norm.call(blocks.call(x).select(0, 0))).MoveToOuterDisposeScope();
    }

    /// <summary>Attention among the patches, then a perceptron, each after a layer norm and with a residual connection.</summary>
    private sealed class Block : nn.Module<Tensor, Tensor>
    {
        private readonly nn.Module<Tensor, Tensor> norm1 = nn.LayerNorm(Width);
        private readonly MultiheadAttention attention = nn.MultiheadAttention(Width, Heads);
        private readonly nn.Module<Tensor, Tensor> norm2 = nn.LayerNorm(Width);

        private readonly nn.Module<Tensor, Tensor> mlp =
            nn.Sequential(nn.Linear(Width, 2 * Width), nn.GELU(), nn.Linear(2 * Width, Width));

        public Block() : base("block") => RegisterComponents();

        public override Tensor forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            var normed = norm1.call(x);
            x = x + attention.call(normed, normed, normed).Item1;
            return (x + mlp.call(norm2.call(x))).MoveToOuterDisposeScope();
        }
    }
}
