"""The border between the two processes: a typed message for each call to a peer and for each answer. May import values.

Both ends encode and decode with these structs (msgspec, JSON, one message a line), so an unknown or a missing field is
refused at either end. A call holds paths and small descriptions; tensors go through the files that it names.
"""

from __future__ import annotations

from typing import Any, ClassVar, Generic, Literal, TypeAlias, TypeVar, get_args

import msgspec

from tscompat.values.compare import Difference
from tscompat.values.text import escaped

Answer = TypeVar("Answer", covariant=True)


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base class of all messages."""


# Parts of calls


class Bag(Message, frozen=True, tag="bag"):
    """A module that has the entries of the expected file and nothing else."""

    buffers: tuple[int, ...]
    """The positions of the entries that are buffers; the others are parameters."""
    tied: dict[str, str]
    """Names of entries that share the parameter of an earlier entry, with that entry's name."""
    transient: tuple[str, ...]
    """Names of the buffers that are not part of the state dict."""
    nested: bool
    """Whether the dots of a name separate submodules."""
    reversed: bool
    """Whether the entries are registered from the last to the first."""
    varied: bool
    """Whether the first parameter is frozen, and the first submodule in eval mode."""


class NativeModule(Message, frozen=True, tag="native"):
    """A module that .NET builds: a layer, by TorchSharp's own factories, or an architecture of dotnet/Peer/Models."""

    kind: Literal["layer", "arch"]
    description: str
    """For a layer, the JSON object that dotnet/Peer/Layers.cs takes; for an architecture, its name."""
    dtype: str
    """The short name of the dtype that the module is converted to."""


class OwnModule(Message, frozen=True, tag="own"):
    """A module of a person's own class. To build it runs their code."""

    assembly: str
    """The path of their .dll."""
    class_name: str
    """The full name of the class, or its name alone."""
    arguments: str
    """A JSON array of the constructor's arguments."""


Module: TypeAlias = Bag | NativeModule | OwnModule


class Placement(Message, frozen=True):
    """Device, layout and quantizer of the tensors that .NET makes."""

    device: str
    layout: str
    """A key of the table in dotnet/Peer/Layouts.cs."""
    scale: float
    zero_point: int
    """Scale and zero point are those of quantized tensors: one of each for a whole tensor."""


def contiguous(device: str) -> Placement:
    """On a device, in no layout of its own; for tensors that are not quantized."""
    return Placement(device=device, layout="contiguous", scale=1.0, zero_point=0)


class ParameterGroup(Message, frozen=True):
    """A parameter group of an optimizer."""

    options: dict[str, bool | float]
    """By the names of codec.optimizer.LAYOUTS."""
    parameters: int
    """The number of parameters in the group: the next ones after those of the groups before it."""


# Answers


class Done(Message, frozen=True, tag="done"):
    """The call is done; its results are in the files that it names."""

    changed: tuple[str, ...] = ()
    """What the call has changed in .NET's memory though it must leave it as it is, in words (inside/kept.py): a save,
    the object that it saves; a pass, its inputs and the module, in train mode without the buffers."""


class Loaded(Message, frozen=True, tag="loaded"):
    """What .NET's memory held after a load."""

    differences: tuple[Difference, ...]
    """Between the expected file and memory; empty if there are none."""
    missing: tuple[str, ...]
    """The names of the expected file that memory lacks."""
    unexpected: tuple[str, ...]
    """The names in memory that the expected file lacks."""
    digest: str
    """``dotnet_side.digest`` of memory's entries that the expected file has too, in the order of the expected file."""
    quantizer: tuple[float, int] | None
    """Scale and zero point of the first tensor; None if it has none."""
    changed: tuple[str, ...] = ()
    """What the load has changed in the module beside the bits, in words: train mode, and of its tensors the roles,
    requires_grad, device and strides."""


class SchemaEntry(Message, frozen=True):
    """One entry of a module's state dict."""

    name: str
    code: int
    """The dtype's code in the file format."""
    shape: tuple[int, ...]
    buffer: bool


class SchemaFound(Message, frozen=True, tag="schema-found"):
    """The entries of a module's state dict, in their order."""

    entries: tuple[SchemaEntry, ...]


