using TorchSharp;
using static TorchSharp.torch;

namespace TorchSharpCompat;

/// <summary>The modules that both sides build natively: a layer of torch.nn from its description, or an architecture.</summary>
public static class Modules
{
    /// <summary>
    /// Builds a module and converts it to the dtype of this code. Throws what Layers.Build and Architectures.Build throw,
    /// and what TorchSharp's own <c>to</c> does.
    /// </summary>
    public static nn.Module Build(string kind, string description, int code)
    {
        var module = kind == "arch" ? TorchSharpCompat.Models.Architectures.Build(description) : Layers.Build(description);
        return (ScalarType)code == ScalarType.Float32 ? module : module.to((ScalarType)code);
    }

    public static string[] Architectures => TorchSharpCompat.Models.Architectures.Names;

    /// <summary>Moves a module; an extension method, which pythonnet does not see.</summary>
    public static nn.Module To(nn.Module module, string device) => module.to(device);

    public static string[] BufferNames(nn.Module module) =>
        [.. module.named_buffers(include_nonpersistent: false).Select(named => named.name)];
}

/// <summary>The places of a module's state, to be filled from an address: nothing here passes through save or load.</summary>
public sealed class Slots(nn.Module module)
{
    private readonly Dictionary<string, Tensor> state = module.state_dict();

    /// <summary>
    /// Writes the elements of one entry, as poison none of them; says whether the module has an entry of this name, dtype and
    /// number of elements.
    /// </summary>
    public bool Write(string name, int code, long data, long size, bool poison)
    {
        if (!state.TryGetValue(name, out var tensor)) return false;
        if ((int)tensor.dtype != code || tensor.NumberOfElements * tensor.ElementSize != size) return false;
        Memory.Write(tensor, data, poison);
        return true;
    }
}
