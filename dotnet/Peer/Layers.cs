using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharpCompat;

/// <summary>
/// Builds modules from the descriptions of cases/layer.toml with the factories of TorchSharp.torch.nn, found by
/// reflection. A description is a JSON object: the factory's name (module), arguments by position, options by name, and
/// whether the module becomes the only child of another. Its counterpart in Python: python_side/models/layers.py.
/// </summary>
public static partial class Layers
{
    /// <summary>The methods of torch.nn that make a module. Those without type parameters suffice.</summary>
    private static readonly ILookup<string, MethodInfo> Factories = typeof(nn)
        .GetMethods(BindingFlags.Public | BindingFlags.Static | BindingFlags.DeclaredOnly)
        .Where(method => typeof(nn.Module).IsAssignableFrom(method.ReturnType) && !method.IsGenericMethodDefinition)
        .ToLookup(method => method.Name);

    /// <summary>Builds a module. Throws ArgumentException if no overload takes all arguments and options.</summary>
    public static nn.Module Build(string description)
    {
        using var json = JsonDocument.Parse(description);
        return Build(json.RootElement);
    }

    /// <summary>
    /// Runs a module on its inputs, in order; a parameter that is a pair of states takes the next two. A bool parameter
    /// gets true, a parameter for which no input is left gets null. Returns the outputs, tuples flattened. Throws
    /// ArgumentException if there are too many inputs.
    /// </summary>
    public static Tensor[] Forward(nn.Module module, params Tensor[] inputs)
    {
        if (module is Parent parent) return Forward(parent.Child, inputs);
        // A transposed convolution has a second forward, with the size of the output as one more parameter.
        var forwards = module.GetType().GetMethods().Where(method => method.Name == "forward");
        var forward = forwards.MinBy(method => method.GetParameters().Length)
            ?? throw new ArgumentException($"{module.GetName()} has no forward");
        var left = new Queue<Tensor>(inputs);
        object?[] values = [.. forward.GetParameters().Select(parameter => Input(parameter.ParameterType, left))];
        if (left.Count > 0) throw new ArgumentException($"forward of {module.GetName()}: {left.Count} inputs too many");
        return [.. Flat(Invoke(forward, module, values))];
    }

    private static nn.Module Build(JsonElement description)
    {
        var name = description.GetProperty("module").GetString()!;
        foreach (var factory in Factories[name])
        {
            if (Bind(factory.GetParameters(), description) is not { } values) continue;
            var module = (nn.Module)Invoke(factory, null, values);
            foreach (var option in Options(description).Where(item => IsNone(item.Value)))
            {
                module.GetType().GetProperty(option.Name)!.SetValue(module, null); // no factory takes null
            }
            return description.GetProperty("child").GetBoolean() ? new Parent(module) : module;
        }
        throw new ArgumentException($"torch.nn has no factory that takes {description}");
    }

    private static object Invoke(MethodInfo method, object? self, object?[] values) =>
        method.Invoke(self, BindingFlags.DoNotWrapExceptions, null, values, null)!;

    /// <summary>
    /// The argument values for a factory's parameters; null if the description's arguments do not fit them.
    /// </summary>
    private static object?[]? Bind(ParameterInfo[] parameters, JsonElement description)
    {
        JsonElement[] arguments = [.. description.GetProperty("arguments").EnumerateArray()];
        var options = Options(description).Where(item => !IsNone(item.Value)).ToDictionary(item => item.Name, item => item.Value);
        var values = new object?[parameters.Length];
        for (var i = 0; i < parameters.Length; i++)
        {
            var parameter = parameters[i];
            var type = parameter.ParameterType;
            if (i < arguments.Length)
            {
                values[i] = Value(arguments[i], type);
                if (values[i] is null && parameter.IsDefined(typeof(ParamArrayAttribute)))
                {
                    values[i] = Sequence(arguments[i..], type);
                    arguments = arguments[..i];
                }
            }
            else if (options.Keys.FirstOrDefault(name => SameName(name, parameter.Name!)) is { } option)
            {
                options.Remove(option, out var given);
                values[i] = Value(given, type);
            }
            else if (parameter.HasDefaultValue)
            {
                values[i] = parameter.DefaultValue;
                continue;
            }
            if (values[i] is null) return null;
        }
        return arguments.Length <= parameters.Length && options.Count == 0 ? values : null;
    }

    private static JsonElement.ObjectEnumerator Options(JsonElement description) =>
        description.GetProperty("options").EnumerateObject();

    /// <summary>Whether it stands for Python's None, here null.</summary>
    private static bool IsNone(JsonElement json) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty("none", out _);

