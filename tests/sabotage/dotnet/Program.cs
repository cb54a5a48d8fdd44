// Patches an assembly with all faults, and prints their names: dotnet run -- TorchSharp.dll PATCHED.dll
using Mono.Cecil;
using Sabotage;

using var module = ModuleDefinition.ReadModule(args[0]);
new Patcher(module).Put(Faults.All);
module.Write(args[1], new WriterParameters { Timestamp = 0 });
foreach (var fault in Faults.All)
    Console.WriteLine(fault.Name);