class Part(Message, frozen=True):
    """One of the modules within a module."""

    name: str
    """Empty for the whole."""
    type_name: str
    """The class, with its namespace."""
    scalars: dict[str, str]
    """What it keeps in fields and properties, as text: ``eps`` is ``1E-05``."""


class PartsFound(Message, frozen=True, tag="parts-found"):
    """The modules within a module, in its order."""

    parts: tuple[Part, ...]
    tied: tuple[tuple[str, ...], ...]
    """The names of each tensor of its state dict that has several."""


class PartsRan(Message, frozen=True, tag="parts-ran"):
    """What the runs of parts threw; their outputs are in the file that the call names."""

    thrown: dict[int, Thrown]
    """By the place of the run in the call; one that threw nothing is absent."""


class Thrown(Message, frozen=True, tag="thrown"):
    """.NET threw an exception in the code under test, or a person's assembly cannot be used."""

    type_name: str
    """The exception's type, with its namespace; empty for an assembly that cannot be used."""
    message: str
    changed: tuple[str, ...] = ()
    """As that of ``Done``."""


class LoadedInto(Message, frozen=True, tag="loaded-into"):
    """What a load did to a module."""

    refused: Thrown | None
    still_open: bool | None
    """Whether the stream was open afterwards, true for a path; None if the load was refused."""
    state: dict[str, str]
    """``dotnet_side.digest`` of each tensor afterwards, by name."""
    report: dict[str, bool]
    """TorchSharp's ``loadedParameters``: whether it has loaded an entry, by name. Empty if no report was wanted."""


class HostileLoaded(Message, frozen=True, tag="hostile-loaded"):
    """What the load of a hostile file did, and how the load of a whole file went after it."""

    refused: Thrown | None
    state: dict[str, str]
    """``dotnet_side.digest`` of each entry of the target after the load, by name."""
    changed: tuple[str, ...]
    """The names of those that were otherwise before the load."""
    allocated: int
    """Bytes that the load allocated in .NET's heap, or by which the process grew at most, if that is more."""
    still_open: bool
    """Whether .NET still holds the file open."""
    next_refused: Thrown | None
    next_state: dict[str, str]
    """As ``state``, after the load of the whole file into the same target."""


class Observed(Message, frozen=True, tag="observed"):
    """What a probe saw."""

    observed: str


class Unable(Message, frozen=True, tag="unable"):
    """The probe cannot be tried here."""

    reason: str


class OptimizerUsed(Message, frozen=True, tag="optimizer-used"):
    """What TorchSharp threw in the stages ``begin``, ``save`` and ``step``."""

    thrown: dict[str, Thrown]
    """By stage; a stage that threw nothing is absent. After an exception in ``begin``, the other stages do not run."""


class Ready(Message, frozen=True, tag="ready"):
    """The first message of a peer: the versions of the .NET and the libtorch that it has loaded."""

    versions: dict[str, str]


class Refusal(Message, frozen=True, tag="refusal"):
    """The peer cannot read the call, or cannot do what it asks for: it names, say, an overload that the peer lacks."""

    reason: str


class Fault(Message, frozen=True, tag="fault"):
    """Our own code in the peer raised an exception."""

    traceback: str
    """The last lines of the traceback."""


# Calls


class Call(Message, Generic[Answer], frozen=True, tag_field="call"):
    """Base class of all calls to a peer; ``Answer`` is the type of the answer."""

    reads: ClassVar[tuple[str, ...]] = ()
    """The fields with the paths of files that .NET reads and must leave as they are."""


class Save(Call[Done], frozen=True, tag="save"):
    """.NET makes an object with the bits of the expected file and saves it to the artifact."""

    reads: ClassVar = ("expected",)

    overload: str
    expected: str
    artifact: str
    module: Module | None
    """None for an overload that saves one tensor, and for a script, which .NET first loads from the artifact."""
    placement: Placement
    flip: int | None
    """If given, the lowest bit of this byte of the first tensor differs from the expected file in .NET's memory."""


class Load(Call[Loaded], frozen=True, tag="load"):
    """.NET loads the artifact, and the peer compares .NET's memory with the expected file."""

    reads: ClassVar = ("expected", "artifact")

    overload: str
    expected: str
    artifact: str
    module: Module | None
    """The module to load into, filled with the complement; None for an overload that loads a tensor or a script."""
    placement: Placement
    identity: bool
    """Whether the bits are the identity pattern, so that an element in the wrong place can be named."""
    strict: bool
    """Whether a load into a module refuses a file whose names are not the module's; only overloads for modules ask."""


