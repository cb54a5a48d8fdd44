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

    /// <summary>Makes one step of a module of ours, and returns the loss before it.</summary>
    [MethodImpl(MethodImplOptions.NoOptimization)]
    public static Tensor Step(nn.Module module, optim.Optimizer optimizer, string loss, Tensor[] inputs, Tensor target) =>
        Step(optimizer, loss, () => Layers.Forward(module, inputs), target);

    /// <summary>Makes one step of a person's own module, which takes its inputs as <c>Parts.Forward</c> has it.</summary>
    [MethodImpl(MethodImplOptions.NoOptimization)]
    public static Tensor StepOfOwn(
        nn.Module module, optim.Optimizer optimizer, string loss, int[] sizes, string named, Tensor[] inputs, Tensor target) =>
        Step(optimizer, loss, () => Parts.Run(module, sizes, named, inputs), target);

    [MethodImpl(MethodImplOptions.NoOptimization)]
    private static Tensor Step(optim.Optimizer optimizer, string loss, Func<Tensor[]> forward, Tensor target)
    {
        using var scope = NewDisposeScope();
        optimizer.zero_grad();
        var value = Losses[loss](forward()[0], target);
        value.backward();
        optimizer.step();
        return value.detach().MoveToOuterDisposeScope();
    }
}
