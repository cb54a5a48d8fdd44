"""The border between the two processes: a typed message for each call to a peer and for each answer. May import values.

Both ends encode and decode with these structs (msgspec, JSON, one message a line), so an unknown or a missing field is
refused at either end. A call holds paths and small descriptions; tensors go through the files that it names.
"""

from __future__ import annotations

from typing import Any, Generic, Literal, TypeAlias, TypeVar, get_args

import msgspec

from tscompat.values.compare import Difference

Answer = TypeVar("Answer", covariant=True)


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What all messages have in common."""


# What a call speaks of


class Bag(Message, frozen=True, tag="bag"):
    """A module that has the entries of the expected file and nothing else."""

    buffers: tuple[int, ...]
    """The positions of the entries that are buffers; the others are parameters."""
    tied: dict[str, str]
    """Entries that are an earlier one under another name."""
    transient: tuple[str, ...]
    """Buffers that are not part of the state dict."""
    nested: bool
    """Whether the dots of a name separate submodules."""
    reversed: bool
    """Whether the entries are registered from the last to the first."""


class NativeModule(Message, frozen=True, tag="native"):
    """A module that .NET builds by TorchSharp's own factories, or an architecture of dotnet/Peer/Models."""

    kind: Literal["layer", "arch"]
    description: str
    """What dotnet/Peer/Layers.cs takes (JSON), or the name of the architecture."""
    dtype: str
    """The short name of the dtype that the module is converted to."""


Module: TypeAlias = Bag | NativeModule


class Placement(Message, frozen=True):
    """How .NET's tensors are made."""

    device: str
    layout: str
    """A key of the table in dotnet/Peer/Layouts.cs."""
    scale: float
    zero_point: int
    """Of quantized tensors, per tensor."""


class ParameterGroup(Message, frozen=True):
    """A parameter group of an optimizer."""

    options: dict[str, bool | float]
    """Under the names of codec.optimizer.LAYOUTS."""
    parameters: int
    """The number of parameters, which follow those of the groups before."""


# Answers


class Done(Message, frozen=True, tag="done"):
    """It is done; what it made lies in the file that the call names."""


class Loaded(Message, frozen=True, tag="loaded"):
    """What .NET's memory held after a load."""

    differences: tuple[Difference, ...]
    """From the expected file; empty if there are none."""
    digest: str
    """``dotnet_side.digest`` of what memory held, in the order of the expected file."""
    quantizer: tuple[float, int] | None
    """Scale and zero point of the first tensor; None if it has none."""


class SchemaEntry(Message, frozen=True):
    """One entry of a module's state dict."""

    name: str
    code: int
    """The dtype's code in the file format."""
    shape: tuple[int, ...]
    buffer: bool


class SchemaFound(Message, frozen=True, tag="schema-found"):
    """What the module has, in the order of its state dict."""

    entries: tuple[SchemaEntry, ...]


class Thrown(Message, frozen=True, tag="thrown"):
    """.NET threw an exception in the code under test."""

    type_name: str
    """With its namespace."""
    message: str


class LoadedInto(Message, frozen=True, tag="loaded-into"):
    """What a load did to a module."""

    refused: Thrown | None
    still_open: bool | None
    """Whether the stream was open afterwards; None where nothing is known of it."""
    state: dict[str, str]
    """``dotnet_side.digest`` of each tensor afterwards."""
    report: dict[str, bool]
    """What TorchSharp reports of each entry."""


class Observed(Message, frozen=True, tag="observed"):
    """What a probe saw."""

    observed: str


class Unable(Message, frozen=True, tag="unable"):
    """The probe cannot be tried here."""

    reason: str


class OptimizerUsed(Message, frozen=True, tag="optimizer-used"):
    """What TorchSharp threw in the stages ``begin``, ``save`` and ``step``; a stage that is not there went well."""

    thrown: dict[str, Thrown]


class Ready(Message, frozen=True, tag="ready"):
    """The first message of a peer: the versions of what it has loaded."""

    versions: dict[str, str]


class Refusal(Message, frozen=True, tag="refusal"):
    """The peer does not know the call, one of its parts or what it names."""

    reason: str


class Fault(Message, frozen=True, tag="fault"):
    """Our own code in the peer raised: the end of the traceback."""

    traceback: str


# Calls


class Call(Message, Generic[Answer], frozen=True, tag_field="call"):
    """A call, and the type of its answer."""


