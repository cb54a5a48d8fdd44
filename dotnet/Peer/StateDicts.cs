using TorchSharp;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace TorchSharpCompat;

/// <summary>
/// What the probes of guarantees call of Module and ScriptModule: overloads with optional parameters, generic types and
/// dictionaries, which pythonnet does badly. A list of names is one string, a name per line.
/// </summary>
public static class StateDicts
{
    /// <summary>Saves without the entries to skip, by the overload for a "path", a "stream", a "writer" or a "dict".</summary>
    public static void SaveSkipping(nn.Module module, string givenAs, string path, string skip)
    {
        var names = skip.Split('\n');
        if (givenAs == "path")
        {
            module.save(path, names);
            return;
        }
        using var stream = File.Create(path);
        using var writer = new BinaryWriter(stream);
        if (givenAs == "stream") module.save(stream, names);
        else if (givenAs == "writer") module.save(writer, names);
        else nn.Module.save_state_dict(writer, module.state_dict(), names);
    }

    /// <summary>load_state_dict of another module's state dict; returns both of its lists, as "missing ...; unexpected ...".</summary>
    public static string Load(nn.Module module, nn.Module source, bool strict, string skip)
    {
        var (missing, unexpected) = module.load_state_dict(source.state_dict(), strict, skip.Split('\n'));
        return $"missing {string.Join(", ", missing)}; unexpected {string.Join(", ", unexpected)}";
    }

    public static nn.Module Create(string path) => nn.Module.Create<Fields>(path);

    /// <summary>The names of a dictionary to which state_dict has added the module's entries, under a prefix.</summary>
    public static string[] Under(nn.Module module, string prefix)
    {
        var destination = new Dictionary<string, Tensor> { ["before"] = zeros(1) };
        module.state_dict(destination, prefix);
        return [.. destination.Keys];
    }

    /// <summary>The script in the file, by each of the 24 overloads of torch.jit.load.</summary>
    public static nn.Module[] LoadScripts(string path)
    {
        var bytes = File.ReadAllBytes(path);
        var device = new Device("cpu");
        return
        [
            jit.load(path), jit.load(path, device), jit.load(path, "cpu"),
            jit.load(bytes), jit.load(bytes, device), jit.load(bytes, "cpu"),
            jit.load<Tensor>(path), jit.load<Tensor>(path, device), jit.load<Tensor>(path, "cpu"),
            jit.load<Tensor>(bytes), jit.load<Tensor>(bytes, device), jit.load<Tensor>(bytes, "cpu"),
            jit.load<Tensor, Tensor>(path), jit.load<Tensor, Tensor>(path, device), jit.load<Tensor, Tensor>(path, "cpu"),
            jit.load<Tensor, Tensor>(bytes), jit.load<Tensor, Tensor>(bytes, device), jit.load<Tensor, Tensor>(bytes, "cpu"),
            jit.load<Tensor, Tensor, Tensor>(path), jit.load<Tensor, Tensor, Tensor>(path, device),
            jit.load<Tensor, Tensor, Tensor>(path, "cpu"), jit.load<Tensor, Tensor, Tensor>(bytes),
            jit.load<Tensor, Tensor, Tensor>(bytes, device), jit.load<Tensor, Tensor, Tensor>(bytes, "cpu"),
        ];
    }

    /// <summary>torchvision's ResNet-18 with another number of classes than 1000, from a file of weights if one is given.</summary>
    public static nn.Module ResNet18(long classes, string? file, bool skip) =>
        torchvision.models.resnet18(num_classes: (int)classes, weights_file: file, skipfc: skip);
}

/// <summary>A module whose fields have other names in the state dict.</summary>
public sealed class Renamed : nn.Module
{
    [ComponentName(Name = "layer")]
    private readonly nn.Module first = nn.Linear(2, 3);

    [ComponentName(Name = "scale")]
    private readonly Parameter second = nn.Parameter(zeros(1));

    [ComponentName(Name = "table")]
    private readonly Tensor third = zeros(4);

    public Renamed() : base("renamed") => RegisterComponents();

    public string[] EntryNames => [.. state_dict().Keys];

    /// <summary>Converts the module, and returns whether its fields are then what it has registered.</summary>
    public bool FieldsFollow()
    {
        this.to(ScalarType.Float64);
        return first.state_dict()["weight"].dtype == ScalarType.Float64
            && second.dtype == ScalarType.Float64
            && third.dtype == ScalarType.Float64;
    }
}
