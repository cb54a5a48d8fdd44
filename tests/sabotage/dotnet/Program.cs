// Patches an assembly with all faults, and prints their names: dotnet run -- TorchSharp.dll PATCHED.dll [AWAKE]
// AWAKE is a fault that needs no variable of the environment to be awake.
using Mono.Cecil;
using Sabotage;

using var module = ModuleDefinition.ReadModule(args[0]);
new Patcher(module, args.ElementAtOrDefault(2) ?? "").Put(Faults.All);
module.Write(args[1], new WriterParameters { Timestamp = 0 });
foreach (var fault in Faults.All)
    Console.WriteLine(fault.Name);
