using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharpCompat;

/// <summary>Finds out which modules of TorchSharp have state, so that cases/layer.toml cannot miss a new one.</summary>
public static partial class Layers
{
    private const int Small = 2;

    /// <summary>
    /// The names of the factories whose module can have state in its parent's state dict, sorted. Each factory is tried
    /// with true for every bool; one that refuses the trial values is listed too, so that it is not overlooked.
    /// </summary>
    public static string[] WithState() => [.. Factories.Where(CanHaveState).Select(group => group.Key).Order()];

    private static bool CanHaveState(IEnumerable<MethodInfo> overloads)
    {
        bool?[] found = [.. overloads.Select(HasState)];
        return found.Contains(true) || !found.Contains(false);
    }

    /// <summary>Whether the module of a factory has state; null if the factory refuses the trial values.</summary>
    private static bool? HasState(MethodInfo factory)
    {
        try
        {
            using var parent = new Parent(Try(factory));
            return parent.state_dict().Count > 0;
        }
        catch (Exception refused) when (refused is ArgumentException or ExternalException)
        {
            return null;
        }
    }

    private static nn.Module Try(MethodInfo factory) =>
        (nn.Module)Invoke(factory, null, [.. factory.GetParameters().Select(Trial)]);

    /// <summary>A trial value: true, a tensor of ones, else the default, else something small of this type.</summary>
    private static object? Trial(ParameterInfo parameter)
    {
        var type = parameter.ParameterType;
        if (type == typeof(bool)) return true;
        if (type == typeof(Tensor)) return ones(Small, Small);
        return parameter.HasDefaultValue ? parameter.DefaultValue : Trial(type);
    }

    private static object? Trial(Type type)
    {
        if (type == typeof(long) || type == typeof(int) || type == typeof(double)) return Convert.ChangeType(Small, type);
        if (type == typeof(string)) return "name";
        if (type == typeof(Parameter)) return new Parameter(ones(Small, Small));
        if (type.IsAssignableFrom(typeof(Linear))) return nn.Linear(Small, Small);
        if (typeof(nn.Module).IsAssignableFrom(type)) return Try(Factories[type.Name].First());
        if (typeof(ITuple).IsAssignableFrom(type))
        {
            return Activator.CreateInstance(type, [.. type.GetGenericArguments().Select(Trial)]);
        }
        var element = type.GetElementType() ?? type.GetGenericArguments().FirstOrDefault();
        return element is null ? null : Typed(element, [Trial(element)]);
    }
}
