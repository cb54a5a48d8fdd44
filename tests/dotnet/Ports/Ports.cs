using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Ports;

/// <summary>The port of ports.py's Net that has no fault. The others below have one each.</summary>
public sealed class Right : nn.Module<Tensor, Tensor>
{
    private readonly nn.Module<Tensor, Tensor> conv, bn, fc1, norm, fc2;
    private readonly bool detach;

    /// <summary>With <paramref name="detach"/> it computes the same, and its gradients end before fc2.</summary>
    public Right(int classes = 5, bool detach = false) : base(nameof(Right))
    {
        this.detach = detach;
        conv = nn.Conv2d(3, 4, 3, padding: 1);
        bn = nn.BatchNorm2d(4);
        fc1 = nn.Linear(4 * 6 * 6, 12);
        norm = nn.LayerNorm(12, eps: 1e-5);
        fc2 = nn.Linear(12, classes);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        x = nn.functional.relu(bn.forward(conv.forward(x))).flatten(1);
        x = nn.functional.gelu(norm.forward(fc1.forward(x)));
        return fc2.forward(detach ? x.detach() : x);
    }
}

/// <summary>fc1 is called hidden.</summary>
public sealed class RenamedLayer : nn.Module<Tensor, Tensor>
{
    private readonly nn.Module<Tensor, Tensor> conv, bn, hidden, norm, fc2;

    public RenamedLayer() : base(nameof(RenamedLayer))
    {
        conv = nn.Conv2d(3, 4, 3, padding: 1);
        bn = nn.BatchNorm2d(4);
        hidden = nn.Linear(4 * 6 * 6, 12);
        norm = nn.LayerNorm(12, eps: 1e-5);
        fc2 = nn.Linear(12, 5);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        x = nn.functional.relu(bn.forward(conv.forward(x))).flatten(1);
        x = nn.functional.gelu(norm.forward(hidden.forward(x)));
        return fc2.forward(x);
    }
}

/// <summary>A BatchNorm of its own, which forgets to register the count of batches.</summary>
public sealed class MissingBuffer : nn.Module<Tensor, Tensor>
{
    private readonly nn.Module<Tensor, Tensor> conv, bn, fc1, norm, fc2;

    public MissingBuffer() : base(nameof(MissingBuffer))
    {
        conv = nn.Conv2d(3, 4, 3, padding: 1);
        bn = new Normalized();
        fc1 = nn.Linear(4 * 6 * 6, 12);
        norm = nn.LayerNorm(12, eps: 1e-5);
        fc2 = nn.Linear(12, 5);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        x = nn.functional.relu(bn.forward(conv.forward(x))).flatten(1);
        x = nn.functional.gelu(norm.forward(fc1.forward(x)));
        return fc2.forward(x);
    }

    private sealed class Normalized : nn.Module<Tensor, Tensor>
    {
        private readonly Parameter weight = nn.Parameter(ones(4)), bias = nn.Parameter(zeros(4));
        private readonly Tensor running_mean = zeros(4), running_var = ones(4);

        public Normalized() : base(nameof(Normalized))
        {
            register_parameter("weight", weight);
            register_parameter("bias", bias);
            register_buffer("running_mean", running_mean);
            register_buffer("running_var", running_var);
        }

        public override Tensor forward(Tensor x) =>
            nn.functional.batch_norm(x, running_mean, running_var, weight, bias, eps: 1e-5);
    }
}

/// <summary>The LayerNorm has another eps.</summary>
public sealed class WrongEps : nn.Module<Tensor, Tensor>
{
    private readonly nn.Module<Tensor, Tensor> conv, bn, fc1, norm, fc2;

    public WrongEps() : base(nameof(WrongEps))
    {
        conv = nn.Conv2d(3, 4, 3, padding: 1);
        bn = nn.BatchNorm2d(4);
        fc1 = nn.Linear(4 * 6 * 6, 12);
        norm = nn.LayerNorm(12, eps: 1e-2);
        fc2 = nn.Linear(12, 5);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        x = nn.functional.relu(bn.forward(conv.forward(x))).flatten(1);
        x = nn.functional.gelu(norm.forward(fc1.forward(x)));
        return fc2.forward(x);
    }
}

/// <summary>fc2 keeps its weight as [in, out], as Keras does.</summary>
public sealed class TransposedLinear : nn.Module<Tensor, Tensor>
{
    private readonly nn.Module<Tensor, Tensor> conv, bn, fc1, norm, fc2;

    public TransposedLinear() : base(nameof(TransposedLinear))
    {
        conv = nn.Conv2d(3, 4, 3, padding: 1);
        bn = nn.BatchNorm2d(4);
        fc1 = nn.Linear(4 * 6 * 6, 12);
        norm = nn.LayerNorm(12, eps: 1e-5);
        fc2 = new Dense();
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        x = nn.functional.relu(bn.forward(conv.forward(x))).flatten(1);
        x = nn.functional.gelu(norm.forward(fc1.forward(x)));
        return fc2.forward(x);
    }

    private sealed class Dense : nn.Module<Tensor, Tensor>
    {
        private readonly Parameter weight = nn.Parameter(zeros(12, 5)), bias = nn.Parameter(zeros(5));

        public Dense() : base(nameof(Dense)) => RegisterComponents();

        public override Tensor forward(Tensor x) => x.matmul(weight) + bias;
    }
}

/// <summary>The layers are registered in another order.</summary>
public sealed class OtherOrder : nn.Module<Tensor, Tensor>
{
    private readonly nn.Module<Tensor, Tensor> fc2, norm, fc1, bn, conv;

    public OtherOrder() : base(nameof(OtherOrder))
    {
        conv = nn.Conv2d(3, 4, 3, padding: 1);
        bn = nn.BatchNorm2d(4);
        fc1 = nn.Linear(4 * 6 * 6, 12);
        norm = nn.LayerNorm(12, eps: 1e-5);
        fc2 = nn.Linear(12, 5);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        x = nn.functional.relu(bn.forward(conv.forward(x))).flatten(1);
        x = nn.functional.gelu(norm.forward(fc1.forward(x)));
        return fc2.forward(x);
    }
}

/// <summary>Forgets the GELU behind the LayerNorm.</summary>
public sealed class ActivationLeftOut : nn.Module<Tensor, Tensor>
{
    private readonly nn.Module<Tensor, Tensor> conv, bn, fc1, norm, fc2;

    public ActivationLeftOut() : base(nameof(ActivationLeftOut))
    {
        conv = nn.Conv2d(3, 4, 3, padding: 1);
        bn = nn.BatchNorm2d(4);
        fc1 = nn.Linear(4 * 6 * 6, 12);
        norm = nn.LayerNorm(12, eps: 1e-5);
        fc2 = nn.Linear(12, 5);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        x = nn.functional.relu(bn.forward(conv.forward(x))).flatten(1);
        x = norm.forward(fc1.forward(x));
        return fc2.forward(x);
    }
}
