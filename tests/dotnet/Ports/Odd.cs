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

/// <summary>Ends the whole process, in one of several ways.</summary>
public sealed class Ends : nn.Module<Tensor, Tensor>
{
    public enum How { FailFast, Exit, Overflow, Ask }

    public Ends(How how = How.FailFast) : base(nameof(Ends))
    {
        if (how == How.FailFast) Environment.FailFast("the end of it");
        if (how == How.Exit) Environment.Exit(0);
        if (how == How.Overflow) Deeper(0);
        Console.ReadLine();
    }

    public override Tensor forward(Tensor x) => x;

    private static int Deeper(int depth) => Deeper(depth + 1) + 1;
}

/// <summary>What a class can do that a port seldom does: several outputs, keys, a mask, other constructors.</summary>
public sealed class Odd : nn.Module<Tensor, Dictionary<string, Tensor>>
{
    public enum Order { Right, Swapped }

    public sealed record Config(Order Order);

    private readonly nn.Module<Tensor, Tensor> fc = nn.Linear(4, 4);
    private readonly Order order;

    private Odd() : base(nameof(Odd)) { }

    public Odd(Config config) : base(nameof(Odd))
    {
        order = config.Order;
        RegisterComponents();
    }

    public override Dictionary<string, Tensor> forward(Tensor x)
    {
        var (mean, scale) = (fc.forward(x), fc.forward(x).exp());
        return order == Order.Right
            ? new() { ["scale"] = scale, ["mean"] = mean }
            : new() { ["scale"] = mean, ["mean"] = scale };
    }

    /// <summary>Takes any number of sizes, and returns one tensor more than Python's.</summary>
    public sealed class More : nn.Module<Tensor, (Tensor, Tensor)>
    {
        private readonly nn.Module<Tensor, Tensor> fc;

        public More(params int[] sizes) : base(nameof(More))
        {
            fc = nn.Linear(sizes[0], sizes[1]);
            RegisterComponents();
        }

        public override (Tensor, Tensor) forward(Tensor x) => (fc.forward(x), x);
    }
}

/// <summary>Large and small numbers in one output, of which the small ones may be scaled.</summary>
public sealed class Detector : nn.Module<Tensor, Tensor>
{
    private readonly nn.Module<Tensor, Tensor> fc = nn.Linear(4, 4);
    private readonly double scale;

    public Detector(double scale) : base(nameof(Detector))
    {
        this.scale = scale;
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        var y = fc.forward(x);
        return cat([y * 10000, y * scale], 1);
    }
}

/// <summary>Two layers that are one, or two.</summary>
public sealed class Tied : nn.Module<Tensor, Tensor>
{
    private readonly nn.Module<Tensor, Tensor> fc = nn.Linear(4, 4), head;

    public Tied(bool tied) : base(nameof(Tied))
    {
        head = tied ? fc : nn.Linear(4, 4);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) => head.forward(fc.forward(x).relu());
}

/// <summary>Its arguments have another order than in Python, and the same names.</summary>
public sealed class Ordered : nn.Module<Tensor, Tensor?, Tensor?, Tensor>
{
    private readonly nn.Module<Tensor, Tensor> fc = nn.Linear(4, 4);

    public Ordered() : base(nameof(Ordered)) => RegisterComponents();

    public override Tensor forward(Tensor x, Tensor? pos = null, Tensor? mask = null)
    {
        var y = fc.forward(pos is null ? x : x + pos);
        return mask is null ? y : y * mask;
    }
}

/// <summary>An integer output before a floating one.</summary>
public sealed class Indexed : nn.Module<Tensor, (Tensor, Tensor)>
{
    private readonly nn.Module<Tensor, Tensor> fc = nn.Linear(4, 4);

    public Indexed() : base(nameof(Indexed)) => RegisterComponents();

    public override (Tensor, Tensor) forward(Tensor x)
    {
        var y = fc.forward(x);
        return (y.argmax(1), y);
    }
}

/// <summary>Its layer computes something else the second time.</summary>
public sealed class Once : nn.Module<Tensor, Tensor>
{
    private readonly Layer fc = new();

    public Once() : base(nameof(Once)) => RegisterComponents();

    public override Tensor forward(Tensor x) => fc.forward(x);

    private sealed class Layer : nn.Module<Tensor, Tensor>
    {
        private readonly TorchSharp.Modules.Parameter weight = nn.Parameter(zeros(4, 4)), bias = nn.Parameter(zeros(4));
        private int calls;

        public Layer() : base(nameof(Layer))
        {
            register_parameter("weight", weight);
            register_parameter("bias", bias);
        }

        public override Tensor forward(Tensor x) => nn.functional.linear(x, weight, bias) * ++calls;
    }
}

/// <summary>Changes its input.</summary>
public sealed class InPlace : nn.Module<Tensor, Tensor>
{
    private readonly nn.Module<Tensor, Tensor> fc = nn.Linear(4, 4);

    public InPlace() : base(nameof(InPlace)) => RegisterComponents();

    public override Tensor forward(Tensor x) => fc.forward(x.mul_(2));
}

/// <summary>An embedding without a row for padding.</summary>
public sealed class Tokens : nn.Module<Tensor, Tensor>
{
    private readonly nn.Module<Tensor, Tensor> embedding = nn.Embedding(10, 4);

    public Tokens() : base(nameof(Tokens)) => RegisterComponents();

    public override Tensor forward(Tensor x) => embedding.forward(x);
}

/// <summary>Attention with a mask of its last argument.</summary>
public sealed class Masked : nn.Module<Tensor, Tensor, Tensor>
{
    private readonly TorchSharp.Modules.MultiheadAttention attention = nn.MultiheadAttention(8, 2);

    public Masked() : base(nameof(Masked)) => RegisterComponents();

    public override Tensor forward(Tensor x, Tensor mask) => attention.forward(x, x, x, null, false, mask).Item1;
}

/// <summary>It cannot be built without its type argument.</summary>
public sealed class Generic<T> : nn.Module<Tensor, Tensor>
{
    public Generic() : base(nameof(T)) { }

    public override Tensor forward(Tensor x) => x;
}
