using System.Runtime.CompilerServices;
using TorchSharp;
using static TorchSharp.torch;

namespace TorchSharpCompat;

/// <summary>
/// Loads and runs programs: TorchScript (torch.jit) and AOTInductor packages (torch.export). Saves TorchScript.
/// </summary>
public static class Programs
{
    [MethodImpl(MethodImplOptions.NoOptimization)]
    public static jit.ScriptModule LoadScript(string path, string device) => jit.load(path, device);

    [MethodImpl(MethodImplOptions.NoOptimization)]
    public static void SaveScript(jit.ScriptModule script, string path) => jit.save(script, path);

    [MethodImpl(MethodImplOptions.NoOptimization)]
    public static jit.ScriptModule LoadScriptBytes(string path, string device) => jit.load(File.ReadAllBytes(path), device);

    /// <summary>Saves into a byte array as long as the file at the path, then replaces the file with the array.</summary>
    [MethodImpl(MethodImplOptions.NoOptimization)]
    public static void SaveScriptBytes(jit.ScriptModule script, string path)
    {
        var bytes = new byte[new FileInfo(path).Length];
        jit.save(script, bytes);
        File.WriteAllBytes(path, bytes);
    }

    [MethodImpl(MethodImplOptions.NoOptimization)]
    public static ExportedProgram LoadExported(string path) => export.load(path);

    /// <summary>Runs a script. With more inputs than it declares, the last two are passed as one tuple.</summary>
    [MethodImpl(MethodImplOptions.NoOptimization)]
    public static Tensor[] Run(jit.ScriptModule script, Tensor[] inputs)
    {
        var declared = script.GetNumberOfInputs();
        object[] values = inputs.Length == declared ? inputs : [.. inputs[..(declared - 1)], Pair(inputs[(declared - 1)..])];
        return [.. Layers.Flat(script.forward(values))];
    }

    [MethodImpl(MethodImplOptions.NoOptimization)]
    public static Tensor[] Run(ExportedProgram program, Tensor[] inputs) => program.run(inputs);

    private static (Tensor, Tensor) Pair(Tensor[] parts) => (parts[0], parts[1]);
}