class Schema(Call[SchemaFound], frozen=True, tag="schema"):
    """.NET builds the module and lists the entries of its state dict."""

    module: NativeModule | OwnModule


class Parts(Call[PartsFound], frozen=True, tag="parts"):
    """.NET builds the module, and lists the modules within it."""

    module: OwnModule


class PartRun(Message, frozen=True):
    """One pass of a part alone."""

    name: str
    """That of the part; empty for the whole module."""
    sizes: tuple[int, ...]
    """For each argument of its forward how many inputs it takes: 1 for a tensor, 0 for null, more for a tuple."""
    parameters: tuple[str, ...]
    """The names of these arguments. Those of the same name in .NET get them; the others go by their place."""
    named: dict[str, bool | float]
    """Arguments that are no tensors, by name. Case and underscores do not matter."""
    defaults: dict[str, bool | float]
    """What Python's function has by default: for arguments of these names that have no default in .NET."""


class RunParts(Call[PartsRan], frozen=True, tag="run-parts"):
    """.NET builds the module, loads the expected file into it, strictly, and runs parts of it alone, in eval mode."""

    reads: ClassVar = ("expected", "inputs")

    expected: str
    module: OwnModule
    runs: tuple[PartRun, ...]
    inputs: str
    """A file with a state dict of ``RUN.N``: the inputs of each run, in the order of its arguments."""
    outputs: str
    """Where to write ``RUN.N``, the outputs, tuples flattened."""


class Backward(Call[Done], frozen=True, tag="backward"):
    """.NET builds the module, loads the expected file into it, strictly, and runs it backward, in eval mode."""

    reads: ClassVar = ("expected", "inputs")

    expected: str
    module: OwnModule
    run: PartRun
    """That of the whole."""
    inputs: str
    """A file with a state dict of ``input.N``, in the order in which forward takes them, and ``cotangent.N`` for each
    floating output."""
    outputs: str
    """Where to write the gradients: ``input.N`` of the inputs, and those of the parameters under their names."""


class Forward(Call[Done], frozen=True, tag="forward"):
    """.NET builds the module, gives it the bits of the expected file, and runs its forward."""

    reads: ClassVar = ("expected", "inputs")

    load: bool
    """Whether the module gets the bits by ``Module.load``; if not, they are written into its memory."""
    dtype: str
    """The short name of the dtype in which it computes: the module is converted to it once it has its bits."""

    expected: str
    module: NativeModule
    inputs: str
    """A file with the inputs as a state dict, in the order in which forward takes them."""
    outputs: str
    """Where to write the outputs, or with ``train`` the module's buffers after the pass."""
    train: bool
    """Whether the module is in train mode."""
    device: str


class Train(Call[Done], frozen=True, tag="train"):
    """.NET builds the module, loads the expected file into it, and trains it; a person's own without dropout."""

    reads: ClassVar = ("expected", "batches")

    expected: str
    module: NativeModule | OwnModule
    batches: str
    """A file with a state dict of ``input.STEP.N``, in the order in which forward takes them, and ``target.STEP.0``."""
    optimizer: str
    """A class of ``TorchSharp.Modules``, a key of codec.optimizer.LAYOUTS."""
    options: dict[str, bool | float]
    """Those of its one group, by the names of codec.optimizer.LAYOUTS."""
    loss: str
    """A key of the table in dotnet/Peer/Training.cs."""
    steps: int
    outputs: str
    """Where to write ``loss.STEP``, and each entry of the state dict after the step as ``step.STEP.NAME``."""
    device: str
    run: PartRun | None
    """How a person's own module takes its inputs; null for one of ours."""


class LoadInto(Call[LoadedInto], frozen=True, tag="load-into"):
    """.NET loads the artifact, with all options, into a module that has the bits of the expected file."""

    reads: ClassVar = ("expected", "artifact")

    overload: str
    expected: str
    artifact: str
    module: Bag
    given_as: str
    """``path``, ``stream``, or ``one-way``: a stream that cannot seek, and returns a few bytes at each read."""
    strict: bool
    skip: tuple[str, ...]
    report: bool
    """Whether TorchSharp is asked which entries it has loaded."""


