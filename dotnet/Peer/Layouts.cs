using TorchSharp;
using static TorchSharp.torch;

namespace TorchSharpCompat;

/// <summary>
/// The layouts of cases/layout.toml: each turns a contiguous tensor into a view with the same values.
/// </summary>
public static unsafe class Layouts
{
    private static readonly Dictionary<string, Func<Tensor, Tensor>> Table = new()
    {
        ["contiguous"] = tensor => tensor.alias(),
        ["transposed"] = tensor => tensor.transpose(0, -1).contiguous().transpose(0, -1),
        ["permuted"] = tensor => tensor.permute(1, 2, 0).contiguous().permute(2, 0, 1),
        ["sliced"] = Sliced,
        ["expanded"] = tensor => tensor.narrow(0, 0, 1).contiguous().expand(tensor.shape),
        ["channels-last"] = tensor => tensor.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2),
        ["offset"] = Offset,
        ["conj"] = tensor => FlipSigns(tensor.clone()).conj(),
        ["neg"] = Negative,
    };

    public static bool Knows(string layout) => Table.ContainsKey(layout);

    /// <summary>Lays out a contiguous CPU tensor. Throws KeyNotFoundException for an unknown layout.</summary>
    public static Tensor Apply(string layout, Tensor tensor)
    {
        using var scope = NewDisposeScope();
        return Table[layout](tensor).MoveToOuterDisposeScope();
    }

    private static Tensor Sliced(Tensor tensor)
    {
        var shape = (long[])tensor.shape.Clone();
        shape[^1] *= 2;
        var view = empty(shape, dtype: tensor.dtype).slice(-1, 0, shape[^1], 2);
        return view.copy_(tensor);
    }

    private static Tensor Offset(Tensor tensor)
    {
        var longer = empty([tensor.NumberOfElements + 3], dtype: tensor.dtype);
        return longer.narrow(0, 3, tensor.NumberOfElements).copy_(tensor.view(-1)).view(tensor.shape);
    }

    /// <summary>A view whose neg bit is set: the imaginary part of a conjugated tensor.</summary>
    private static Tensor Negative(Tensor tensor)
    {
        var complex = empty(tensor.shape, dtype: (ScalarType)((int)tensor.dtype + 3));
        var size = tensor.ElementSize;
        var from = (byte*)Memory.Address(tensor);
        var to = (byte*)Memory.Address(complex);
        for (long i = 0; i < tensor.NumberOfElements; i++)
        {
            Buffer.MemoryCopy(from + i * size, to + (2 * i + 1) * size, size, size);
        }
        return FlipSigns(complex).conj().imag;
    }

    /// <summary>
    /// Flips the sign bit of each imaginary part, in place, without arithmetic, which may change the payload of a NaN.
    /// </summary>
    private static Tensor FlipSigns(Tensor complex)
    {
        var part = complex.ElementSize / 2;
        var bytes = (byte*)Memory.Address(complex);
        for (long i = 0; i < complex.NumberOfElements; i++) bytes[(2 * i + 2) * part - 1] ^= 0x80;
        return complex;
    }
}
