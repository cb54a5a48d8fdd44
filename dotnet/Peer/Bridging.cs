using System.Collections;
using TorchSharp;
using TorchSharp.Modules;
using TorchSharp.PyBridge;
using static TorchSharp.torch;

namespace TorchSharpCompat;

/// <summary>
/// PyBridge's overloads that take a stream or a state dict. Extension methods and optional parameters are C#'s; a stream
/// must stay open where that is asked for, else this throws InvalidOperationException.
/// </summary>
public static class Bridging
{
    public static void SavePickle(nn.Module module, string path) =>
        LeftOpen(File.Create(path), stream => module.save_py(stream, leaveOpen: true));

    public static void LoadPickle(nn.Module module, string path) =>
        LeftOpen(File.OpenRead(path), stream => module.load_py(stream, leaveOpen: true));

    public static void SaveSafetensors(nn.Module module, string path) =>
        LeftOpen(File.Create(path), stream => module.save_safetensors(stream, leaveOpen: true));

    public static void LoadSafetensors(nn.Module module, string path) =>
        LeftOpen(File.OpenRead(path), stream => module.load_safetensors(stream, leaveOpen: true));

    public static void SaveOptimizer(OptimizerHelper optimizer, string path) =>
        LeftOpen(File.Create(path), stream => optimizer.save_py(stream, leaveOpen: true));

    public static void LoadOptimizer(OptimizerHelper optimizer, string path) =>
        LeftOpen(File.OpenRead(path), stream => optimizer.load_py(stream, leaveOpen: true));

    public static void Pickle(nn.Module module, string path) => PyTorchPickler.PickleStateDict(path, module.state_dict());

    /// <summary>Unpickles, and copies the tensors into the module.</summary>
    public static void Unpickle(nn.Module module, string path)
    {
        var state = PyTorchUnpickler.UnpickleStateDict(path).Cast<DictionaryEntry>();
        module.load_state_dict(state.ToDictionary(each => (string)each.Key, each => (Tensor)each.Value!));
    }

    public static void SaveDict(nn.Module module, string path) => Safetensors.SaveStateDict(path, module.state_dict());

    public static void LoadDict(nn.Module module, string path) => module.load_state_dict(Safetensors.LoadStateDict(path));

    private static void LeftOpen(FileStream stream, Action<Stream> use)
    {
        using (stream)
        {
            use(stream);
            if (!stream.CanRead && !stream.CanWrite) throw new InvalidOperationException("the stream is closed afterwards");
        }
    }
}
