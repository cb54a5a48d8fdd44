using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using TorchSharp;
using static TorchSharp.torch;

namespace TorchSharpCompat;

/// <summary>
/// The modules within a module: what they are, and what each computes alone. No hook is needed, which is as well: hooks fire
/// through <c>call</c>, and most models in C# call <c>forward</c>.
/// </summary>
public static class Parts
{
    private const BindingFlags Own = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    /// <summary>The modules by name, the whole under the empty one.</summary>
    public static Dictionary<string, nn.Module> Of(nn.Module module)
    {
        var found = new Dictionary<string, nn.Module> { [""] = module };
        foreach (var (name, each) in module.named_modules())
        {
            if (name.Length > 0) found.TryAdd(name, each);
        }
        return found;
    }

    /// <summary>The names of each tensor of the state dict that has several.</summary>
    public static string[][] Tied(nn.Module module)
    {
        var entries = module.state_dict().Where(entry => entry.Value.NumberOfElements > 0);
        return [.. entries.GroupBy(entry => Memory.Address(entry.Value), entry => entry.Key).Where(names => names.Count() > 1).Select(names => names.ToArray())];
    }

    public static string TypeOf(nn.Module module) => module.GetType().FullName ?? module.GetType().Name;

    /// <summary>
    /// The numbers, truth values, names and sizes that a module's class keeps, by the name of the field or property, as text:
    /// 1E-05, true, [3, 3], zeros. Those of the base classes of all modules are left out.
    /// </summary>
    public static Dictionary<string, string> Scalars(nn.Module module)
    {
        var found = new Dictionary<string, string>();
        for (var type = module.GetType(); type is not null && type.Assembly != typeof(object).Assembly; type = type.BaseType)
        {
            if (type == typeof(nn.Module) || (type.FullName ?? type.Name).StartsWith("TorchSharp.torch+nn+")) break;
            foreach (var field in type.GetFields(Own)) Add(found, field.Name, field.GetValue(module));
            foreach (var property in type.GetProperties(Own))
            {
                if (property.GetMethod is null || property.GetIndexParameters().Length > 0 || !IsScalar(property.PropertyType)) continue;
                try
                {
                    Add(found, property.Name, property.GetValue(module));
                }
                catch (TargetInvocationException)
                {
                    // A property that cannot be asked now, of which nothing is known then.
                }
            }
        }
        return found;
    }

    private static void Add(Dictionary<string, string> found, string name, object? value)
    {
        var plain = name.StartsWith('<') ? name[1..name.IndexOf('>')] : name;
        if (value is not null && IsScalar(value.GetType())) found.TryAdd(plain, Text(value));
    }

    private static bool IsScalar(Type given)
    {
        var type = Nullable.GetUnderlyingType(given) ?? given;
        if (type.IsArray) return type == typeof(long[]) || type == typeof(int[]) || type == typeof(double[]);
        return type.IsEnum || type == typeof(bool) || type == typeof(int) || type == typeof(long) || type == typeof(float)
            || type == typeof(double) || type == typeof(string)
            || (typeof(ITuple).IsAssignableFrom(type) && type.IsValueType && type.GetGenericArguments().All(IsScalar));
    }

    private static string Text(object? value) => value switch
    {
        null => "null",
        bool truth => truth ? "true" : "false",
        float or double => ((IFormattable)value).ToString("R", CultureInfo.InvariantCulture),
        Array items => $"[{string.Join(", ", items.Cast<object>().Select(Text))}]",
        ITuple tuple => $"[{string.Join(", ", Enumerable.Range(0, tuple.Length).Select(i => Text(tuple[i])))}]",
        _ => FormattableString.Invariant($"{value}"),
    };

    /// <summary>Sets the probability of every dropout layer to 0, so that a training draws nothing. Returns their names.</summary>
    public static string[] StopDropout(nn.Module module)
    {
        var stopped = new List<string>();
        foreach (var (name, each) in Of(module))
        {
            var chance = each.GetType().GetProperty("p");
            if (each.GetType().Namespace != "TorchSharp.Modules" || !each.GetType().Name.Contains("Dropout") || chance is null) continue;
            chance.SetValue(each, 0.0);
            stopped.Add(name);
        }
        return [.. stopped];
    }

