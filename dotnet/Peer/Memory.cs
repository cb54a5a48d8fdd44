using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace TorchSharpCompat;

/// <summary>
/// Tensors from an address and back. Nothing here passes through the code under test: bytes are copied, never saved or loaded.
/// </summary>
public static unsafe class Memory
{
    /// <summary>The same native function that TorchSharp's own save and load use; TorchSharp has no public data pointer.</summary>
    [DllImport("LibTorchSharp")]
    private static extern IntPtr THSTensor_data(IntPtr tensor);

    /// <summary>The address of the first element; ignores strides and the conj and neg bits, so resolve first.</summary>
    public static long Address(Tensor tensor) => (long)THSTensor_data(tensor.Handle);

    /// <summary>
    /// A new contiguous CPU tensor. <paramref name="dims"/> is the address of <paramref name="rank"/> 64-bit integers,
    /// <paramref name="data"/> the address of the elements in row-major order.
    /// With <paramref name="poison"/> every element differs from the given one, so that memory which nobody wrote cannot pass.
    /// </summary>
    public static Tensor Make(int code, long dims, int rank, long data, bool poison, double scale, long zeroPoint)
    {
        var shape = new ReadOnlySpan<long>((void*)dims, rank).ToArray();
        var tensor = Empty((ScalarType)code, shape, scale, zeroPoint);
        Write(tensor, data, poison);
        return tensor;
    }

    /// <summary>Overwrites the elements of a contiguous CPU tensor with those at the address, or with their complement.</summary>
    public static void Write(Tensor tensor, long data, bool poison)
    {
        var size = tensor.NumberOfElements * tensor.ElementSize;
        var from = (byte*)data;
        var to = (byte*)Address(tensor);
        var mask = !poison ? 0 : tensor.dtype == ScalarType.Bool ? 0x0101010101010101 : ulong.MaxValue;
        long i = 0;
        for (; i + 8 <= size; i += 8) *(ulong*)(to + i) = *(ulong*)(from + i) ^ mask;
        for (; i < size; i++) to[i] = (byte)(from[i] ^ (byte)mask);
    }

    /// <summary>The logical values of a tensor in plain CPU memory: strides, conj, neg and device resolved. A new tensor object.</summary>
    public static Tensor Resolve(Tensor tensor)
    {
        using var scope = NewDisposeScope();
        var plain = tensor.detach().cpu();
        if (IsComplex(plain.dtype) && plain.is_conj()) plain = plain.resolve_conj();
        if (plain.is_neg()) plain = plain.resolve_neg();
        return plain.contiguous().MoveToOuterDisposeScope();
    }

    /// <summary>TorchSharp's Load into an existing tensor; an overload that pythonnet cannot tell from its neighbours.</summary>
    public static void LoadInto(Tensor tensor, BinaryReader reader) => tensor.Load(reader);

    /// <summary>TorchSharp's Load of a new tensor beside Tensor.Load; again an overload among neighbours.</summary>
    public static Tensor LoadNew(BinaryReader reader) => TensorExtensionMethods.Load(reader);

    /// <summary>TorchSharp's Load into a reference to a tensor that exists.</summary>
    public static Tensor? LoadRef(Tensor? tensor, BinaryReader reader)
    {
        TensorExtensionMethods.Load(ref tensor, reader);
        return tensor;
    }

    /// <summary>complex32 has no member in TorchSharp's ScalarType, but libtorch knows its code.</summary>
    internal static bool IsComplex(ScalarType dtype) => (int)dtype is >= 8 and <= 10;

    private static Tensor Empty(ScalarType dtype, long[] shape, double scale, long zeroPoint)
    {
        if (dtype is not (ScalarType.QInt8 or ScalarType.QUInt8 or ScalarType.QInt32)) return empty(shape, dtype: dtype);
        using var zeros = torch.zeros(shape, dtype: ScalarType.Float32);
        return quantize_per_tensor(zeros, scale, zeroPoint, dtype);
    }
}