class LoadHostile(Call[HostileLoaded], frozen=True, tag="load-hostile"):
    """.NET loads a file that breaks the format, with little memory, and then a whole one into the same target."""

    reads: ClassVar = ("artifact", "expected", "whole")

    reader: str
    """A key of inside/hostile.py's READERS."""
    expected: str
    """What the whole file holds, in TorchSharp's format. The target has these entries, with other bits."""
    whole: str
    artifact: str


class Probe(Call[Observed | Unable], frozen=True, tag="probe"):
    """A probe tries a guarantee (inside/probes.py)."""

    reads: ClassVar = ("expected",)

    probe: str
    """The name of the probe."""
    expected: str
    artifact: str
    module: Bag
    placement: Placement


class UseOptimizer(Call[OptimizerUsed], frozen=True, tag="use-optimizer"):
    """An optimizer makes steps, is loaded and saved, and makes more steps."""

    reads: ClassVar = ("inputs", "load")

    overload: str
    optimizer: str
    """A class of ``TorchSharp.Modules``, a key of codec.optimizer.LAYOUTS."""
    groups: tuple[ParameterGroup, ...]
    inputs: str
    """A file with a state dict of ``parameter.N``, and ``gradient.SET.N`` for those that have a gradient."""
    before: tuple[int, ...]
    """The steps to begin with: the set of gradients of each."""
    load: str | None
    """The file to load after those steps, or None. Just before, the parameters get their values of ``inputs`` again."""
    target: Literal["fresh", "used", "scoped", "restored", "handed"]
    """The state of the optimizer that loads, and what happens after (``catalogue.OptimizerCase.target``)."""
    save: str
    """Where TorchSharp then saves the optimizer."""
    after: tuple[int, ...]
    """The steps to end with: the set of gradients of each. A restored optimizer makes the first of them twice."""
    memory: tuple[str, str]
    """Where to write the optimizer's memory, as optimizer files of the oracle, before and after these steps."""
    parameters: tuple[str, ...]
    """Where to write the parameters, as state dicts, before these steps and after each."""
    placement: Placement


class RunProgram(Call[Done], frozen=True, tag="run-program"):
    """.NET loads the program in the artifact (TorchScript or an AOTInductor package) and runs it."""

    reads: ClassVar = ("artifact", "inputs")

    overload: str
    artifact: str
    inputs: str
    outputs: str
    placement: Placement


AnyCall: TypeAlias = (
    Save
    | Load
    | Schema
    | Parts
    | RunParts
    | Backward
    | Forward
    | Train
    | LoadInto
    | LoadHostile
    | Probe
    | UseOptimizer
    | RunProgram
)
AnyAnswer: TypeAlias = (
    Done
    | Loaded
    | SchemaFound
    | PartsFound
    | PartsRan
    | LoadedInto
    | HostileLoaded
    | Observed
    | Unable
    | OptimizerUsed
    | Thrown
    | Ready
    | Refusal
    | Fault
)


class Reply(Message, frozen=True):
    """What a peer sends back: the answer to a call, and the time that the call took."""

    answer: AnyAnswer
    seconds: float
    """Spent inside .NET, by this call."""


def answers(call: Call[Any], answer: AnyAnswer) -> bool:
    """Whether an answer is of the type that the call's class names (``Call[Answer]``)."""
    (base,) = vars(type(call))["__orig_bases__"]
    return isinstance(answer, get_args(base)[0])


TAKEN = b"\n"
"""The line with which a peer confirms that it has read a call, before it begins to answer. A peer that ends without it
has died before the call."""

encode = msgspec.json.Encoder().encode
"""A message as one line of JSON, without the line end."""
decode_call = msgspec.json.Decoder[AnyCall](AnyCall).decode
decode_reply = msgspec.json.Decoder[Reply](Reply).decode
"""Both decoders raise msgspec.MsgspecError, which names the wrong field, for a line that is no such message."""


BITS_OF = "the bits of "
"""How ``changed`` names elements."""


def bits_of(name: str) -> str:
    """How ``changed`` names the elements of an entry; a single tensor has no name."""
    return f"{BITS_OF}{escaped(repr(name)) if name else 'the tensor'}"
