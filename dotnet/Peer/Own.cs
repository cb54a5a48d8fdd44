using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using TorchSharp;
using static TorchSharp.torch;

namespace TorchSharpCompat;

/// <summary>A person's assembly cannot be used as it is. The message has the reason, and what to do.</summary>
public sealed class UnusableException(string message) : Exception(message);

/// <summary>Builds a person's own module from their assembly. That runs their code.</summary>
public static class Own
{
    private const int Shown = 20;
    private static readonly HashSet<Assembly> Loaded = [];
    private static readonly JsonSerializerOptions Lenient = new()
    {
        PropertyNameCaseInsensitive = true,
        IncludeFields = true,
        Converters = { new JsonStringEnumConverter() },
    };

    private static readonly Dictionary<Type, string> Keywords = new()
    {
        [typeof(bool)] = "bool", [typeof(int)] = "int", [typeof(long)] = "long", [typeof(float)] = "float",
        [typeof(double)] = "double", [typeof(string)] = "string", [typeof(int[])] = "int[]", [typeof(long[])] = "long[]",
    };

    /// <summary>Whether an assembly is a person's: the one that they named, or one beside it.</summary>
    public static bool Has(Assembly assembly) => Loaded.Contains(assembly);

    /// <summary>
    /// Builds the module of this class: its full name, or its name alone if only one class has it.
    /// <paramref name="arguments"/> is a JSON array of the constructor's arguments. Throws UnusableException, and what the
    /// constructor throws.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoOptimization)]
    public static nn.Module Build(string path, string name, string arguments)
    {
        try
        {
            var type = Find(Load(path), path, name);
            return Construct(type, arguments);
        }
        catch (ReflectionTypeLoadException error)
        {
            var missing = error.LoaderExceptions.FirstOrDefault()?.Message ?? error.Message;
            throw new UnusableException($"{missing} Expected all that it needs beside it, as dotnet publish puts it there");
        }
        catch (TypeInitializationException error) when (error.InnerException is { } inner)
        {
            throw new UnusableException($"{error.TypeName} cannot be initialized: {inner.GetType().FullName}: {inner.Message}");
        }
        catch (Exception error) when (error is FileNotFoundException or FileLoadException or TypeLoadException or MissingMemberException)
        {
            throw new UnusableException($"{error.Message} Expected all that it needs beside it, as dotnet publish puts it there");
        }
    }

    private static Assembly Load(string path)
    {
        try
        {
            var assembly = Assembly.LoadFrom(path);
            RefuseAnother(assembly);
            Accept(assembly);
            return assembly;
        }
        catch (BadImageFormatException)
        {
            throw new UnusableException("it is no .NET assembly that this platform loads: give the .dll that dotnet build wrote");
        }
    }

    /// <summary>
    /// Refuses an assembly that was built for another TorchSharp. .NET itself would take a later one, and fail in a call.
    /// </summary>
    private static void RefuseAnother(Assembly assembly)
    {
        var ours = typeof(nn).Assembly.GetName();
        var wanted = assembly.GetReferencedAssemblies().FirstOrDefault(reference => reference.Name == ours.Name)?.Version;
        if (wanted is null || wanted == ours.Version) return;
        throw new UnusableException(
            $"{assembly.GetName().Name} was built for TorchSharp {wanted.ToString(3)}, and this is {ours.Version?.ToString(3)}: "
            + $"give --torchsharp {wanted.ToString(3)}, or build it for this one");
    }

    /// <summary>Takes an assembly, and those beside it that it needs, for a person's.</summary>
    private static void Accept(Assembly assembly)
    {
        if (!Loaded.Add(assembly)) return;
        var folder = Path.GetDirectoryName(assembly.Location)!;
        foreach (var reference in assembly.GetReferencedAssemblies())
        {
            var beside = Path.Combine(folder, reference.Name + ".dll");
            if (File.Exists(beside) && !File.Exists(Path.Combine(Origin.Folder, reference.Name + ".dll"))) Accept(Assembly.LoadFrom(beside));
        }
    }

    /// <summary>A class within another one as C# writes it, with a dot.</summary>
    private static string Named(Type type) => Written(type.FullName ?? type.Name);

    private static string Written(string name) => name.Replace('+', '.');

