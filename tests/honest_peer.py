"""A double of the peer: Python does in .NET's place what TorchSharp should do, with the files that each call names.

With it a test shows what a route makes of answers without a fault, and of those to which the test adds one. Every call
is encoded and decoded, as on its way to a real peer.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from samples import load_safetensors
from tscompat.catalogue import Group, Guarantee, Hostile, Load, Model, OptimizerCase
from tscompat.codec import (
    FormatError,
    OptimizerRecord,
    encode_optimizer,
    encode_state_dict,
    encode_tensor,
    read_optimizer,
    read_state_dict,
    read_tensor,
)
from tscompat.dotnet_side import messages
from tscompat.dotnet_side.client import CALL_SECONDS
from tscompat.dotnet_side.digest import digest, tensor_digest
from tscompat.dotnet_side.errors import Death
from tscompat.dotnet_side.messages import AnyAnswer, AnyCall, Done, Thrown
from tscompat.python_side import torch_tensors
from tscompat.python_side.models import layers, loading, native, programs, training_steps
from tscompat.python_side.optimizer_run import OptimizerRun
from tscompat.python_side.torch_optimizers import name_in_torch, saved_of
from tscompat.resources.whole import write_whole
from tscompat.routes.formats import UNREADABLE, write_pickle
from tscompat.routes.hostile import READ as HOSTILE
from tscompat.routes.hostile import digests
from tscompat.values.compare import compare
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, Quantizer, StateDict, flipped

_torch: Any = torch
"""torch without types: torch.export has types only in part."""
SAFETENSORS = {"f64": "F64", "f32": "F32", "f16": "F16", "bf16": "BF16", "bool": "BOOL", "u8": "U8", "c64": "C64"} | {
    f"i{bits}": f"I{bits}" for bits in (8, 16, 32, 64)
}
"""The names of dtypes in safetensors."""
OTHER_NAMES = Thrown("System.ArgumentException", "Mismatched state_dict sizes: expected others.")
REASONS = {
    "missing or unexpected": "Mismatched module state names",
    "Error(s) in loading": "Mismatched tensor shape",
}
"""How PyTorch's messages begin where it refuses a load, and TorchSharp's messages for these reasons."""


class HonestPeer:
    """A client for the jobs of one case. It answers from the files of a call; ``calls`` records all calls."""

    def __init__(self, subject: Any = None, *, faulty: bool = False) -> None:
        """``subject`` is the case's; only calls that build one of its modules need it. With ``faulty``, optimizers
        repeat TorchSharp's faults.
        """
        self.faulty = faulty
        self.subject = subject
        self.calls: list[AnyCall] = []
        self.seconds: list[float] = []
        """The deadline of each call."""
        self.dotnet_seconds = 0.0
        self.deaths: list[Death] = []

    def ask(self, call: Any, seconds: float = CALL_SECONDS) -> Any:
        call = messages.decode_call(messages.encode(call))
        self.calls.append(call)
        self.seconds.append(seconds)
        if isinstance(call, messages.UseOptimizer):
            return use_optimizer(call, faulty=self.faulty)
        return ANSWERS[type(call)](self.subject, call)

    def start(self, purpose: str = "") -> None: ...
    def renew(self, most: int) -> None: ...
    def close(self) -> None: ...


# Files: how each overload writes and reads them.


def write_script(path: Path, entries: StateDict) -> None:
    """Writes the bits into the script that the artifact holds, and saves that."""
    script = programs.load_script(path)
    native.fill(script, entries)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch deprecates TorchScript
        _torch.jit.save(script, str(path))


def read_script(path: Path) -> StateDict:
    return torch_tensors.export(programs.load_script(path).state_dict())


def read_archive(path: Path) -> StateDict:
    """What torch.save has written, a tensor or a script of one."""
    try:
        return [Entry("", programs.load_pickle(path))]
    except (RuntimeError, ValueError):
        return [Entry("", tensor) for _, tensor in read_script(path)]


def read_shards(folder: Path) -> StateDict:
    (index,) = folder.glob("*.index.json")
    read = load_safetensors if ".safetensors." in index.name else read_pickle
    places: dict[str, str] = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
    files = {file: read(folder / file) for file in set(places.values())}
    return torch_tensors.export({name: files[file][name] for name, file in places.items()})


def read_pickle(path: Path) -> dict[str, torch.Tensor]:
    loaded: dict[str, Any] = torch.load(path, weights_only=True)
    return loaded


READ: Mapping[str, Callable[[Path], StateDict]] = {
    "module": read_state_dict,
    "load": read_state_dict,
    "tensor": lambda path: [Entry("", read_tensor(path))],
    "pybridge-pickle": lambda path: torch_tensors.export(read_pickle(path)),
    "pybridge-load-pickle": lambda path: torch_tensors.export(read_pickle(path)),
    "pybridge-safetensors": lambda path: torch_tensors.export(load_safetensors(path)),
    "pybridge-load-safetensors": lambda path: torch_tensors.export(load_safetensors(path)),
    "pybridge-shards": read_shards,
    "script": read_script,
    "archive": read_archive,
}
"""By the beginning of an overload's name."""
WRITE: Mapping[str, Callable[[Path, StateDict, Quantizer], None]] = {
    "module": lambda path, entries, _: write_whole(path, encode_state_dict(entries)),
    "tensor": lambda path, entries, _: write_whole(path, encode_tensor(entries[0].tensor)),
    "pybridge-pickle": lambda path, entries, how: write_pickle(path, tensors(entries, how)),
    "pybridge-safetensors": lambda path, entries, _: write_in_order(path, entries),
    "script": lambda path, entries, _: write_script(path, entries),
    "archive": lambda path, entries, _: programs.save_archive(path, entries[0].tensor),
}
"""The same."""


