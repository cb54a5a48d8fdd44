using Mono.Cecil.Cil;

namespace Sabotage;

/// <summary>The faults of TorchSharp's assembly. assembly.py states what each does and which checks must see it.</summary>
static class Faults
{
    const string Encode = "LEB128Codec::Encode(System.IO.BinaryWriter,System.Int64)";
    const string Decode = "LEB128Codec::Decode(System.IO.BinaryReader)";
    const string SaveTensor = "TensorExtensionMethods::Save(TorchSharp.torch/Tensor,System.IO.BinaryWriter)";
    const string LoadTensor =
        "TensorExtensionMethods::Load(TorchSharp.torch/Tensor,System.IO.BinaryReader,System.Boolean)";
    const string ReadBytes = "Tensor::ReadBytesFromStream(System.IO.Stream,System.Int32)";
    const string WriteBytes = "Tensor::WriteBytesToStream(System.IO.Stream,System.Int32)";
    const string SaveEntries =
        "nn/Module::save_state_dict(System.IO.BinaryWriter,System.Collections.Generic.Dictionary`2<System.String,"
        + "TorchSharp.torch/Tensor>,System.Collections.Generic.IList`1<System.String>)";
    const string SaveModule = "nn/Module::save(System.String,System.Collections.Generic.IList`1<System.String>)";
    const string LoadModule =
        "nn/Module::load(System.IO.BinaryReader,System.Boolean,System.Collections.Generic.IList`1<System.String>,"
        + "System.Collections.Generic.Dictionary`2<System.String,System.Boolean>)";
    const string LoadEntries =
        "nn/Module::load_state_dict(System.Collections.Generic.Dictionary`2<System.String,TorchSharp.torch/Tensor>,"
        + "System.Boolean,System.Collections.Generic.IList`1<System.String>)";
    const string LoadOptimizer = "OptimizerHelper::load_state_dict(System.IO.BinaryReader)";
    const string Scalar = "Scalar::op_Implicit(System.Double)";
    const string Multiply = "Tensor::mul_(TorchSharp.Scalar)";
    const string SgdStep = "SGD::<step>b__2_0(TorchSharp.Modules.SGD/ParamGroup)";
    const string AdamStep = "Adam::<step>b__2_0(TorchSharp.Modules.Adam/ParamGroup)";
    const string NormConstructor =
        "NormBase::.ctor(System.Int64,System.Double,System.Nullable`1<System.Double>,System.Boolean,System.Boolean,"
        + "TorchSharp.torch/Device,System.Nullable`1<TorchSharp.torch/ScalarType>,System.String)";
    const string BatchNorm = "Modules.BatchNorm::forward(TorchSharp.torch/Tensor)";
    const string MeanSquare =
        "nn/functional::mse_loss(TorchSharp.torch/Tensor,TorchSharp.torch/Tensor,TorchSharp.torch/nn/Reduction)";
    const string Linear =
        "Linear::.ctor(System.Int64,System.Int64,System.Boolean,TorchSharp.torch/Device,"
        + "System.Nullable`1<TorchSharp.torch/ScalarType>)";

