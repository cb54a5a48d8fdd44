"""The calls that a peer answers. May import codec, bits, dtypes, tensors, peer.digest.

Reading back takes the bytes from the tensors' memory, not through the code under test.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from tscompat.codec import encode_state_dict, read_state_dict
from tscompat.dotnet_side.digest import digest
from tscompat.resources.whole import write_whole
from tscompat.values.compare import compare
from tscompat.values.dtypes import BY_CODE
from tscompat.values.tensors import Entry, StateDict, Tensor

from .clr import Dotnet, DotnetError, Snapshot
from .optimizers import OVERLOADS as OPTIMIZER_OVERLOADS
from .optimizers import train as run_training
from .overloads import OVERLOADS
from .probes import PROBES, Unable
from .work import Description, Refusal, Work

Answer = dict[str, Any]
LARGE = 64 << 20
"""Bytes of a case after which .NET collects its garbage: it does not know how much memory of libtorch's hangs on it."""


def save(work: Work) -> Answer:
    """.NET makes the state dict and saves it to the artifact."""
    overload = OVERLOADS[work.description.overload]
    with work.watch.running():
        held = overload.make(work, False)
        try:
            with work.dotnet.errors():
                overload.save(work, held)
        finally:
            held.Dispose()
    return {"saved": True}


def load(work: Work) -> Answer:
    """.NET loads the artifact; its memory is compared with the expected_file here, without a copy."""
    overload = OVERLOADS[work.description.overload]
    with work.watch.running():
        target = overload.make(work, True)
        with work.dotnet.errors():
            held = overload.load(work, target)
    with _snapshot(work, held, held) as (snapshot, found):
        if len(found) == len(work.entries) == 1 and not found[0].name:
            found = [Entry(work.entries[0].name, found[0].tensor)]
        places = {entry.name: place for place, entry in enumerate(work.entries)}
        found.sort(key=lambda entry: places.get(entry.name, len(places)))
        differences = compare(work.entries, found, identity=work.description.identity)
        quantizer = None if snapshot.Quantizer is None else list(snapshot.Quantizer)
        return {"differences": differences, "digest": digest(found), "quantizer": quantizer}


def schema(work: Work) -> Answer:
    """What the natively built module has: names, codes, shapes and buffers, in the order of its state dict."""
    with work.watch.running():
        module = work.build()
        buffers = set(work.dotnet.Modules.BufferNames(module))
    with _snapshot(work, module, module) as (_, found):
        rows = [[name, tensor.dtype.code, tensor.shape, name in buffers] for name, tensor in found]
        return {"schema": rows}


def forward(work: Work) -> Answer:
    """The natively built module computes with the expected_file's bits; its outputs (or buffers) go to the artifact."""
    inputs = read_state_dict(work.description.inputs)
    with work.watch.running():
        module = work.module(poison=False)
        module.train(work.description.train)
        tensors = [work.tensor(tensor, poison=False) for _, tensor in inputs]
        with work.dotnet.errors():
            outputs = work.dotnet.Layers.Forward(module, tensors)
    with _snapshot(work, module if work.description.train else outputs, module, *outputs) as (_, found):
        buffers = set(work.dotnet.Modules.BufferNames(module))
        write_whole(
            work.description.artifact,
            encode_state_dict([entry for entry in found if not work.description.train or entry.name in buffers]),
        )
    return {"computed": True}


def attempt(work: Work) -> Answer:
    """.NET loads the artifact into a module with the expected_file's bits; digests tell what is there afterwards."""
    how = work.description.scenario
    if how is None:
        raise Refusal("this call needs a scenario")
    refused, still_open = "", None
    report = work.dotnet.Loading.Report() if how["report"] else None
    with work.watch.running():
        bag = work.bag(poison=False)
        try:
            with work.dotnet.errors():
                skip = "\n".join(how["skip"])
                artifact = work.description.artifact
                options = (how["overload"], how["strict"], skip, report)
                still_open = bool(work.dotnet.Loading.Load(bag, work.description.overload, artifact, *options))
        except DotnetError as error:
            refused = str(error)
    state: dict[str, str] = {}
    with _snapshot(work, bag, bag) as (_, found):
        state |= {name: digest([Entry("", tensor)]) for name, tensor in found}
        for name in how["transient"]:
            with _snapshot(work, bag.Transient(name)) as (_, (transient,)):
                state[name] = digest([Entry("", transient.tensor)])
    told = {str(each.Key): bool(each.Value) for each in report or ()}
    return {"refused": refused, "open": still_open, "state": state, "report": told}