class Save(Call[Done], frozen=True, tag="save"):
    """.NET makes an object with the bits of the expected file and saves it to the artifact."""

    overload: str
    expected: str
    artifact: str
    module: Module | None
    """None for an overload that saves one tensor, and for a script, which the artifact holds."""
    placement: Placement


class Load(Call[Loaded], frozen=True, tag="load"):
    """.NET loads the artifact; what its memory holds is compared with the expected file."""

    overload: str
    expected: str
    artifact: str
    module: Module | None
    """What is loaded into, filled with the complement; None for an overload that loads a tensor or a script."""
    placement: Placement
    identity: bool
    """Whether the bits are the identity pattern, so that an element in the wrong place can be named."""


class Schema(Call[SchemaFound], frozen=True, tag="schema"):
    """What a module has as its constructor leaves it."""

    module: NativeModule


class Forward(Call[Done], frozen=True, tag="forward"):
    """A module with the bits of the expected file computes."""

    expected: str
    module: NativeModule
    inputs: str
    """A state dict of the inputs, in their order."""
    outputs: str
    """Where the outputs go, or with ``train`` the module's buffers after the pass."""
    train: bool
    device: str


class LoadInto(Call[LoadedInto], frozen=True, tag="load-into"):
    """.NET loads the artifact, with all options, into a module that has the bits of the expected file."""

    overload: str
    expected: str
    artifact: str
    module: Bag
    given_as: str
    """``path``, ``stream``, or ``one-way`` for a stream that cannot seek and reads short."""
    strict: bool
    skip: tuple[str, ...]
    report: bool
    """Whether TorchSharp is asked which entries it has loaded."""


class Probe(Call[Observed | Unable], frozen=True, tag="probe"):
    """A documented guarantee is tried (inside/probes.py)."""

    probe: str
    expected: str
    artifact: str
    module: Bag
    placement: Placement


class UseOptimizer(Call[OptimizerUsed], frozen=True, tag="use-optimizer"):
    """An optimizer makes steps, is loaded and saved, and makes one step more."""

    overload: str
    optimizer: str
    """A class of ``TorchSharp.Modules``, a key of codec.optimizer.LAYOUTS."""
    groups: tuple[ParameterGroup, ...]
    inputs: str
    """A state dict of ``parameter.N``, and ``gradient.SET.N`` for those that have a gradient."""
    before: tuple[int, ...]
    """The sets of gradients of the steps before all that follows."""
    load: str | None
    """The file to load after them. The parameters then get their values of ``inputs`` again."""
    target: Literal["fresh", "used", "scoped", "restored"]
    """What is loaded into (catalogue.OptimizerCase)."""
    save: str
    """Where TorchSharp then saves the optimizer."""
    after: int
    """The set of gradients of the last step."""
    memory: tuple[str, str]
    """Where to write what the optimizer holds, as optimizer files of the oracle, before and after the last step."""
    parameters: tuple[str, str]
    """Where to write the parameters, as state dicts, before and after the last step."""
    placement: Placement


class RunProgram(Call[Done], frozen=True, tag="run-program"):
    """The program in the artifact (TorchScript, an AOTInductor package) computes."""

    overload: str
    artifact: str
    inputs: str
    outputs: str
    placement: Placement


AnyCall: TypeAlias = Save | Load | Schema | Forward | LoadInto | Probe | UseOptimizer | RunProgram
AnyAnswer: TypeAlias = (
    Done | Loaded | SchemaFound | LoadedInto | Observed | Unable | OptimizerUsed | Thrown | Ready | Refusal | Fault
)


class Reply(Message, frozen=True):
    """What a peer sends back: the answer, and the time that it took."""

    answer: AnyAnswer
    seconds: float
    """Spent inside .NET."""


def answers(call: Call[Any], answer: AnyAnswer) -> bool:
    """Whether an answer is of the type that the call names (``Call[Answer]``)."""
    (base,) = vars(type(call))["__orig_bases__"]
    return isinstance(answer, get_args(base)[0])


encode = msgspec.json.Encoder().encode
"""A message as one line of JSON, without its end."""
decode_call = msgspec.json.Decoder[AnyCall](AnyCall).decode
decode_reply = msgspec.json.Decoder[Reply](Reply).decode
"""Both raise msgspec.MsgspecError, which names the field, for what is none of these messages."""


def text(words: str) -> str:
    """The words, with what is no Unicode text (a lone surrogate in a message of .NET) escaped, as JSON needs it."""
    return words.encode("utf-8", "backslashreplace").decode()
