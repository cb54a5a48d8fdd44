using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharpCompat.Models;

/// <summary>
/// A classifier of token sequences: tokens below 100 (batch, time) to the scores of four classes (batch, 4), from the LSTM's
/// output at the last token. Its counterpart: models/lstm_classifier.py.
/// </summary>
public sealed class LstmClassifier : nn.Module<Tensor, Tensor>
{
    private readonly nn.Module<Tensor, Tensor> embedding = nn.Embedding(100, 16);
    private readonly LSTM lstm = nn.LSTM(16, 32, numLayers: 2, batchFirst: true, bidirectional: true);
    private readonly nn.Module<Tensor, Tensor> output = nn.Linear(64, 4);

    public LstmClassifier() : base("lstm_classifier") => RegisterComponents();

    public override Tensor forward(Tensor tokens)
    {
        using var scope = NewDisposeScope();
        var (steps, _, _) = lstm.call(embedding.call(tokens));
        return output.call(steps.select(1, -1)).MoveToOuterDisposeScope();
    }
}
