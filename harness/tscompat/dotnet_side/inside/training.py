"""Trains a module in TorchSharp, and writes down its losses and its memory. May import values, resources, codec."""

from __future__ import annotations

from tscompat.codec import encode_state_dict, read_state_dict
from tscompat.codec.optimizer import LAYOUTS
from tscompat.dotnet_side.messages import Done, ParameterGroup, Train, contiguous
from tscompat.resources.whole import write_whole
from tscompat.values.tensors import Entry, StateDict

from .clr import Dotnet
from .optimizers import build_optimizer
from .parts import taken
from .snapshots import snapshot
from .work import Refused, Stopwatch, Work


def train(dotnet: Dotnet, watch: Stopwatch, call: Train) -> Done:
    """Build the module natively, load the expected file into it, and train it.

    Raises Refused for an unknown optimizer or loss.
    """
    if call.optimizer not in LAYOUTS or not dotnet.Training.Knows(call.loss):
        raise Refused(f"unknown optimizer or loss: {call.optimizer}, {call.loss}")
    work = Work(dotnet, watch, contiguous(call.device), call.module, read_state_dict(call.expected))
    batches = read_state_dict(call.batches)
    results: StateDict = []
    with watch.running():
        module = work.module(poison=True)
        with dotnet.errors():
            module.load(call.expected)
            module.train(True)
            if call.run is not None:
                dotnet.Parts.StopDropout(module)
            parameters = list(module.parameters())
            group = ParameterGroup(call.options, len(parameters))
            optimizer = build_optimizer(dotnet, call.optimizer, [group], parameters)
        for step in range(call.steps):
            inputs, target = (
                [work.tensor(tensor, poison=False) for name, tensor in batches if name.startswith(f"{what}.{step}.")]
                for what in ("input", "target")
            )
            with dotnet.errors():
                given = dotnet.Array[dotnet.Tensor](inputs)
                if call.run is None:
                    loss = dotnet.Training.Step(module, optimizer, call.loss, given, target[0])
                else:
                    how = taken(dotnet, call.run)
                    loss = dotnet.Training.StepOfOwn(module, optimizer, call.loss, *how, given, target[0])
            for held, name in ((loss, "loss.{}"), (module, "step.{}.")):
                with snapshot(dotnet, watch, held) as (_, found):
                    results += [
                        Entry(name.format(step) + each, tensor._replace(data=bytes(tensor.data)))
                        for each, tensor in found
                    ]
            for each in (loss, *inputs, *target):
                each.Dispose()
        optimizer.Dispose()
        module.Dispose()
    write_whole(call.outputs, encode_state_dict(results))
    return Done()
