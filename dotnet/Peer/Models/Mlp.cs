using TorchSharp;
using static TorchSharp.torch;

namespace TorchSharpCompat.Models;

/// <summary>A multi-layer perceptron: features (batch, 20) to five outputs. Its counterpart: models/mlp.py.</summary>
public sealed class Mlp : nn.Module<Tensor, Tensor>
{
    private readonly nn.Module<Tensor, Tensor> hidden1 = nn.Linear(20, 64);
    private readonly nn.Module<Tensor, Tensor> hidden2 = nn.Linear(64, 32);
    private readonly nn.Module<Tensor, Tensor> output = nn.Linear(32, 5);

    public Mlp() : base("mlp") => RegisterComponents();

    public override Tensor forward(Tensor features)
    {
        using var scope = NewDisposeScope();
        var x = nn.functional.relu(hidden1.call(features));
        return output.call(hidden2.call(x).tanh()).MoveToOuterDisposeScope();
    }
}