    /// <summary>
    /// Runs a module's forward as <c>Forward</c> does, and backward from the sum of its floating outputs, each times the
    /// cotangent of its place. Returns the gradients of the floating inputs, as input.N, and of the parameters, where there
    /// are some. Throws as <c>Forward</c>, and UnusableException where no output is floating.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoOptimization)]
    public static Dictionary<string, Tensor> Backward(nn.Module module, int[] sizes, string named, Tensor[] inputs, Tensor[] cotangents)
    {
        foreach (var input in inputs.Where(each => each.is_floating_point())) input.requires_grad_();
        // Clones, because a model may change its inputs in place, which a leaf does not allow.
        Tensor[] outputs = [.. Run(module, sizes, named, [.. inputs.Select(each => each.clone())]).Where(each => each.is_floating_point())];
        if (outputs.Length == 0) throw new UnusableException("no output is of a floating type");
        var sum = outputs.Zip(cotangents, (output, cotangent) => (output * cotangent).sum()).Aggregate((one, other) => one + other);
        sum.backward();
        var found = new Dictionary<string, Tensor>();
        for (var i = 0; i < inputs.Length; i++)
        {
            if (inputs[i].grad is { } gradient) found[$"input.{i}"] = gradient;
        }
        foreach (var (name, parameter) in module.named_parameters())
        {
            if (parameter.grad is { } gradient) found[name] = gradient;
        }
        return found;
    }

    /// <summary>
    /// Runs a module's forward, without gradients. <paramref name="sizes"/> has for each argument how many of the inputs it
    /// takes: 1 for a tensor, 0 for null, more for a tuple or array of them. <paramref name="named"/> is a JSON object of the
    /// names of these arguments, and of the arguments that are no tensors. Returns the outputs, tuples flattened. Throws
    /// UnusableException if no forward of the module takes them, and what forward throws.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoOptimization)]
    public static Tensor[] Forward(nn.Module module, int[] sizes, string named, Tensor[] inputs)
    {
        using var gradients = no_grad();
        return Run(module, sizes, named, inputs);
    }

    [MethodImpl(MethodImplOptions.NoOptimization)]
    internal static Tensor[] Run(nn.Module module, int[] sizes, string named, Tensor[] inputs)
    {
        using var json = JsonDocument.Parse(named);
        var (scalars, defaults) = (Object(json, "named"), Object(json, "defaults"));
        string[] names = [.. json.RootElement.GetProperty("parameters").EnumerateArray().Select(name => Plain(name.GetString()!))];
        var forwards = module.GetType().GetMethods(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)
            .Where(method => method.Name == "forward" && !method.ContainsGenericParameters)
            .OrderBy(method => method.GetParameters().Length);
        foreach (var forward in forwards)
        {
            if (Bind(forward.GetParameters(), Arguments(names, sizes, inputs), scalars, defaults) is not { } values) continue;
            var result = forward.Invoke(module, BindingFlags.DoNotWrapExceptions, null, values, null);
            return [.. Flat(result)];
        }
        throw new UnusableException($"no forward of {TypeOf(module)} takes {Words(sizes)}{string.Concat(scalars.Select(item => $", {item.Key} {item.Value}"))}");
    }

    /// <summary>An argument of Python's that is a tensor, null, or several tensors.</summary>
    private sealed record Argument(string Name, Tensor[] Tensors);

    private static List<Argument> Arguments(string[] names, int[] sizes, Tensor[] inputs)
    {
        var left = new Queue<Tensor>(inputs);
        return [.. names.Zip(sizes, (name, size) => new Argument(name, [.. Enumerable.Range(0, size).Select(_ => left.Dequeue())]))];
    }

    /// <summary>The argument of the parameter's name, or the first that no parameter is called by; null if there is none.</summary>
    private static Argument? Next(string name, List<Argument> arguments, HashSet<string> known) =>
        arguments.FirstOrDefault(each => each.Name == name) ?? arguments.FirstOrDefault(each => !known.Contains(each.Name));