    /// <summary>Whether the names differ only in case and underscores: Python's batch_first is batchFirst here.</summary>
    private static bool SameName(string python, string dotnet) =>
        python.Replace("_", "").Equals(dotnet.Replace("_", ""), StringComparison.OrdinalIgnoreCase);

    /// <summary>A JSON value as a .NET value of this type; null if the type cannot hold it.</summary>
    internal static object? Value(JsonElement json, Type wanted)
    {
        var type = Nullable.GetUnderlyingType(wanted) ?? wanted;
        return json.ValueKind switch
        {
            JsonValueKind.True or JsonValueKind.False => type == typeof(bool) ? json.GetBoolean() : null,
            JsonValueKind.Number => Number(json, type),
            JsonValueKind.String => type.IsEnum && Enum.TryParse(type, json.GetString(), true, out var member) ? member : null,
            JsonValueKind.Array => Sequence([.. json.EnumerateArray()], type),
            JsonValueKind.Object => Described(json, type),
            _ => null,
        };
    }

    private static object? Number(JsonElement json, Type type)
    {
        if (type == typeof(double)) return json.GetDouble();
        if (type == typeof(float)) return (float)json.GetDouble();
        if (type == typeof(long)) return json.TryGetInt64(out var number) ? number : null;
        return type == typeof(int) && json.TryGetInt32(out var small) ? small : null;
    }

    /// <summary>An array, or a tuple such as (long, long); null if the type cannot hold the items.</summary>
    private static object? Sequence(JsonElement[] json, Type type)
    {
        if (type.GetElementType() is { } element) return Typed(element, json.Select(item => Value(item, element)));
        if (!typeof(ITuple).IsAssignableFrom(type) || type.GetGenericArguments().Length != json.Length) return null;
        object?[] items = [.. json.Zip(type.GetGenericArguments(), Value)];
        return items.Contains(null) ? null : Activator.CreateInstance(type, items);
    }

    /// <summary>A module; a parameter or tensor of ones, given its shape; or an array of named items, in order.</summary>
    private static object? Described(JsonElement json, Type type)
    {
        if (json.TryGetProperty("module", out _))
        {
            var made = typeof(nn.Module).IsAssignableFrom(type) ? Build(json) : null;
            return type.IsInstanceOfType(made) ? made : null;
        }
        if (json.TryGetProperty("parameter", out var shape)) return type == typeof(Parameter) ? new Parameter(Ones(shape)) : null;
        if (json.TryGetProperty("tensor", out shape)) return type == typeof(Tensor) ? Ones(shape) : null;
        if (type.GetElementType() is not { } pair || pair.GetGenericArguments() is not [_, var wanted]) return null;
        return Typed(pair, json.EnumerateObject().Select(Pair));

        object? Pair(JsonProperty item) =>
            Value(item.Value, wanted) is { } value ? Activator.CreateInstance(pair, item.Name, value) : null;
    }

    private static Array? Typed(Type element, IEnumerable<object?> items)
    {
        object?[] untyped = [.. items];
        if (untyped.Contains(null)) return null;
        var array = Array.CreateInstance(element, untyped.Length);
        untyped.CopyTo(array, 0);
        return array;
    }

    private static Tensor Ones(JsonElement shape) => ones([.. shape.EnumerateArray().Select(size => size.GetInt64())]);

    /// <summary>The next input, or pair of inputs; null when none is left. A bool (need_weights) is true.</summary>
    private static object? Input(Type type, Queue<Tensor> left)
    {
        if (type == typeof(bool)) return true;
        if (left.Count == 0) return null;
        if (Nullable.GetUnderlyingType(type) is not { } tuple) return left.Dequeue();
        return Activator.CreateInstance(tuple, [.. tuple.GetGenericArguments().Select(part => Input(part, left))]);
    }

    internal static IEnumerable<Tensor> Flat(object result) => result switch
    {
        Tensor tensor => [tensor],
        Array items => items.Cast<object>().SelectMany(Flat),
        ITuple tuple => Enumerable.Range(0, tuple.Length).SelectMany(i => Flat(tuple[i]!)),
        _ => throw new ArgumentException($"forward returned {result.GetType()}; expected a Tensor, or an array or tuple of them"),
    };

    /// <summary>A module with a single child: some modules register their state only when they become a child.</summary>
    private sealed class Parent : nn.Module
    {
        private readonly nn.Module layer;

        public Parent(nn.Module child) : base("parent")
        {
            layer = child;
            RegisterComponents();
        }

        public nn.Module Child => layer;
    }
}
