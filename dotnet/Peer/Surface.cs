using System.Collections;
using System.Reflection;
using TorchSharp;
using TorchSharp.PyBridge;
using static TorchSharp.torch;

namespace TorchSharpCompat;

/// <summary>
/// Finds the public members of TorchSharp, TorchVision and PyBridge by which bits come in or go out, so that
/// cases/surface.toml cannot miss a new one.
/// </summary>
public static class Surface
{
    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly Assembly[] Libraries =
        [typeof(torch).Assembly, typeof(torchvision).Assembly, typeof(PyBridgeModuleExtensions).Assembly];

    /// <summary>Types of state dicts; PyBridge unpickles into a Hashtable.</summary>
    private static readonly Type[] StateDicts =
        [typeof(Dictionary<string, Tensor>), typeof(optim.Optimizer.StateDictionary), typeof(Hashtable), typeof(IDictionary)];

    /// <summary>
    /// The signatures, sorted, of the members that take or return a path, a stream, a reader or writer, a byte buffer,
    /// a native address or a state dict, or have "state" in their name. A path is a string parameter with one of the
    /// names in <paramref name="paths"/>, one per line.
    /// </summary>
    public static string[] Members(string paths)
    {
        var names = paths.Split('\n').ToHashSet();
        return [.. Methods().Where(method => Moves(method, names)).Select(Signature).Order(StringComparer.Ordinal)];
    }

    /// <summary>The names of all parameters that are one string, sorted.</summary>
    public static string[] StringParameters() =>
        [.. Strings(Methods()).Distinct().Order(StringComparer.Ordinal)];

    /// <summary>
    /// The methods, accessors and constructors that are declared in public types; not those of delegates, and not the
    /// classes for TensorBoard's files, which are generated.
    /// </summary>
    private static IEnumerable<MethodBase> Methods() =>
        from library in Libraries
        from type in library.GetExportedTypes()
        where !type.IsSubclassOf(typeof(Delegate)) && type.Namespace != "Tensorboard"
        from method in type.GetMethods(Declared).Concat<MethodBase>(type.GetConstructors(Declared))
        select method;

    private static IEnumerable<string> Strings(IEnumerable<MethodBase> methods) =>
        from method in methods
        from parameter in method.GetParameters()
        where parameter.ParameterType == typeof(string)
        select parameter.Name!;

    private static bool Moves(MethodBase method, HashSet<string> paths) =>
        Types(method).Any(Moves) || paths.Overlaps(Strings([method]))
        || method.Name.Contains("state", StringComparison.OrdinalIgnoreCase);

    private static IEnumerable<Type> Types(MethodBase method) =>
        method.GetParameters().Select(each => each.ParameterType).Append((method as MethodInfo)?.ReturnType ?? typeof(void));

    /// <summary>Whether bits can come or go by a value of this type.</summary>
    private static bool Moves(Type type)
    {
        if (type.HasElementType) return !type.IsByRef && IsElement(type.GetElementType()!);
        if (type.Namespace == "System.IO" || StateDicts.Contains(type)) return true;
        if (type == typeof(IntPtr) || type == typeof(Array)) return true;
        var arguments = type.GetGenericArguments();
        var buffer = type.Name.Contains("Span`") || type.Name.Contains("Memory`");
        return arguments.Any(Moves) || (buffer && IsElement(arguments[0]));
    }

    private static bool IsElement(Type type) =>
        type == typeof(byte) || type == typeof(void) || (type.IsGenericParameter && type.IsValueType);

    /// <summary>As in C#, without the namespaces of the parameters' types and without their names.</summary>
    private static string Signature(MethodBase method)
    {
        var type = method.DeclaringType!;
        var generic = method.IsGenericMethod ? Arguments(method.GetGenericArguments()) : "";
        var parameters = method.GetParameters().Select(each => Name(each.ParameterType));
        return $"{type.Namespace}.{Name(type)}.{method.Name}{generic}({string.Join(", ", parameters)})";
    }

    private static string Name(Type type)
    {
        if (type.IsByRef) return $"ref {Name(type.GetElementType()!)}";
        if (type.HasElementType) return Name(type.GetElementType()!) + type.Name[type.Name.LastIndexOfAny(['[', '*'])..];
        if (type.IsGenericParameter) return type.Name;
        if (Nullable.GetUnderlyingType(type) is { } value) return Name(value) + "?";
        var inside = type.IsNested ? $"{Name(type.DeclaringType!)}." : "";
        var (plain, mark) = (type.Name.Split('`')[0], type.Name.Contains('`'));
        return inside + plain + (mark ? Arguments(type.GetGenericArguments()) : "");
    }

    private static string Arguments(Type[] types) => $"<{string.Join(", ", types.Select(Name))}>";
}
