using Mono.Cecil;
using Mono.Cecil.Cil;

namespace Sabotage;

/// <summary>Makes the instructions of a fault.</summary>
/// <param name="module">The assembly, which has all members that are named.</param>
/// <param name="body">The method's body.</param>
/// <param name="replaced">The instruction that is replaced.</param>
sealed class Il(ModuleDefinition module, MethodBody body, Instruction replaced)
{
    /// <summary>The instruction that is replaced, so that it runs too.</summary>
    public Instruction Right
    {
        get
        {
            var copy = Instruction.Create(OpCodes.Nop);
            (copy.OpCode, copy.Operand) = (replaced.OpCode, replaced.Operand);
            return copy;
        }
    }

    /// <summary>A jump to where the replaced instruction, a jump too, would go.</summary>
    public Instruction Jump => Instruction.Create(OpCodes.Br, (Instruction)replaced.Operand);

    public Instruction Pop => Op(OpCodes.Pop);

    public Instruction Op(OpCode code) => Instruction.Create(code);

    public Instruction Int(int value) => Instruction.Create(OpCodes.Ldc_I4, value);

    public Instruction Double(double value) => Instruction.Create(OpCodes.Ldc_R8, value);

    public Instruction Text(string value) => Instruction.Create(OpCodes.Ldstr, value);

    /// <summary>An argument of the method, after <c>this</c>.</summary>
    public Instruction Argument(int number) => Instruction.Create(OpCodes.Ldarg, body.Method.Parameters[number]);

    public Instruction Local(int number) => Instruction.Create(OpCodes.Ldloc, body.Variables[number]);

    /// <summary>A call of the method whose full name ends so.</summary>
    public Instruction Call(string method) => Call(Find(method));

    /// <summary>A call of the method of this name, with the type and the signature of another.</summary>
    public Instruction Call(string like, string name)
    {
        var known = Find(like);
        var made = new MethodReference(name, known.ReturnType, known.DeclaringType) { HasThis = known.HasThis };
        foreach (var parameter in known.Parameters)
            made.Parameters.Add(new ParameterDefinition(parameter.ParameterType));
        return Call(made);
    }

    /// <summary>The value of the field whose full name ends so, of the object on the stack.</summary>
    public Instruction Field(string field) => Instruction.Create(
        OpCodes.Ldfld, module.GetTypes().SelectMany(type => type.Fields).Single(each => each.FullName.EndsWith(field)));

    static Instruction Call(MethodReference method) =>
        Instruction.Create(method.HasThis ? OpCodes.Callvirt : OpCodes.Call, method);

    MethodReference Find(string method) => module.GetMemberReferences().OfType<MethodReference>()
        .Concat(module.GetTypes().SelectMany(type => type.Methods)).First(each => each.FullName.EndsWith(method));
}
