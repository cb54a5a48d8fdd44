using TorchSharp;
using static TorchSharp.torch;

namespace TorchSharpCompat;

/// <summary>
/// What the probes of guarantees call of Tensor and Generator: spans, arrays, pieces of a stream, random numbers. A file
/// holds nothing but the elements of a tensor, in row-major order.
/// </summary>
public static class Buffers
{
    /// <summary>WriteBytesToStream into a new file, in pieces of this size.</summary>
    public static void Write(Tensor tensor, string path, int piece)
    {
        using var stream = File.Create(path);
        tensor.WriteBytesToStream(stream, piece);
    }

    /// <summary>ReadBytesFromStream, in pieces of this size, from a stream that gives at most 5 bytes at a time.</summary>
    public static void Read(Tensor tensor, string path, int piece)
    {
        using var file = File.OpenRead(path);
        using var stream = new OneWay(file, most: 5);
        tensor.ReadBytesFromStream(stream, piece);
    }

    public static void WriteProperty(Tensor tensor, string path) => File.WriteAllBytes(path, tensor.bytes.ToArray());

    public static void ReadProperty(Tensor tensor, string path) => tensor.bytes = File.ReadAllBytes(path);

    /// <summary>torch.frombuffer of the file's bytes.</summary>
    public static Tensor FromBytes(string path, int code) => frombuffer(File.ReadAllBytes(path), (ScalarType)code);

    /// <summary>torch.frombuffer of float32 numbers, without the first bytes.</summary>
    public static Tensor FromFloats(string path, long offset)
    {
        var bytes = File.ReadAllBytes(path);
        var floats = new float[bytes.Length / sizeof(float)];
        Buffer.BlockCopy(bytes, 0, floats, 0, bytes.Length);
        return frombuffer(floats, ScalarType.Float32, offset: offset);
    }

    /// <summary>Whether a tensor of torch.frombuffer changes with the array, and the array with the tensor.</summary>
    public static bool Shares()
    {
        float[] array = [1, 2, 3];
        using var tensor = frombuffer(array, ScalarType.Float32);
        array[0] = 7;
        var seen = tensor[0].item<float>() == 7;
        tensor[1] = 8;
        return seen && array[1] == 8;
    }

    public static Tensor FromFile(string path, bool shared, long count, int code) =>
        from_file(path, shared, count, (ScalarType)code);

    /// <summary>A tensor of bytes, made of a byte array in each way that there is.</summary>
    public static Tensor[] OfBytes(string path)
    {
        var bytes = File.ReadAllBytes(path);
        var length = bytes.Length;
        var table = new byte[2, length / 2];
        var cube = new byte[2, 1, length / 2];
        var four = new byte[1, 2, 1, length / 2];
        foreach (Array array in new Array[] { table, cube, four }) Buffer.BlockCopy(bytes, 0, array, 0, length);
        Tensor converted = bytes;
        return
        [
            tensor(bytes), tensor(bytes, [length]), tensor(bytes.AsMemory(), [length]), tensor(table), tensor(cube), tensor(four),
            as_tensor(bytes), as_tensor((Array)bytes), from_array(bytes), from_array(bytes, ScalarType.Byte),
            bytes.ToTensor([length]), converted,
        ];
    }

    /// <summary>Which of the ways to copy the elements of a transposed tensor give them in row-major order.</summary>
    public static string Copied()
    {
        using var accessor = arange(6, dtype: ScalarType.Int32).reshape(2, 3).t().data<int>();
        int[] expected = [0, 3, 1, 4, 2, 5];
        int[] array = [-1, .. new int[6]], span = [-1, .. new int[6]];
        accessor.CopyTo(array, 1);
        accessor.CopyTo(span.AsSpan(), 1);
        using var target = zeros(2, 3, ScalarType.Int32).t();
        using var written = target.data<int>();
        written.CopyFrom(expected, 0);
        using var spanned = zeros(2, 3, ScalarType.Int32).t();
        using var copied = spanned.data<int>();
        copied.CopyFrom(new ReadOnlySpan<int>(expected), 0);
        (string Name, int[] Found)[] ways =
        [
            ("ToArray", accessor.ToArray()),
            ("ToNDArray", [.. accessor.ToNDArray().Cast<int>()]),
            ("CopyTo an array", array[1..]),
            ("CopyTo a span", span[1..]),
            ("CopyFrom an array", target.contiguous().data<int>().ToArray()),
            ("CopyFrom a span", spanned.contiguous().data<int>().ToArray()),
        ];
        return string.Join(", ", ways.Where(way => way.Found.SequenceEqual(expected)).Select(way => way.Name));
    }

    /// <summary>The elements of a storage, of a tensor that begins later in it.</summary>
    public static string StorageOf() => string.Join(", ", arange(6, dtype: ScalarType.Int32)[3..].storage<int>().ToArray());

    public static Tensor Cast(Tensor tensor, int code) => tensor.to((ScalarType)code);

    /// <summary>Random numbers of a generator in this state; with the default one of torch if <paramref name="global"/>.</summary>
    public static Tensor Random(Tensor state, long count, bool global)
    {
        if (global)
        {
            set_rng_state(state);
            return rand(count);
        }
        var generator = new Generator();
        generator.set_state(state);
        return rand(count, generator: generator);
    }

    /// <summary>The state of a generator after it has made some numbers from a seed.</summary>
    public static Tensor StateAfter(long seed, long count, bool global)
    {
        if (global)
        {
            random.manual_seed(seed);
            rand(count).Dispose();
            return get_rng_state();
        }
        var generator = new Generator();
        generator.manual_seed(seed);
        rand(count, generator: generator).Dispose();
        return generator.get_state();
    }
}
