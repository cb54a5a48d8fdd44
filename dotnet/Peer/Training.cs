using System.Runtime.CompilerServices;
using TorchSharp;
using static TorchSharp.torch;

namespace TorchSharpCompat;

/// <summary>Trains a module as TorchSharp's users do. Its counterpart: python_side/models/training_steps.py.</summary>
public static class Training
{
    private static readonly Dictionary<string, Func<Tensor, Tensor, Tensor>> Losses = new()
    {
        ["cross_entropy"] = (output, target) => nn.functional.cross_entropy(output, target),
        ["mse_loss"] = (output, target) => nn.functional.mse_loss(output, target),
    };

    public static bool Knows(string loss) => Losses.ContainsKey(loss);

    /// <summary>Makes one step, and returns the loss before it.</summary>
    [MethodImpl(MethodImplOptions.NoOptimization)]
    public static Tensor Step(nn.Module module, optim.Optimizer optimizer, string loss, Tensor[] inputs, Tensor target)
    {
        using var scope = NewDisposeScope();
        optimizer.zero_grad();
        var outputs = Own.Has(module.GetType().Assembly) ? Parts.Run(module, Ones(inputs), inputs, Parts.Nothing) : Layers.Forward(module, inputs);
        var value = Losses[loss](outputs[0], target);
        value.backward();
        optimizer.step();
        return value.detach().MoveToOuterDisposeScope();
    }

    private static int[] Ones(Tensor[] inputs) => [.. inputs.Select(_ => 1)];
}
