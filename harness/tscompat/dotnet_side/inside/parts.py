"""Runs the modules within a person's module, each alone. May import values, resources, codec, dotnet_side.messages."""

from __future__ import annotations

import json

from tscompat.codec import encode_state_dict, read_state_dict
from tscompat.dotnet_side.messages import (
    Backward,
    Done,
    Part,
    PartRun,
    Parts,
    PartsFound,
    PartsRan,
    RunParts,
    Thrown,
    contiguous,
)
from tscompat.resources.whole import write_whole
from tscompat.values.tensors import Entry, StateDict
from tscompat.values.text import escaped

from .clr import Dotnet, DotnetError
from .snapshots import snapshot
from .work import Stopwatch, Work, build


def find_parts(dotnet: Dotnet, watch: Stopwatch, call: Parts) -> PartsFound:
    """Build the module, and list the modules within it."""
    with watch.running():
        module = build(dotnet, call.module)
        found = [
            Part(
                escaped(str(each.Key)),
                str(dotnet.Parts.TypeOf(each.Value)),
                {str(scalar.Key): escaped(str(scalar.Value)) for scalar in dotnet.Parts.Scalars(each.Value)},
            )
            for each in dotnet.Parts.Of(module)
        ]
        tied = tuple(tuple(escaped(str(name)) for name in names) for names in dotnet.Parts.Tied(module))
        module.Dispose()
    return PartsFound(tuple(found), tied)


def run_parts(dotnet: Dotnet, watch: Stopwatch, call: RunParts) -> PartsRan:
    """Build the module, load the expected file strictly, and run parts of it. Their outputs go into a file.

    A part that throws is an answer of its own; what building and loading throw ends the call.
    """
    work = Work(dotnet, watch, contiguous("cpu"), call.module, read_state_dict(call.expected))
    inputs: dict[str, StateDict] = {}
    for entry in read_state_dict(call.inputs):
        inputs.setdefault(entry.name.partition(".")[0], []).append(entry)
    results: StateDict = []
    thrown: dict[int, Thrown] = {}
    with watch.running():
        module = work.module(poison=True)
        with dotnet.errors():
            module.load(call.expected)
            module.train(False)
        parts = {str(each.Key): each.Value for each in dotnet.Parts.Of(module)}
    for number, run in enumerate(call.runs):
        given = inputs.get(str(number), [])
        try:
            results += [
                Entry(f"{number}.{name}", tensor) for name, tensor in _outputs(work, parts[run.name], run, given)
            ]
        except DotnetError as error:
            thrown[number] = Thrown(error.type_name, error.message)
    module.Dispose()
    write_whole(call.outputs, encode_state_dict(results))
    return PartsRan(thrown)


def _outputs(work: Work, part: object, run: PartRun, given: StateDict) -> StateDict:
    dotnet, watch = work.dotnet, work.watch
    with watch.running():
        tensors = [work.tensor(tensor, poison=False) for _, tensor in given]
        with dotnet.errors():
            outputs = dotnet.Parts.Forward(part, *taken(dotnet, run), dotnet.Array[dotnet.Tensor](tensors))
    with snapshot(dotnet, watch, outputs, *tensors) as (_, found):
        return [Entry(name, tensor._replace(data=bytes(tensor.data))) for name, tensor in found]


def taken(dotnet: Dotnet, run: PartRun) -> tuple[object, str]:
    """How a forward takes its inputs, as ``Parts`` has it."""
    words = {"parameters": run.parameters, "named": run.named, "defaults": run.defaults}
    return dotnet.Array[dotnet.Int](list(run.sizes)), json.dumps(words)


def run_backward(dotnet: Dotnet, watch: Stopwatch, call: Backward) -> Done:
    """Build the module, load the expected file strictly, run it backward. Its gradients go into a file."""
    work = Work(dotnet, watch, contiguous("cpu"), call.module, read_state_dict(call.expected))
    given = read_state_dict(call.inputs)
    inputs, cotangents = (
        dotnet.Array[dotnet.Tensor](
            [work.tensor(tensor, poison=False) for name, tensor in given if name.startswith(what)]
        )
        for what in ("input.", "cotangent.")
    )
    with watch.running():
        module = work.module(poison=True)
        with dotnet.errors():
            module.load(call.expected)
            module.train(False)
            gradients = dotnet.Parts.Backward(module, *taken(dotnet, call.run), inputs, cotangents)
    with snapshot(dotnet, watch, gradients, module) as (_, found):
        write_whole(call.outputs, encode_state_dict(found))
    return Done()
