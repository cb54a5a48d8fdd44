using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace TorchSharpCompat;

/// <summary>
/// Copies bytes from an address into tensors and back, without the save and load that are under test.
/// </summary>
public static unsafe class Memory
{
    /// <summary>The native function that TorchSharp's save and load use. TorchSharp has no public data pointer.</summary>
    [DllImport("LibTorchSharp")]
    private static extern IntPtr THSTensor_data(IntPtr tensor);

    /// <summary>The address of the first element. It ignores strides, conj and neg: call Resolve first.</summary>
    public static long Address(Tensor tensor) => (long)THSTensor_data(tensor.Handle);

    /// <summary>Whether LibTorchSharp reads this libtorch's tensors rightly. It has their layout compiled in.</summary>
    public static bool Fits()
    {
        using var plain = zeros(2, 3);
        return plain.is_contiguous() && plain.shape.SequenceEqual([2, 3]);
    }

    /// <summary>
    /// A new contiguous CPU tensor. <paramref name="dims"/> is the address of <paramref name="rank"/> 64-bit integers,
    /// <paramref name="data"/> the address of the elements in row-major order.
    /// With <paramref name="poison"/> the tensor holds the complement of the elements, so that untouched memory cannot pass.
    /// Scale and zero point matter to quantized types only.
    /// </summary>
    public static Tensor Make(int code, long dims, int rank, long data, bool poison, double scale, long zeroPoint)
    {
        var shape = new ReadOnlySpan<long>((void*)dims, rank).ToArray();
        var tensor = Empty((ScalarType)code, shape, scale, zeroPoint);
        Write(tensor, data, poison);
        return tensor;
    }

    /// <summary>Overwrites a contiguous tensor, on any device, with the elements at the address, or their complement.</summary>
    public static void Write(Tensor tensor, long data, bool poison)
    {
        if (tensor.device_type != DeviceType.CPU)
        {
            using var plain = tensor.detach().cpu();
            Write(plain, data, poison);
            using var _ = no_grad();
            tensor.copy_(plain);
            return;
        }
        var size = tensor.NumberOfElements * tensor.ElementSize;
        var from = (byte*)data;
        var to = (byte*)Address(tensor);
        var mask = !poison ? 0 : tensor.dtype == ScalarType.Bool ? 0x0101010101010101 : ulong.MaxValue;
        long i = 0;
        for (; i + 8 <= size; i += 8) *(ulong*)(to + i) = *(ulong*)(from + i) ^ mask;
        for (; i < size; i++) to[i] = (byte)(from[i] ^ (byte)mask);
    }

    /// <summary>A new, contiguous CPU tensor with the values of this one: strides, conj, neg and device are resolved.</summary>
    [MethodImpl(MethodImplOptions.NoOptimization)]
    public static Tensor Resolve(Tensor tensor)
    {
        using var scope = NewDisposeScope();
        var plain = tensor.detach().cpu();
        if (IsComplex(plain.dtype) && plain.is_conj()) plain = plain.resolve_conj();
        if (plain.is_neg()) plain = plain.resolve_neg();
        return plain.contiguous().MoveToOuterDisposeScope();
    }

    /// <summary>Tensor.Load into an existing tensor. pythonnet cannot tell this overload from the others.</summary>
    [MethodImpl(MethodImplOptions.NoOptimization)]
    public static void LoadInto(Tensor tensor, BinaryReader reader) => tensor.Load(reader);

    /// <summary>TensorExtensionMethods.Load of a new tensor. pythonnet cannot tell this overload from the others.</summary>
    [MethodImpl(MethodImplOptions.NoOptimization)]
    public static Tensor LoadNew(BinaryReader reader) => TensorExtensionMethods.Load(reader);

    /// <summary>TensorExtensionMethods.Load by reference. Returns the tensor that the reference then holds.</summary>
    [MethodImpl(MethodImplOptions.NoOptimization)]
    public static Tensor? LoadRef(Tensor? tensor, BinaryReader reader)
    {
        TensorExtensionMethods.Load(ref tensor, reader);
        return tensor;
    }

    /// <summary>Whether a dtype is complex. TorchSharp's ScalarType has no complex32, but libtorch knows its code, 8.</summary>
    internal static bool IsComplex(ScalarType dtype) => (int)dtype is >= 8 and <= 10;

    private static Tensor Empty(ScalarType dtype, long[] shape, double scale, long zeroPoint)
    {
        if (dtype is not (ScalarType.QInt8 or ScalarType.QUInt8 or ScalarType.QInt32)) return empty(shape, dtype: dtype);
        using var zeros = torch.zeros(shape, dtype: ScalarType.Float32);
        return quantize_per_tensor(zeros, scale, zeroPoint, dtype);
    }
}
