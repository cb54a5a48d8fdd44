"""The calls that a peer answers: a function for each type of call. May import values, resources, codec.

Bytes are read back from the tensors' memory, not through the code under test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

from tscompat.codec import encode_state_dict, read_state_dict
from tscompat.dotnet_side import messages
from tscompat.dotnet_side.digest import digest, tensor_digest
from tscompat.dotnet_side.messages import AnyAnswer, AnyCall, Done, Reply, Thrown
from tscompat.resources.whole import write_whole
from tscompat.values.compare import compare
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, flipped

from . import kept, probes, probes_of_bytes, probes_of_pybridge, probes_of_states
from .clr import Dotnet, DotnetError
from .hostile import load_hostile
from .optimizers import use_optimizer
from .overloads import OVERLOADS
from .parts import find_parts, run_backward, run_parts
from .probes import CannotTry
from .snapshots import snapshot
from .training import train
from .work import Refused, Stopwatch, Work, build

PROBES = probes.PROBES | probes_of_states.PROBES | probes_of_bytes.PROBES | probes_of_pybridge.PROBES
LARGE = 64 << 20
"""If the expected file has more bytes, .NET collects its garbage after the call: its GC does not see the native memory
that its objects hold."""
Value = TypeVar("Value")


def save(dotnet: Dotnet, watch: Stopwatch, call: messages.Save) -> Done:
    """.NET makes an object with the bits of the expected file and saves it to the artifact."""
    overload = known(OVERLOADS, call.overload, "overload")
    work = Work(dotnet, watch, call.placement, call.module, read_state_dict(call.expected))
    with watch.running():
        held = overload.make(work, call.artifact, False)
    try:
        if call.flip is not None:
            work.overwrite(held, flipped(work.entries, call.flip))
        with kept.watched(dotnet, watch, held) as changed, watch.running(), dotnet.errors():
            overload.save(work, held, call.artifact)
        return Done(tuple(changed))
    finally:
        held.Dispose()


def load(dotnet: Dotnet, watch: Stopwatch, call: messages.Load) -> messages.Loaded:
    """.NET loads the artifact. Its memory is compared with the expected file here, without a copy."""
    overload = known(OVERLOADS, call.overload, "overload")
    work = Work(dotnet, watch, call.placement, call.module, read_state_dict(call.expected), call.strict)
    with watch.running():
        target = overload.make(work, call.artifact, True)
    with kept.watched(dotnet, watch, target, bits=False) as changed, watch.running(), dotnet.errors():
        held = overload.load(work, target, call.artifact)
    with snapshot(dotnet, watch, held, held) as (taken, found):
        if len(found) == len(work.entries) == 1 and not found[0].name:
            found = [Entry(work.entries[0].name, found[0].tensor)]
        places = {entry.name: place for place, entry in enumerate(work.entries)}
        found.sort(key=lambda entry: places.get(entry.name, len(places)))
        scale_and_zero_point = None if taken.Quantizer is None else (taken.Quantizer[0], round(taken.Quantizer[1]))
        names = {entry.name for entry in found}
        return messages.Loaded(
            differences=tuple(compare(work.entries, found, identity=call.identity)),
            missing=tuple(name for name in places if name not in names),
            unexpected=tuple(entry.name for entry in found if entry.name not in places),
            digest=digest(entry for entry in found if entry.name in places),
            quantizer=scale_and_zero_point,
            changed=tuple(changed),
        )


def schema(dotnet: Dotnet, watch: Stopwatch, call: messages.Schema) -> messages.SchemaFound:
    """Build the module natively, and list the entries of its state dict."""
    with watch.running():
        module = build(dotnet, call.module)
        buffers = set(dotnet.Modules.BufferNames(module))
    with snapshot(dotnet, watch, module, module) as (_, found):
        return messages.SchemaFound(
            tuple(
                messages.SchemaEntry(name, tensor.dtype.code, tensor.shape, name in buffers) for name, tensor in found
            )
        )


def forward(dotnet: Dotnet, watch: Stopwatch, call: messages.Forward) -> Done:
    """Build the module natively and run it. Its outputs, or with ``train`` its buffers, go into a file."""
    placement = messages.contiguous(call.device)
    work = Work(dotnet, watch, placement, call.module, read_state_dict(call.expected))
    inputs = read_state_dict(call.inputs)
    with watch.running():
        module = work.module(poison=call.load)
        with dotnet.errors():
            if call.load:
                module.load(call.expected)
            if call.dtype != call.module.dtype:
                module = dotnet.Modules.ToType(module, BY_NAME[call.dtype].code)
        module.train(call.train)
        tensors = [work.tensor(tensor, poison=False) for _, tensor in inputs]
        buffers = set(dotnet.Modules.BufferNames(module))
    but = buffers if call.train else ()
    with (
        kept.watched(dotnet, watch, module, but=but, inputs=tensors) as changed,
        watch.running(),
        dotnet.errors(),
    ):
        outputs = dotnet.Layers.Forward(module, tensors)
    with snapshot(dotnet, watch, module if call.train else outputs, module, *outputs) as (_, found):
        wanted = [entry for entry in found if not call.train or entry.name in buffers]
        write_whole(call.outputs, encode_state_dict(wanted))
    return Done(tuple(changed))


def load_into(dotnet: Dotnet, watch: Stopwatch, call: messages.LoadInto) -> messages.LoadedInto:
    """.NET loads the artifact into a module with the expected file's bits. The answer has digests of its tensors."""
    placement = messages.contiguous("cpu")
    work = Work(dotnet, watch, placement, call.module, read_state_dict(call.expected))
    refused, still_open = None, None
    report = dotnet.Loading.Report() if call.report else None
    with watch.running():
        bag = work.bag(work.entries, poison=False)
        try:
            with dotnet.errors():
                skip = "\n".join(call.skip)
                options = (call.given_as, call.strict, skip, report)
                still_open = bool(dotnet.Loading.Load(bag, call.overload, call.artifact, *options))
        except DotnetError as error:
            refused = Thrown(error.type_name, error.message)
    reported = {str(each.Key): bool(each.Value) for each in report or ()}
    with snapshot(dotnet, watch, bag, bag) as (_, found):
        state = {name: tensor_digest(tensor) for name, tensor in found}
        for name in call.module.transient:
            with snapshot(dotnet, watch, bag.Transient(name)) as (_, (transient,)):
                state[name] = tensor_digest(transient.tensor)
        return messages.LoadedInto(refused, still_open, state, reported)


