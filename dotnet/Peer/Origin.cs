using System.Diagnostics;

namespace TorchSharpCompat;

/// <summary>Finds out whose an exception is: our own code's, or that of TorchSharp, the packages beside it and people's assemblies.</summary>
public static class Origin
{
    /// <summary>Where the publish lies.</summary>
    internal static readonly string Folder = Path.GetDirectoryName(typeof(Origin).Assembly.Location)!;

    /// <summary>
    /// Whether our own code is at fault. An exception belongs to the innermost frame that is not one of .NET's libraries,
    /// which throw for both. Where there is no such frame, our Python code has called .NET's libraries itself.
    /// </summary>
    /// <remarks>
    /// A method of TorchSharp that the compiler has inlined has no frame. So our methods that call TorchSharp and do little
    /// else are not optimized (MethodImplOptions.NoOptimization), which keeps others from being inlined into them.
    /// </remarks>
    public static bool IsOurs(Exception error)
    {
        foreach (var frame in new StackTrace(error).GetFrames())
        {
            // OneWay refuses on purpose: then the one that asked it to seek is at fault.
            if (frame.GetMethod()?.DeclaringType is not { } type || type == typeof(OneWay)) continue;
            var assembly = type.Assembly;
            if (Own.Has(assembly)) return false;
            if (assembly.IsDynamic || Path.GetDirectoryName(assembly.Location) != Folder) continue;
            return assembly == typeof(Origin).Assembly;
        }
        return true;
    }
}
