using TorchSharp;
using static TorchSharp.torch;

namespace Ports;

/// <summary>Its type cannot be initialized.</summary>
public sealed class Uninitialized : nn.Module<Tensor, Tensor>
{
    private static readonly int Number = int.Parse("none");

    public Uninitialized() : base(nameof(Uninitialized)) => Console.WriteLine(Number);

    public override Tensor forward(Tensor x) => x;
}

/// <summary>Ends the whole process.</summary>
public sealed class Ends : nn.Module<Tensor, Tensor>
{
    public Ends() : base(nameof(Ends)) => Environment.FailFast("the end of it");

    public override Tensor forward(Tensor x) => x;
}