def write_in_order(path: Path, entries: StateDict) -> None:
    """Safetensors with the entries in their order; the library writes them in another."""
    header: dict[str, Any] = {}
    data = bytearray()
    for name, tensor in entries:
        end = len(data) + tensor.nbytes
        header[name] = {
            "dtype": SAFETENSORS[tensor.dtype.name],
            "shape": tensor.shape,
            "data_offsets": [len(data), end],
        }
        data += memoryview(tensor.data).cast("B")
    head = json.dumps(header).encode()
    path.write_bytes(len(head).to_bytes(8, "little") + head + data)


def of(table: Mapping[str, Any], overload: str) -> Any:
    """The row of the longest name with which the overload's begins."""
    return table[max((name for name in table if overload.startswith(name)), key=len)]


def tensors(entries: StateDict, quantizer: Quantizer) -> dict[str, torch.Tensor]:
    return {name: torch_tensors.to_torch(tensor, quantizer) for name, tensor in entries}


# Calls.


def save(subject: Any, call: messages.Save) -> Done:
    entries = read_state_dict(call.expected)
    if call.flip is not None:
        entries = flipped(entries, call.flip)
    quantizer = Quantizer(call.placement.scale, call.placement.zero_point)
    of(WRITE, call.overload)(Path(call.artifact), entries, quantizer)
    return Done()


def load(subject: Any, call: messages.Load) -> messages.Loaded | Thrown:
    expected = read_state_dict(call.expected)
    memory = {name: torch_tensors.poison(tensor) for name, tensor in expected}
    there = of(READ, call.overload)(Path(call.artifact))
    if call.overload.startswith(("tensor", "archive")):
        there = [Entry(expected[0].name, there[0].tensor)]
    if call.strict and {name for name, _ in there} != memory.keys():
        return OTHER_NAMES
    memory |= {name: tensor for name, tensor in there if name in memory}
    found = list(map(Entry, memory, memory.values()))
    quantizer = (
        (call.placement.scale, call.placement.zero_point) if expected[0].tensor.dtype.kind == "quantized" else None
    )
    return messages.Loaded(tuple(compare(expected, found, identity=call.identity)), (), (), digest(found), quantizer)


def schema(subject: Model, call: messages.Schema) -> messages.SchemaFound:
    module = native.build(subject)
    buffers = {name for name, _ in native.buffers(module)}
    return messages.SchemaFound(
        tuple(
            messages.SchemaEntry(name, tensor.dtype.code, tensor.shape, name in buffers)
            for name, tensor in torch_tensors.export(module.state_dict())
        )
    )


def forward(subject: Model, call: messages.Forward) -> Done:
    dtype = BY_NAME[call.dtype]
    module = native.computing(subject, read_state_dict(call.expected), dtype).train(call.train)
    outputs = native.forward(module, subject, read_state_dict(call.inputs), dtype)
    write_whole(call.outputs, encode_state_dict(native.buffers(module) if call.train else outputs))
    return Done()


