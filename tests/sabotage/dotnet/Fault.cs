using Mono.Cecil.Cil;

namespace Sabotage;

/// <summary>A fault: while it is awake, other instructions run in the place of one.</summary>
/// <param name="Name">Its name, with which the variable SABOTAGE of the environment wakes it.</param>
/// <param name="Method">The end of the method's full name, as Cecil writes it.</param>
/// <param name="At">The instruction's opcode, or the end of its text, as Cecil writes it once macros are simplified.</param>
/// <param name="Instead">What runs in its place.</param>
/// <param name="Nth">Which of the instructions with this text it is, from 0; from the end, if negative.</param>
sealed record Fault(string Name, string Method, string At, Func<Il, Instruction[]> Instead, int Nth = 0);
