using System.Collections;
using TorchSharp;
using TorchSharp.Modules;
using TorchSharp.PyBridge;
using static TorchSharp.torch;

namespace TorchSharpCompat;

/// <summary>
/// PyBridge's overloads that take a stream or a state dict, and options: extension methods, optional parameters and
/// dictionaries, which pythonnet does badly.
/// </summary>
public static class Bridging
{
    public static void SavePickle(nn.Module module, string path) =>
        With(File.Create(path), stream => module.save_py(stream, leaveOpen: true));

    public static void LoadPickle(nn.Module module, string path, bool strict = true) =>
        With(File.OpenRead(path), stream => module.load_py(stream, strict, leaveOpen: true));

    public static void SaveSafetensors(nn.Module module, string path) =>
        With(File.Create(path), stream => module.save_safetensors(stream, leaveOpen: true));

    public static void LoadSafetensors(nn.Module module, string path, bool strict = true) =>
        With(File.OpenRead(path), stream => module.load_safetensors(stream, strict, leaveOpen: true));

    public static void SaveOptimizer(OptimizerHelper optimizer, string path) =>
        With(File.Create(path), stream => optimizer.save_py(stream, leaveOpen: true));

    public static void LoadOptimizer(OptimizerHelper optimizer, string path) =>
        With(File.OpenRead(path), stream => optimizer.load_py(stream, leaveOpen: true));

    public static void Pickle(nn.Module module, string path) => PyTorchPickler.PickleStateDict(path, module.state_dict());

    /// <summary>Unpickles, and copies the tensors into the module.</summary>
    public static void Unpickle(nn.Module module, string path, bool strict = true)
    {
        var state = PyTorchUnpickler.UnpickleStateDict(path).Cast<DictionaryEntry>();
        module.load_state_dict(state.ToDictionary(each => (string)each.Key, each => (Tensor)each.Value!), strict);
    }

    public static void SaveDict(nn.Module module, string path) => Safetensors.SaveStateDict(path, module.state_dict());

    public static void LoadDict(nn.Module module, string path, bool strict = true) =>
        module.load_state_dict(Safetensors.LoadStateDict(path), strict);

    /// <summary>Saves a pickle, or safetensors, without the entries to skip: their names, one per line.</summary>
    public static void SaveSkipping(nn.Module module, string path, string skip, bool pickle)
    {
        var names = skip.Split('\n');
        _ = pickle ? module.save_py(path, names) : module.save_safetensors(path, names);
    }

    /// <summary>The entries of a safetensors file whose names are in <paramref name="keys"/>, one per line.</summary>
    public static Dictionary<string, Tensor> Keep(string path, string keys) =>
        Safetensors.LoadStateDict(path, [.. keys.Split('\n')]);

    /// <summary>
    /// load_checkpoint without strict, with an empty skip list. Returns the report and the list afterwards, as
    /// "name: loaded, ...; skip: ...".
    /// </summary>
    public static string LoadSome(nn.Module module, string folder, string? name)
    {
        List<string> skip = [];
        Dictionary<string, bool> report = [];
        module.load_checkpoint(folder, name, strict: false, skip, report, useTqdm: false);
        var loaded = report.OrderBy(each => each.Key).Select(each => $"{each.Key}: {each.Value}");
        return $"{string.Join(", ", loaded)}; skip: {string.Join(", ", skip)}";
    }

    /// <summary>The same with an array as the skip list, which cannot grow.</summary>
    public static void LoadSkippingArray(nn.Module module, string folder, string skip) =>
        module.load_checkpoint(folder, null, strict: false, skip.Split('\n'), null, useTqdm: false);

    /// <summary>The calls that leave their stream open if they are asked to, and those that do so unasked.</summary>
    public static string LeaveOpen(nn.Module module)
    {
        var optimizer = optim.Adam(module.parameters());
        (string Name, Action<Stream, bool> Save, Action<Stream, bool> Load)[] pairs =
        [
            ("py", (to, open) => module.save_py(to, leaveOpen: open), (from, open) => module.load_py(from, leaveOpen: open)),
            (
                "safetensors",
                (to, open) => module.save_safetensors(to, leaveOpen: open),
                (from, open) => module.load_safetensors(from, leaveOpen: open)
            ),
            ("optimizer", (to, open) => optimizer.save_py(to, open), (from, open) => optimizer.load_py(from, open)),
        ];
        List<string> asked = [], unasked = [];
        foreach (var (name, save, load) in pairs)
        {
            foreach (var (wanted, seen) in new[] { (true, asked), (false, unasked) })
            {
                using var to = new MemoryStream();
                save(to, wanted);
                if (to.CanWrite) seen.Add($"save {name}");
                using var from = new MemoryStream(to.ToArray());
                load(from, wanted);
                if (from.CanRead) seen.Add($"load {name}");
            }
        }
        return $"asked: {string.Join(", ", asked)}; unasked: {string.Join(", ", unasked)}";
    }

    private static void With(FileStream stream, Action<Stream> use)
    {
        using (stream) use(stream);
    }
}
