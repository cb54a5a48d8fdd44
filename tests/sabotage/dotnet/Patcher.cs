using Mono.Cecil;
using Mono.Cecil.Cil;
using Mono.Cecil.Rocks;

namespace Sabotage;

/// <summary>Puts faults into an assembly. All of them are asleep until the environment wakes one, unless one is always
/// awake.</summary>
sealed class Patcher
{
    readonly ModuleDefinition module;
    readonly MethodDefinition[] methods;
    readonly MethodDefinition isAwake;

    /// <param name="module">The assembly.</param>
    /// <param name="awake">The fault that is always awake; if empty, the environment decides.</param>
    public Patcher(ModuleDefinition module, string awake)
    {
        this.module = module;
        methods = [.. module.GetTypes().SelectMany(type => type.Methods).Where(method => method.HasBody)];
        isAwake = AddIsAwake(awake);
    }

    /// <summary>Put all faults into the assembly. Each is at an instruction of its own.</summary>
    /// <exception cref="InvalidOperationException">The assembly has no such instruction, or not one such method.</exception>
    public void Put(IReadOnlyList<Fault> faults)
    {
        // The places are found before anything is changed.
        var places = faults.Select(fault => (fault, Body(fault), At(Body(fault), fault))).ToArray();
        foreach (var (fault, body, at) in places)
            Put(fault, body, at);
        foreach (var (_, body, _) in places)
            body.OptimizeMacros();
    }

    MethodBody Body(Fault fault)
    {
        try {
            var body = methods.Single(method => method.FullName.EndsWith(fault.Method)).Body;
            body.SimplifyMacros();
            return body;
        } catch (InvalidOperationException error) {
            throw new InvalidOperationException($"{fault.Name}: {fault.Method}: {error.Message}", error);
        }
    }

    static Instruction At(MethodBody body, Fault fault)
    {
        var alike = body.Instructions
            .Where(each => each.OpCode.Name == fault.At || each.ToString().EndsWith(fault.At)).ToArray();
        var nth = fault.Nth < 0 ? alike.Length + fault.Nth : fault.Nth;
        if (nth < 0 || nth >= alike.Length)
            throw new InvalidOperationException($"{fault.Name}: found {alike.Length} times: {fault.At}");
        return alike[nth];
    }

    void Put(Fault fault, MethodBody body, Instruction at)
    {
        // The instruction itself becomes the question whether the fault is awake, so that jumps to it arrive there.
        var right = Instruction.Create(OpCodes.Nop);
        (right.OpCode, right.Operand) = (at.OpCode, at.Operand);
        var il = new Il(module, body, right);
        (at.OpCode, at.Operand) = (OpCodes.Ldstr, fault.Name);
        Instruction[] added =
        [
            Instruction.Create(OpCodes.Call, isAwake), Instruction.Create(OpCodes.Brfalse, right),
            .. fault.Instead(il), Instruction.Create(OpCodes.Br, at.Next), right,
        ];
        foreach (var each in added.Reverse())
            body.GetILProcessor().InsertAfter(at, each);
    }

    /// <summary>Add a method to the assembly: whether the fault of this name is awake.</summary>
    MethodDefinition AddIsAwake(string always)
    {
        var type = new TypeDefinition(
            "TorchSharp", "Sabotage", TypeAttributes.Abstract | TypeAttributes.Sealed, module.TypeSystem.Object);
        var awake = new MethodDefinition(
            "IsAwake", MethodAttributes.Static | MethodAttributes.Assembly, module.TypeSystem.Boolean);
        awake.Parameters.Add(new ParameterDefinition("name", ParameterAttributes.None, module.TypeSystem.String));
        var start = Instruction.Create(OpCodes.Ldstr, always == "" ? "SABOTAGE" : always);
        var il = new Il(module, awake.Body, start);
        Instruction[] all =
        [
            start, always == "" ? il.Call("System.Environment::GetEnvironmentVariable(System.String)") : il.Op(OpCodes.Nop),
            Instruction.Create(OpCodes.Ldarg_0),
            il.Call("System.String::op_Equality(System.String,System.String)"), il.Op(OpCodes.Ret),
        ];
        foreach (var each in all)
            awake.Body.Instructions.Add(each);
        type.Methods.Add(awake);
        module.Types.Add(type);
        return awake;
    }
}
