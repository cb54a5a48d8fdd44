using TorchSharp;
using static TorchSharp.torch;

namespace Ports;

/// <summary>
/// Several inputs, a pair of initial states, two outputs, a layer that is called twice, and attention: the port of ports.py's
/// Recurrent. With <c>fault</c> the second call is left out.
/// </summary>
public sealed class Recurrent : nn.Module<Tensor, Tensor, Tensor, (Tensor, Tensor)>
{
    private readonly TorchSharp.Modules.LSTM lstm;
    private readonly TorchSharp.Modules.MultiheadAttention attention;
    private readonly nn.Module<Tensor, Tensor> shared, drop;
    private readonly bool fault;

    public Recurrent(bool fault = false) : base(nameof(Recurrent))
    {
        this.fault = fault;
        lstm = nn.LSTM(6, 8, batchFirst: true);
        attention = nn.MultiheadAttention(8, 2);
        shared = nn.Linear(8, 8);
        drop = nn.Dropout(0.5);
        RegisterComponents();
    }

    public override (Tensor, Tensor) forward(Tensor x, Tensor h, Tensor c)
    {
        var (seen, _, _) = lstm.forward(x, (h, c));
        seen = drop.forward(shared.forward(seen).relu());
        if (!fault) seen = shared.forward(seen);
        var turned = seen.transpose(0, 1);
        var (attended, _) = attention.forward(turned, turned, turned, null, false, null);
        return (seen, attended);
    }
}

/// <summary>Attention and a layer of a transformer, which have no batch_first in TorchSharp.</summary>
public sealed class Turned : nn.Module<Tensor, Tensor>
{
    private readonly TorchSharp.Modules.MultiheadAttention attention = nn.MultiheadAttention(8, 2);
    private readonly TorchSharp.Modules.TransformerEncoderLayer layer;

    public Turned(bool gelu = false) : base(nameof(Turned))
    {
        layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, gelu ? nn.Activations.GELU : nn.Activations.ReLU);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        var turned = x.transpose(0, 1);
        var (attended, _) = attention.forward(turned, turned, turned, null, false, null);
        return layer.call(attended, null, null).transpose(0, 1);
    }
}

/// <summary>A pair of states as one argument, and a mask behind it.</summary>
public sealed class Stateful : nn.Module<Tensor, (Tensor, Tensor), Tensor, (Tensor, (Tensor, Tensor))>
{
    private readonly TorchSharp.Modules.LSTM lstm = nn.LSTM(6, 8, batchFirst: true);

    public Stateful() : base(nameof(Stateful)) => RegisterComponents();

    public override (Tensor, (Tensor, Tensor)) forward(Tensor x, (Tensor, Tensor) state, Tensor mask)
    {
        var (seen, h, c) = lstm.forward(x, state);
        return (seen * mask, (h, c));
    }
}

/// <summary>Layers of many kinds, each in its own list of names, to look for differences of attributes that are none.</summary>
public sealed class Zoo : nn.Module<Tensor, Tensor>
{
    private readonly nn.Module<Tensor, Tensor> conv, pool, norm, group, instance, act, leaky, soft, prelu, up, deconv, adaptive,
        pad, flat, head;

    public Zoo(double momentum = 0.1) : base(nameof(Zoo))
    {
        conv = nn.Conv2d(3, 8, 3, stride: 2, padding: 1, dilation: 1, groups: 1);
        pool = nn.MaxPool2d(2, stride: 2);
        norm = nn.BatchNorm2d(8, momentum: momentum);
        group = nn.GroupNorm(2, 8);
        instance = nn.InstanceNorm2d(8);
        act = nn.GELU();
        leaky = nn.LeakyReLU(0.2);
        soft = nn.Softmax(1);
        prelu = nn.PReLU(8, 0.25);
        up = nn.Upsample(scale_factor: [2.0, 2.0], mode: UpsampleMode.Nearest);
        deconv = nn.ConvTranspose2d(8, 4, 2, stride: 2);
        adaptive = nn.AdaptiveAvgPool2d([2L, 2L]);
        pad = nn.ZeroPad2d((1, 1, 1, 1));
        flat = nn.Flatten();
        head = nn.Linear(64, 5);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        x = act.forward(norm.forward(pool.forward(conv.forward(x))));
        x = leaky.forward(instance.forward(group.forward(x)));
        x = prelu.forward(soft.forward(x));
        x = pad.forward(adaptive.forward(deconv.forward(up.forward(x))));
        return head.forward(flat.forward(x));
    }
}

/// <summary>Many wide layers, to measure with.</summary>
public sealed class Wide : nn.Module<Tensor, Tensor>
{
    private readonly TorchSharp.Modules.ModuleList<nn.Module<Tensor, Tensor>> layers = new();

    public Wide(int count) : base(nameof(Wide))
    {
        for (var i = 0; i < count; i++) layers.Add(nn.Linear(2048, 2048));
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        foreach (var layer in layers) x = layer.forward(x).relu();
        return x;
    }
}