def train(subject: Model, call: messages.Train) -> Done:
    assert subject.training is not None
    entries, batches = read_state_dict(call.expected), read_state_dict(call.batches)
    results = training_steps.trained(subject, subject.training, entries, batches, subject.dtype)
    write_whole(call.outputs, encode_state_dict(results))
    return Done()


def load_into(subject: Load, call: messages.LoadInto) -> messages.LoadedInto:
    read = of(READ, call.overload)
    refused, entries = loading.load(
        subject, read_state_dict(call.expected), lambda: read(Path(call.artifact)), (FormatError, *UNREADABLE)
    )
    message = next((there for here, there in REASONS.items() if refused.startswith(here)), "EndOfStreamException")
    loaded = {spec.name for spec in subject.specs} - {*call.skip}
    return messages.LoadedInto(
        refused=Thrown("System.Exception", message) if refused else None,
        still_open=None if refused else True,
        state={name: tensor_digest(tensor) for name, tensor in entries},
        report={spec.name: spec.name in loaded for spec in subject.file} if call.report else {},
    )


def load_hostile(subject: Hostile, call: messages.LoadHostile) -> messages.HostileLoaded:
    """It refuses the file, keeps what it has, and loads the whole one."""
    whole = digests(HOSTILE[subject.kind](Path(call.whole).read_bytes(), None))
    refused = Thrown("System.IO.EndOfStreamException", "no")
    return messages.HostileLoaded(refused, dict.fromkeys(whole, "before"), (), 0, False, None, dict(whole))


def probe(subject: Guarantee, call: messages.Probe) -> messages.Observed:
    return messages.Observed(subject.observed)


def use_optimizer(call: messages.UseOptimizer, *, faulty: bool) -> messages.OptimizerUsed:
    sizes = [group.parameters for group in call.groups]
    options = [group.options for group in call.groups]
    blank = saved_of(OptimizerRecord(call.optimizer, options, [{}] * sum(sizes)), sizes)
    groups = tuple(map(Group, blank["param_groups"], sizes))
    layout = call.placement.layout
    case = OptimizerCase((), name_in_torch(call.optimizer), groups, 0, 0, "fresh", layout)
    run = OptimizerRun(case, read_state_dict(call.inputs), faulty=faulty)
    run.steps(call.before)
    if call.load is not None:
        try:
            run.load(_saved(call.overload, Path(call.load), sizes))
        except (FormatError, *UNREADABLE) as error:
            return messages.OptimizerUsed({"begin": Thrown("System.Exception", str(error))})
    _write_memory(run, call, 0)
    if call.overload.startswith("optimizer"):
        write_whole(call.save, encode_optimizer(run.record()))
    else:
        torch.save(run.optimizer.state_dict(), call.save)
    for number, file in zip(call.after, call.parameters[1:], strict=True):
        run.step(number)
        write_whole(file, encode_state_dict(run.parameters()))
    write_whole(call.memory[1], encode_optimizer(run.record()))
    return messages.OptimizerUsed({})


def _saved(overload: str, path: Path, sizes: list[int]) -> dict[str, Any]:
    return saved_of(read_optimizer(path), sizes) if overload.startswith("optimizer") else read_pickle(path)


def _write_memory(run: OptimizerRun, call: messages.UseOptimizer, place: int) -> None:
    write_whole(call.memory[place], encode_optimizer(run.record()))
    write_whole(call.parameters[place], encode_state_dict(run.parameters()))


def run_program(subject: Any, call: messages.RunProgram) -> Done:
    script = call.overload.startswith("script")
    program: Any = programs.load_script(Path(call.artifact)) if script else _torch.export.load(call.artifact).module()
    given = read_state_dict(call.inputs)
    inputs = native.arguments(subject, given, subject.dtype) if isinstance(subject, Model) else []
    with torch.no_grad():
        outputs = layers.forward(program, inputs)
    write_whole(call.outputs, encode_state_dict(torch_tensors.export({str(n): each for n, each in enumerate(outputs)})))
    return Done()


ANSWERS: Mapping[type[AnyCall], Callable[[Any, Any], AnyAnswer]] = {
    messages.Save: save,
    messages.Load: load,
    messages.Schema: schema,
    messages.Forward: forward,
    messages.Train: train,
    messages.LoadInto: load_into,
    messages.LoadHostile: load_hostile,
    messages.Probe: probe,
    messages.RunProgram: run_program,
}