    private static Type Find(Assembly assembly, string path, string name)
    {
        Type[] types = [.. assembly.GetTypes().Where(type => typeof(nn.Module).IsAssignableFrom(type) && !type.IsAbstract && !type.ContainsGenericParameters)];
        Type[] found = [.. types.Where(type => Named(type) == Written(name) || type.Name == name)];
        if (found.FirstOrDefault(type => Named(type) == Written(name)) is { } exact) found = [exact];
        if (found is [var only]) return only;
        if (assembly.GetType(name) is { } other)
        {
            var what = other.IsAbstract ? "abstract" : other.ContainsGenericParameters ? "generic" : "no TorchSharp module";
            throw new UnusableException($"{other.FullName} is {what}: give a class that can be built as a module");
        }
        var known = types.Length == 0 ? "it has none" : $"it has {string.Join(", ", types.Select(Named).Order().Take(Shown))}{(types.Length > Shown ? $" and {types.Length - Shown} more" : "")}";
        throw new UnusableException(
            found.Length == 0
                ? $"{Path.GetFileName(path)} has no module '{name}': {known}"
                : $"{found.Length} classes have the name '{name}': give one of {string.Join(", ", found.Select(type => type.FullName))}");
    }

    [MethodImpl(MethodImplOptions.NoOptimization)]
    private static nn.Module Construct(Type type, string arguments)
    {
        using var json = JsonDocument.Parse(arguments);
        JsonElement[] given = [.. json.RootElement.EnumerateArray()];
        var constructors = type.GetConstructors(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic);
        foreach (var constructor in constructors.OrderBy(each => !each.IsPublic).ThenBy(each => each.GetParameters().Length))
        {
            if (Bind(constructor.GetParameters(), given) is not { } values) continue;
            try
            {
                return (nn.Module)constructor.Invoke(BindingFlags.DoNotWrapExceptions, null, values, null);
            }
            catch (Exception error) when (Origin.IsOurs(error) && error is not TypeInitializationException)
            {
                // No frame of theirs is left in it, and the only code of ours in it is this call.
                throw new UnusableException($"{type.FullName} cannot be built: {error.GetType().FullName}: {error.Message}");
            }
        }
        var known = constructors.Select(each => $"({string.Join(", ", each.GetParameters().Select(Words))})");
        throw new UnusableException($"no constructor of {type.FullName} takes {arguments}: it has {string.Join(" and ", known)}");
    }

    private static object?[]? Bind(ParameterInfo[] parameters, JsonElement[] given)
    {
        if (given.Length > parameters.Length && parameters.LastOrDefault()?.IsDefined(typeof(ParamArrayAttribute)) != true) return null;
        var values = new object?[parameters.Length];
        for (var i = 0; i < parameters.Length; i++)
        {
            if (i >= given.Length)
            {
                if (!parameters[i].HasDefaultValue) return null;
                values[i] = parameters[i].DefaultValue;
            }
            else if (i == parameters.Length - 1 && parameters[i].IsDefined(typeof(ParamArrayAttribute)) && given[i].ValueKind != JsonValueKind.Array)
            {
                var rest = JsonSerializer.SerializeToElement(given[i..]);
                return Bind(rest, parameters[i].ParameterType, out values[i]) ? values : null;
            }
            else if (!Bind(given[i], parameters[i].ParameterType, out values[i])) return null;
        }
        return values;
    }

    /// <summary>A JSON value as a .NET value: as cases/layer.toml has them, and all that System.Text.Json makes.</summary>
    private static bool Bind(JsonElement json, Type type, out object? value)
    {
        value = null;
        if (json.ValueKind == JsonValueKind.Null) return !type.IsValueType || Nullable.GetUnderlyingType(type) is not null;
        if (type == typeof(Device))
        {
            if (json.ValueKind != JsonValueKind.String) return false;
            value = new Device(json.GetString()!);
            return true;
        }
        value = Layers.Value(json, type);
        if (value is not null) return true;
        try
        {
            value = json.Deserialize(type, Lenient);
            return value is not null;
        }
        catch (Exception error) when (error is JsonException or NotSupportedException or InvalidOperationException)
        {
            return false;
        }
    }

    private static string Words(ParameterInfo parameter)
    {
        var type = Keywords.GetValueOrDefault(parameter.ParameterType, parameter.ParameterType.Name);
        var several = parameter.IsDefined(typeof(ParamArrayAttribute)) ? "params " : "";
        return $"{several}{type} {parameter.Name}{(parameter.HasDefaultValue ? $" = {Literal(parameter.DefaultValue)}" : "")}";
    }

    private static string Literal(object? value) => value switch
    {
        null => "null",
        bool truth => truth ? "true" : "false",
        _ => FormattableString.Invariant($"{value}"),
    };
}
