using System.Runtime.CompilerServices;
using TorchSharp;
using TorchSharp.PyBridge;
using static TorchSharp.torch;

namespace TorchSharpCompat;

/// <summary>
/// Calls Module.load and PyBridge's load_py and load_safetensors with all their options (cases/load.toml), and has what
/// the probes of guarantees need.
/// </summary>
public static class Loading
{
    /// <summary>
    /// Loads the file into the module by one of three overloads. The overload gets a "path", a "stream" or a "one-way"
    /// stream (<paramref name="givenAs"/>). <paramref name="skip"/> holds names, one per line. TorchSharp fills
    /// <paramref name="report"/> unless it is null. Returns whether the stream was open afterwards; true for a path.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoOptimization)]
    public static bool Load(
        nn.Module module, string overload, string path, string givenAs, bool strict, string skip,
        Dictionary<string, bool>? report)
    {
        string[] skipped = skip.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        if (givenAs == "path")
        {
            _ = overload switch
            {
                "load" => module.load(path, strict, skipped, report),
                "pybridge-load-pickle" => module.load_py(path, strict, skipped, report),
                "pybridge-load-safetensors" => module.load_safetensors(path, strict, skipped, report),
                _ => throw new KeyNotFoundException($"unknown overload {overload}"),
            };
            return true;
        }
        using var file = File.OpenRead(path);
        using var stream = givenAs switch
        {
            "stream" => (Stream)file,
            "one-way" => new OneWay(file, most: 7),
            _ => throw new KeyNotFoundException($"givenAs is {givenAs}; expected path, stream or one-way"),
        };
        _ = overload switch
        {
            "load" => module.load(stream, strict, skipped, report),
            "pybridge-load-pickle" => module.load_py(stream, strict, skipped, report, leaveOpen: true),
            "pybridge-load-safetensors" => module.load_safetensors(stream, strict, skipped, report, leaveOpen: true),
            _ => throw new KeyNotFoundException($"unknown overload {overload}"),
        };
        return stream.CanRead;
    }

    /// <summary>Whether a file is open in this process: .NET then opens it for nobody else.</summary>
    public static bool IsOpen(string path)
    {
        try
        {
            File.Open(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None).Dispose();
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }

    /// <summary>Saves to a stream; returns whether the stream is open afterwards.</summary>
    public static bool SaveLeavesOpen(nn.Module module)
    {
        using var stream = new MemoryStream();
        module.save(stream);
        return stream.CanWrite;
    }

    /// <summary>An empty loadedParameters, in which TorchSharp reports which entries it has loaded.</summary>
    public static Dictionary<string, bool> Report() => [];

    public static string DeviceOf(nn.Module module) => module.parameters().First().device.ToString();

    /// <summary>Adds a parameter that is not contiguous, which TorchSharp cannot save.</summary>
    public static void AddUnsavable(nn.Module module) =>
        module.register_parameter("unsavable", nn.Parameter(zeros(2, 3).t()));

    public static void RequireGradient(nn.Module module, bool required)
    {
        foreach (var parameter in module.parameters()) parameter.requires_grad = required;
    }

    public static string TrainingAndGradients(nn.Module module)
    {
        bool[] required = [.. module.parameters().Select(parameter => parameter.requires_grad).Distinct()];
        var gradient = required is [var all] ? all ? "requires grad" : "frozen" : "partly frozen";
        return (module.training ? "training, " : "evaluating, ") + gradient;
    }
}

/// <summary>
/// A module with a field of each kind. By TorchSharp's article on saving, RegisterComponents registers them by name.
/// </summary>
public sealed class Fields : nn.Module
{
    private readonly nn.Module layer = nn.Linear(2, 3);
    private readonly TorchSharp.Modules.Parameter scale = nn.Parameter(zeros(1));
    private readonly Tensor table = zeros(4);

    public Fields() : base("fields") => RegisterComponents();

    /// <summary>The registered names: "modules: ...; parameters: ...; buffers: ...".</summary>
    public string Registered
    {
        get
        {
            var modules = named_children().Select(named => named.name);
            var parameters = named_parameters(recurse: false).Select(named => named.name);
            var buffers = named_buffers(recurse: false).Select(named => named.name);
            return $"modules: {string.Join(", ", modules)}; parameters: {string.Join(", ", parameters)}; "
                + $"buffers: {string.Join(", ", buffers)}";
        }
    }
}

/// <summary>A stream like that of a socket: it cannot seek, and a read returns at most <paramref name="most"/> bytes.</summary>
public sealed class OneWay(Stream inner, int most) : Stream
{
    private bool open = true;

    public override bool CanRead => open;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override int Read(byte[] buffer, int offset, int count) => inner.Read(buffer, offset, Math.Min(count, most));

    public override void Flush() => inner.Flush();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        open = false;
        base.Dispose(disposing);
    }
}