def probe(dotnet: Dotnet, watch: Stopwatch, call: messages.Probe) -> messages.Observed | messages.Unable:
    """Try a guarantee, and describe what was seen."""
    try_it = known(PROBES, call.probe, "probe")
    work = Work(dotnet, watch, call.placement, call.module, read_state_dict(call.expected))
    with ExitStack() as held, watch.running(), dotnet.errors():
        try:
            observed = try_it(work, call, lambda module: held.enter_context(snapshot(dotnet, watch, module, module))[1])
        except CannotTry as reason:
            return messages.Unable(str(reason))
    return messages.Observed(observed)


def run_program(dotnet: Dotnet, watch: Stopwatch, call: messages.RunProgram) -> Done:
    """Run the program in the artifact. Its outputs go into a file."""
    overload = known(OVERLOADS, call.overload, "overload")
    work = Work(dotnet, watch, call.placement)
    inputs = read_state_dict(call.inputs)
    with watch.running():
        tensors = [work.tensor(tensor, poison=False) for _, tensor in inputs]
        with dotnet.errors():
            program = overload.load(work, None, call.artifact)
            outputs = dotnet.Programs.Run(program, tensors)
    with snapshot(dotnet, watch, outputs, program, *outputs) as (_, found):
        write_whole(call.outputs, encode_state_dict(found))
    return Done()


CALLS: Mapping[type[AnyCall], Callable[[Dotnet, Stopwatch, Any], AnyAnswer]] = {
    messages.Save: save,
    messages.Load: load,
    messages.Schema: schema,
    messages.Parts: find_parts,
    messages.RunParts: run_parts,
    messages.Backward: run_backward,
    messages.Forward: forward,
    messages.Train: train,
    messages.LoadInto: load_into,
    messages.LoadHostile: load_hostile,
    messages.Probe: probe,
    messages.UseOptimizer: use_optimizer,
    messages.RunProgram: run_program,
}


def reply(dotnet: Dotnet, call: AnyCall) -> Reply:
    """Answer a call; what TorchSharp throws is an answer, too. Raises Refused for what the peer does not know."""
    watch = Stopwatch()
    try:
        answer = CALLS[type(call)](dotnet, watch, call)
    except DotnetError as error:
        answer = Thrown(error.type_name, error.message, error.changed)
    expected: str | None = getattr(call, "expected", None)  # not every call has one
    if expected and Path(expected).stat().st_size > LARGE:
        dotnet.GC.Collect()
        dotnet.GC.WaitForPendingFinalizers()
    return Reply(answer, watch.seconds)


def known(table: Mapping[str, Value], name: str, what: str) -> Value:
    """The row of a table. Raises Refused, with the names that the peer knows, if there is none."""
    if name not in table:
        raise Refused(f"unknown {what} {name!r}; this peer knows {', '.join(table)}")
    return table[name]
