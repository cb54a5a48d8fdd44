using System.Runtime.CompilerServices;
using TorchSharp;
using static TorchSharp.torch;

namespace TorchSharpCompat;

/// <summary>Modules that both sides build: a layer of torch.nn from its description, or an architecture by its name.</summary>
public static class Modules
{
    /// <summary>
    /// Builds a module and converts it to the dtype with this code. Throws what Layers.Build, Architectures.Build and
    /// TorchSharp's <c>to</c> throw.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoOptimization)]
    public static nn.Module Build(string kind, string description, int code)
    {
        var module = kind == "arch" ? TorchSharpCompat.Models.Architectures.Build(description) : Layers.Build(description);
        return (ScalarType)code == ScalarType.Float32 ? module : ToType(module, code);
    }

    public static string[] Architectures => TorchSharpCompat.Models.Architectures.Names;

    /// <summary>Moves a module to a device. TorchSharp's <c>to</c> is an extension method, which pythonnet does not see.</summary>
    public static nn.Module To(nn.Module module, string device) => module.to(device);

    /// <summary>Converts a module to the dtype with this code.</summary>
    public static nn.Module ToType(nn.Module module, int code) => module.to((ScalarType)code);

    public static string[] BufferNames(nn.Module module) =>
        [.. module.named_buffers(include_nonpersistent: false).Select(named => named.name)];

    /// <summary>
    /// What a module is beside the bits of its tensors: of each module in it whether it is in train mode, of each tensor
    /// whether it is a parameter or a buffer, requires a gradient, and how it lies on which device. In words.
    /// </summary>
    public static Dictionary<string, string> Flags(nn.Module module)
    {
        var flags = new Dictionary<string, string>();
        foreach (var (name, each) in module.named_modules().Prepend(("", module)))
            flags[$"the mode of {Quoted(name)}"] = each.training ? "train" : "eval";
        foreach (var (name, each) in module.named_parameters())
            flags[Quoted(name)] = (each.requires_grad ? "a parameter that requires a gradient" : "a frozen parameter") + Lies(each);
        foreach (var (name, each) in module.named_buffers())
            flags[Quoted(name)] = (each.requires_grad ? "a buffer that requires a gradient" : "a buffer") + Lies(each);
        return flags;
    }

    /// <summary>Freezes the first parameter, and puts the first submodule into eval mode.</summary>
    public static void Vary(nn.Module module)
    {
        module.named_parameters().First().parameter.requires_grad = false;
        module.named_children().First().module.eval();
    }

    private static string Lies(Tensor tensor) => $" on {tensor.device}, strides [{string.Join(", ", tensor.stride())}]";

    private static string Quoted(string name) => name.Length == 0 ? "the module" : $"'{name}'";
}

/// <summary>Fills the state dict of a module from addresses, without save or load.</summary>
public sealed class Slots(nn.Module module)
{
    private readonly Dictionary<string, Tensor> state = module.state_dict();

    /// <summary>
    /// Writes the elements at the address, or with <paramref name="poison"/> their complement, into one entry. Returns
    /// false, and writes nothing, if the module has no entry of this name, dtype code and size in bytes.
    /// </summary>
    public bool Write(string name, int code, long data, long size, bool poison)
    {
        if (!state.TryGetValue(name, out var tensor)) return false;
        if ((int)tensor.dtype != code || tensor.NumberOfElements * tensor.ElementSize != size) return false;
        Memory.Write(tensor, data, poison);
        return true;
    }
}