    private static object?[]? Bind(
        ParameterInfo[] parameters, List<Argument> arguments, Dictionary<string, JsonElement> scalars, Dictionary<string, JsonElement> defaults)
    {
        var left = scalars.Keys.ToHashSet();
        var known = parameters.Select(parameter => Plain(parameter.Name!)).ToHashSet();
        var values = new object?[parameters.Length];
        for (var i = 0; i < parameters.Length; i++)
        {
            var type = Nullable.GetUnderlyingType(parameters[i].ParameterType) ?? parameters[i].ParameterType;
            var takes = type == typeof(Tensor) || typeof(ITuple).IsAssignableFrom(type) || type.IsAssignableFrom(typeof(Tensor[])) || type == typeof(List<Tensor>);
            if (!takes && scalars.TryGetValue(Plain(parameters[i].Name!), out var given))
            {
                values[i] = Layers.Value(given, type);
                if (values[i] is null) return null;
                left.Remove(Plain(parameters[i].Name!));
                continue;
            }
            var argument = takes ? Next(Plain(parameters[i].Name!), arguments, known) : null;
            if (argument is null)
            {
                if (parameters[i].HasDefaultValue) values[i] = parameters[i].DefaultValue;
                else if (!takes && defaults.TryGetValue(Plain(parameters[i].Name!), out var usual)) values[i] = Layers.Value(usual, type);
                else if (type == typeof(bool)) values[i] = true;
                else if (!takes || (parameters[i].ParameterType.IsValueType && type == parameters[i].ParameterType)) return null;
                continue;
            }
            arguments.Remove(argument);
            if (argument.Tensors.Length > 0 && !Take(type, argument.Tensors, out values[i])) return null;
        }
        return arguments.Count == 0 && left.Count == 0 ? values : null;
    }

    private static Dictionary<string, JsonElement> Object(JsonDocument json, string name) =>
        json.RootElement.GetProperty(name).EnumerateObject().ToDictionary(item => Plain(item.Name), item => item.Value);

    private static string Plain(string name) => name.Replace("_", "").ToLowerInvariant();

    private static bool Take(Type type, Tensor[] tensors, out object? value)
    {
        value = null;
        if (type == typeof(Tensor))
        {
            if (tensors.Length != 1) return false;
            value = tensors[0];
        }
        else if (typeof(ITuple).IsAssignableFrom(type))
        {
            if (Count(type) != tensors.Length) return false;
            value = Tuple(type, new Queue<Tensor>(tensors));
        }
        else
        {
            value = type == typeof(List<Tensor>) ? tensors.ToList() : tensors;
        }
        return true;
    }

    private static int Count(Type type) =>
        typeof(ITuple).IsAssignableFrom(type) ? type.GetGenericArguments().Sum(Count) : type == typeof(Tensor) ? 1 : -1000;

    private static object? Tuple(Type type, Queue<Tensor> tensors) => typeof(ITuple).IsAssignableFrom(type)
        ? Activator.CreateInstance(type, [.. type.GetGenericArguments().Select(part => Tuple(part, tensors))])
        : tensors.Dequeue();

    private static IEnumerable<Tensor> Flat(object? result) => result switch
    {
        null => [],
        Tensor { IsInvalid: true } => [], // weights of attention that nobody asked for
        Tensor tensor => [tensor],
        System.Collections.IDictionary named => named.Keys.Cast<object>()
            .OrderBy(key => key.ToString(), StringComparer.Ordinal).SelectMany(key => Flat(named[key])),
        System.Collections.IEnumerable items => items.Cast<object?>().SelectMany(Flat),
        ITuple tuple => Enumerable.Range(0, tuple.Length).SelectMany(i => Flat(tuple[i])),
        _ => throw new UnusableException($"forward returned {result.GetType()}: expected a Tensor, or several in a tuple, array or dictionary"),
    };

    private static string Words(int[] sizes)
    {
        var words = sizes.Select(size => size switch { 0 => "null", 1 => "a Tensor", _ => $"{size} tensors as one" });
        return sizes.Length == 0 ? "no argument" : string.Join(", ", words);
    }
}
