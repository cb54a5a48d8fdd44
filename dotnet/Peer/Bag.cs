using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace TorchSharpCompat;

/// <summary>A module with the parameters and buffers of a case. It overrides neither save nor load of TorchSharp.</summary>
public sealed class Bag() : nn.Module("bag")
{
    /// <summary>
    /// Registers a tensor under its name; from then on the module owns it.
    /// With <paramref name="nested"/> the dots of a name separate submodules; otherwise they are part of the name.
    /// </summary>
    public void Add(string name, Tensor tensor, bool buffer, bool nested)
    {
        var (owner, leaf) = Place(name, nested);
        if (buffer) owner.register_buffer(leaf, tensor);
        else owner.register_parameter(leaf, new TorchSharp.Modules.Parameter(tensor, requires_grad: TakesGradient(tensor.dtype)));
    }

    /// <summary>Registers a buffer that is not part of the state dict.</summary>
    public void AddTransient(string name, Tensor tensor) => register_buffer(name, tensor, persistent: false);

    /// <summary>Registers the parameter <paramref name="other"/> under a second name.</summary>
    public void Tie(string name, string other, bool nested)
    {
        var (owner, leaf) = Place(name, nested);
        var (known, itsLeaf) = Place(other, nested);
        owner.register_parameter(leaf, known.get_parameter(itsLeaf)!);
    }

    /// <summary>
    /// The buffer of this name, in the state dict or not. Throws KeyNotFoundException if there is none.
    /// </summary>
    public Tensor Transient(string name) => get_buffer(name) ?? throw new KeyNotFoundException(name);

    private (Bag Owner, string Leaf) Place(string name, bool nested)
    {
        var owner = this;
        for (var dot = name.IndexOf('.'); nested && dot >= 0; dot = name.IndexOf('.'))
        {
            owner = owner.Child(name[..dot]);
            name = name[(dot + 1)..];
        }
        return (owner, name);
    }

    private Bag Child(string name)
    {
        foreach (var (known, module) in named_children())
        {
            if (known == name) return (Bag)module;
        }
        var child = new Bag();
        register_module(name, child);
        return child;
    }

    private static bool TakesGradient(ScalarType dtype) =>
        dtype is ScalarType.Float16 or ScalarType.Float32 or ScalarType.Float64 or ScalarType.BFloat16 || Memory.IsComplex(dtype);
}

/// <summary>
/// The state dict of a module, or tensors, resolved into plain memory that does not move until Dispose.
/// <see cref="Numbers"/> is the address of <see cref="Length"/> 64-bit integers, for each entry: dtype code, address of the
/// elements, rank, dims.
/// </summary>
public sealed unsafe class Snapshot : IDisposable
{
    private readonly List<Tensor> tensors = [];
    private readonly long[] numbers;
    private readonly GCHandle pin;

    [MethodImpl(MethodImplOptions.NoOptimization)]
    private Snapshot(IEnumerable<KeyValuePair<string, Tensor>> entries)
    {
        var names = new List<string>();
        var rows = new List<long>();
        foreach (var (name, tensor) in entries)
        {
            if (tensors.Count == 0 && tensor.is_quantized()) Quantizer = QuantizerOf(tensor);
            var plain = Memory.Resolve(tensor);
            tensors.Add(plain);
            names.Add(name);
            rows.Add((int)plain.dtype);
            rows.Add(Memory.Address(plain));
            rows.Add(plain.shape.Length);
            rows.AddRange(plain.shape);
        }
        Names = [.. names];
        numbers = [.. rows];
        pin = GCHandle.Alloc(numbers, GCHandleType.Pinned);
    }

    public string[] Names { get; }

    public long Numbers => (long)pin.AddrOfPinnedObject();

    public int Length => numbers.Length;

    /// <summary>
    /// Scale and zero point of the first tensor; null if it has none. All tensors of a case have the same quantizer.
    /// </summary>
    public double[]? Quantizer { get; }

    public static Snapshot Of(nn.Module module) => new(module.state_dict());

    public static Snapshot Of(Dictionary<string, Tensor> state) => new(state);

    public static Snapshot Of(Tensor tensor) => new([new("", tensor)]);

    public static Snapshot Of(Tensor[] tensors) => new(tensors.Select((tensor, i) => KeyValuePair.Create($"{i}", tensor)));

    private static double[]? QuantizerOf(Tensor tensor)
    {
        try
        {
            return [tensor.q_scale(), tensor.q_zero_point()];
        }
        catch (ExternalException)
        {
            return null; // libtorch's UnknownQuantizer: what torch.empty gives for a quantized dtype
        }
    }

    public void Dispose()
    {
        foreach (var tensor in tensors) tensor.Dispose();
        pin.Free();
    }
}