def probe(work: Work) -> Answer:
    """Try a guarantee; say what was seen."""
    try_it = PROBES.get(work.description.probe)
    if try_it is None:
        raise Refusal(f"unknown probe {work.description.probe!r}; this peer knows {', '.join(PROBES)}")
    with ExitStack() as held, work.watch.running(), work.dotnet.errors():
        try:
            return {"observed": try_it(work, lambda module: held.enter_context(_snapshot(work, module, module))[1])}
        except Unable as reason:
            return {"unable": str(reason)}


def train(work: Work) -> Answer:
    """An optimizer over given parameters: its file, the step after it; what memory holds goes to files."""
    return {"errors": run_training(work, partial(_snapshot, work))}


def run(work: Work) -> Answer:
    """The program in the artifact computes; its outputs go into a file beside it."""
    inputs = read_state_dict(work.description.inputs)
    overload = OVERLOADS[work.description.overload]
    with work.watch.running():
        tensors = [work.tensor(tensor, poison=False) for _, tensor in inputs]
        with work.dotnet.errors():
            program = overload.load(work, None)
            outputs = work.dotnet.Programs.Run(program, tensors)
    file = f"{work.description.artifact}.outputs"
    with _snapshot(work, outputs, program, *outputs) as (_, found):
        write_whole(file, encode_state_dict(found))
    return {"outputs": file}


@contextmanager
def _snapshot(work: Work, held: Any, *disposed: Any) -> Generator[tuple[Snapshot, StateDict]]:
    """The state of a module, a tensor or some tensors as views of .NET's memory; ``disposed`` goes at the end."""
    with work.watch.running():
        snapshot: Snapshot = work.dotnet.Snapshot.Of(held)
    try:
        yield snapshot, _entries(snapshot)
    finally:
        with work.watch.running():
            snapshot.Dispose()
            for each in disposed:
                each.Dispose()


def _entries(snapshot: Snapshot) -> StateDict:
    """The snapshot's tensors as views of .NET's memory."""
    numbers = list((ctypes.c_int64 * snapshot.Length).from_address(snapshot.Numbers)) if snapshot.Length else []
    entries: StateDict = []
    at = 0
    for name in snapshot.Names:
        code, address, rank = numbers[at : at + 3]
        shape = tuple(numbers[at + 3 : at + 3 + rank])
        at += 3 + rank
        tensor = Tensor(BY_CODE[code], shape, b"")
        if tensor.nbytes:
            tensor = tensor._replace(data=(ctypes.c_ubyte * tensor.nbytes).from_address(address))
        entries.append(Entry(name, tensor))
    return entries


def _call(action: Callable[[Work], Answer], overloads: Iterable[str]) -> Callable[[Dotnet, dict[str, Any]], Answer]:
    def answer(dotnet: Dotnet, request: dict[str, Any]) -> Answer:
        says = Description.parse(request)
        if says.overload not in overloads:
            raise Refusal(f"unknown overload {says.overload!r}; for this call the peer knows {', '.join(overloads)}")
        if not dotnet.Layouts.Knows(says.layout):
            raise Refusal(f"unknown layout {says.layout!r}")
        work = Work(dotnet, says, read_state_dict(says.expected_file))
        try:
            reply = action(work)
        except DotnetError as error:
            reply = {"error": [error.type_name, error.message]}
        if sum(tensor.nbytes for _, tensor in work.entries) > LARGE:
            dotnet.GC.Collect()
            dotnet.GC.WaitForPendingFinalizers()
        return {"overload": says.overload, "seconds": work.watch.seconds, **reply}

    return answer


CALLS: dict[str, Callable[[Dotnet, dict[str, Any]], Answer]] = {
    "save": _call(save, OVERLOADS),
    "load": _call(load, OVERLOADS),
    "schema": _call(schema, ["schema"]),
    "forward": _call(forward, ["forward"]),
    "attempt": _call(attempt, ["load", "pybridge-load-pickle", "pybridge-load-safetensors"]),
    "probe": _call(probe, ["guarantee"]),
    "train": _call(train, OPTIMIZER_OVERLOADS),
    "run": _call(run, ["torchscript", "torchscript-bytes", "export", "export-aoti"]),
}