    public static readonly Fault[] All =
    [
        // The format
        new("leb128-shift", Decode, "ldc.i4 7", il => [il.Int(8)]),
        new("leb128-continuation", Encode, "ldc.i4 128", il => [il.Int(0)]),
        new("dtype-code", SaveTensor, "Tensor::get_dtype()", il => [il.Right, il.Int(1), il.Op(OpCodes.Add)]),
        new("dims-reversed", SaveTensor, "ldelem.i8", il =>
        [
            il.Pop, il.Local(1), il.Op(OpCodes.Ldlen), il.Op(OpCodes.Conv_I4), il.Int(1), il.Op(OpCodes.Sub), il.Local(2),
            il.Op(OpCodes.Sub), il.Right,
        ]),
        new("last-byte-lost", WriteBytes, "Stream::Write(System.Byte[],System.Int32,System.Int32)", il =>
            [il.Int(1), il.Op(OpCodes.Sub), il.Right]),
        new("chunks-in-one-place", ReadBytes, "add", il => [il.Pop]),
        new("end-of-file-unnoticed", ReadBytes, "EndOfStreamException::.ctor()", il => [il.Op(OpCodes.Ret)]),
        // Modules
        new("count-of-entries", SaveEntries, "Dictionary`2<System.String,TorchSharp.torch/Tensor>::get_Count()", il =>
            [il.Right, il.Int(1), il.Op(OpCodes.Add)]),
        new("names-lower-case", SaveEntries, "BinaryWriter::Write(System.String)", il =>
            [il.Call("System.String::ToLower()"), il.Right]),
        new("file-not-emptied", SaveModule, "File::Create(System.String)", il =>
            [il.Call("System.IO.File::Create(System.String)", "OpenWrite")]),
        new("strict-ignored", LoadModule, "ldarg strict", il => [il.Int(0)]),
        new("names-ignored", LoadModule, "ldarg strict", il => [il.Int(0)], 1),
        new("skip-ignored", LoadModule, "ICollection`1<System.String>::Contains(!0)", il => [il.Pop, il.Pop, il.Int(0)]),
        new("report-always-loaded", LoadModule, "Dictionary`2<System.String,System.Boolean>::Add(!0,!1)", il =>
            [il.Pop, il.Int(1), il.Right]),
        new("one-byte-too-far", LoadModule, "ldarg", il =>
            [il.Argument(0), il.Int(1), il.Call("System.IO.BinaryReader::ReadBytes(System.Int32)"), il.Pop, il.Right], -1),
        new("dtype-not-compared", LoadTensor, "beq", il => [il.Pop, il.Pop, il.Jump]),
        new("shape-not-compared", LoadTensor, "brtrue", il => [il.Pop, il.Jump], 1),
        new("eval-after-load", LoadModule, "ldarg strict", il =>
            [il.Op(OpCodes.Ldarg_0), il.Call("nn/Module::eval()"), il.Right]),
        new("frozen-after-load", LoadTensor, "beq", il =>
            [il.Argument(0), il.Int(0), il.Call("Tensor::set_requires_grad(System.Boolean)"), il.Right]),
        new("missing-keys-lost", LoadEntries, "List`1<System.String>::Add(!0)", il => [il.Pop, il.Pop], 1),
        new("refusal-without-strict", LoadEntries, "ldarg strict", il => [il.Int(1)]),
        // Layers
        new("buffer-not-persistent", "NormBase::set_num_batches_tracked(TorchSharp.torch/Tensor)", "ldc.i4 1", il =>
            [il.Int(0)]),
        new("buffer-name", "NormBase::set_running_mean(TorchSharp.torch/Tensor)", "ldstr \"running_mean\"", il =>
            [il.Text("runningMean")]),
        new("count-in-int32", NormConstructor, "NormBase::set_num_batches_tracked(TorchSharp.torch/Tensor)", il =>
            [il.Int(3), il.Int(0), il.Int(0), il.Int(0), il.Call("Tensor::to_type(TorchSharp.torch/ScalarType,System.Boolean,System.Boolean,System.Boolean)"), il.Right]),
        new("weight-transposed", Linear, "AsParameter(TorchSharp.torch/Tensor)", il => [il.Call("Tensor::t()"), il.Right]),
        new("batch-counted-twice", BatchNorm, "ldc.i4 1", il => [il.Int(2)]),
        new("eps-of-another-layer", BatchNorm, "NormBase::get_eps()", il => [il.Right, il.Pop, il.Double(1e-3)]),
        // Training
        new("gradients-not-zeroed", "OptimizerHelper::zero_grad()", "Tensor::zero_()", il => []),
        new("loss-summed", MeanSquare, "ldarg reduction", il => [il.Int(2)]),
        // Optimizers
        new("class-not-compared", LoadOptimizer, "String::op_Inequality(System.String,System.String)", il =>
            [il.Pop, il.Pop, il.Int(0)]),
        new("groups-not-compared", LoadOptimizer, "beq", il => [il.Pop, il.Pop, il.Jump]),
        new("dampening-not-saved", "Modules.SGD/Options::SaveStateDict(System.IO.BinaryWriter)",
            "Nullable`1<System.Double>::get_Value()", il => [il.Right, il.Pop, il.Double(0)], 1),
        new("nesterov-not-loaded", "Modules.SGD/Options::LoadStateDict(System.IO.BinaryReader)",
            "BinaryReader::ReadBoolean()", il => [il.Right, il.Pop, il.Int(0)]),
        new("step-saved-less-one", "Modules.Adam/State::SaveStateDict(System.IO.BinaryWriter)", "Adam/State::step", il =>
            [il.Right, il.Int(1), il.Op(OpCodes.Conv_I8), il.Op(OpCodes.Sub)]),
        new("average-loaded-twice", "Modules.Adam/State::LoadStateDict(System.IO.BinaryReader)", "Adam/State::exp_avg_sq", il =>
            [il.Field("Modules.Adam/State::exp_avg")]),
        new("first-momentum-dampened", SgdStep, "Tensor::clone()", il =>
            [il.Right, il.Double(0.9), il.Call(Scalar), il.Call(Multiply)]),
        new("average-starts-at-one", "Modules.Adam/State::Initialize(TorchSharp.Modules.OptimizerOptions)",
            "torch::zeros_like(TorchSharp.torch/Tensor,System.Nullable`1<TorchSharp.torch/ScalarType>,"
            + "TorchSharp.torch/Device,System.Boolean,System.String[])",
            il => [il.Call("torch::ones_like(TorchSharp.torch/Tensor,System.Nullable`1<TorchSharp.torch/ScalarType>,"
                + "TorchSharp.torch/Device,System.Boolean,System.String[])")], 1),
        new("rprop-starts-with-half", "Modules.Rprop/State::Initialize(TorchSharp.Modules.OptimizerOptions)", Scalar, il =>
            [il.Double(0.5), il.Op(OpCodes.Mul), il.Right]),
        new("step-counted-twice", AdamStep, "ldc.i4 1", il => [il.Int(2)]),
        new("correction-without-root", AdamStep, "Math::Sqrt(System.Double)", il => [], 1),
        new("maximize-ignored", SgdStep, "brtrue", il => [il.Pop], 1),
    ];
}
