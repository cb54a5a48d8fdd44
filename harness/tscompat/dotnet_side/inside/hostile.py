"""Loads files that break their format, and looks at what that leaves behind. May import values, codec.

A target has the entries of an expected file, with other bits. What it holds is read from .NET's memory, before and
after.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

import numpy as np

from tscompat.codec import read_optimizer, read_state_dict, read_tensor
from tscompat.codec.optimizer import flat_options, flat_states
from tscompat.dotnet_side.digest import tensor_digest
from tscompat.dotnet_side.messages import Bag, HostileLoaded, LoadHostile, ParameterGroup, Thrown, contiguous
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import StateDict, Tensor, tensor_of

from .clr import Dotnet, DotnetError, DotnetTensor
from .memory import Peak, limited
from .optimizers import build_optimizer, in_memory
from .overloads import OVERLOADS
from .overloads.overload import Overload, reader
from .snapshots import UnknownDType, snapshot
from .work import Refused, Stopwatch, Work

MEMORY = 256 << 20
"""Bytes that a load may map, on Linux (``memory.limited``). .NET needs some of them itself, for threads."""
_BAG = Bag(buffers=(), tied={}, transient=(), nested=False, reversed=False, varied=False)


class Target(Protocol):
    """What a file is loaded into."""

    def load(self, path: str) -> None:
        """Raises what .NET throws."""
        ...

    def state(self) -> dict[str, str]:
        """The digest of each entry, by name."""
        ...


class _Module:
    """An overload that loads into a module, strict or not."""

    def __init__(self, dotnet: Dotnet, watch: Stopwatch, expected: str, overload: Overload, strict: bool) -> None:
        self._work = Work(dotnet, watch, contiguous("cpu"), _BAG, read_state_dict(expected), strict=strict)
        self._load = overload.load
        self._module = overload.make(self._work, expected, True)

    def load(self, path: str) -> None:
        self._load(self._work, self._module, path)

    def state(self) -> dict[str, str]:
        with snapshot(self._work.dotnet, self._work.watch, self._module) as (_, found):
            return digests(found)


class _Tensor:
    """Tensor.Load of a file, which makes a new tensor; with ``into`` it loads into one that is there."""

    def __init__(self, dotnet: Dotnet, watch: Stopwatch, expected: str, into: bool) -> None:
        self._dotnet, self._watch = dotnet, watch
        work = Work(dotnet, watch, contiguous("cpu"))
        self._into = into
        self._tensor: DotnetTensor | None = work.tensor(read_tensor(expected), poison=True) if into else None

    def load(self, path: str) -> None:
        if not self._into:
            self._tensor = self._dotnet.Tensor.Load(path)
            return
        with reader(self._dotnet, path) as made:
            self._dotnet.Memory.LoadInto(self._tensor, made)

    def state(self) -> dict[str, str]:
        if self._tensor is None:
            return {}
        with snapshot(self._dotnet, self._watch, self._tensor) as (_, found):
            return digests(found)


class _Optimizer:
    """OptimizerHelper.load_state_dict, of the expected file's class, groups and shapes."""

    def __init__(self, dotnet: Dotnet, watch: Stopwatch, expected: str) -> None:
        self._dotnet, self._watch = dotnet, watch
        record = read_optimizer(expected)
        self._name = record.name
        shapes = [next(each for each in state.values() if isinstance(each, Tensor)).shape for state in record.states]
        work = Work(dotnet, watch, contiguous("cpu"))
        zeros = (tensor_of(BY_NAME["f32"], shape, np.zeros(shape, np.float32)) for shape in shapes)
        parameters = [dotnet.Optimizers.Parameter(work.tensor(each, poison=False), True) for each in zeros]
        group = ParameterGroup({"initial_lr": 0.5, "lr": 0.5}, len(shapes) // len(record.groups))
        groups = [group] * len(record.groups)
        self._optimizer = build_optimizer(dotnet, self._name, groups, parameters)

    def load(self, path: str) -> None:
        self._optimizer.load_state_dict(path)

    def state(self) -> dict[str, str]:
        with in_memory(self._dotnet, self._watch, self._optimizer, self._name) as record:
            return digests([*flat_options(record), *flat_states(record)])


READERS: Mapping[str, Callable[[Dotnet, Stopwatch, str], Target]] = {
    "module": partial(_Module, overload=OVERLOADS["module-path"], strict=True),
    "module-lax": partial(_Module, overload=OVERLOADS["module-path"], strict=False),
    "tensor": partial(_Tensor, into=False),
    "tensor-into": partial(_Tensor, into=True),
    "optimizer": _Optimizer,
    **{
        name: partial(_Module, overload=OVERLOADS[name], strict=True)
        for name in ("pybridge-safetensors", "pybridge-pickle")
    },
}
"""Makes a target for the entries of an expected file."""


def load_hostile(dotnet: Dotnet, watch: Stopwatch, call: LoadHostile) -> HostileLoaded:
    """.NET loads the artifact, and then the whole file into the same target."""
    if call.reader not in READERS:
        raise Refused(f"unknown reader {call.reader!r}; this peer knows {', '.join(READERS)}")
    with watch.running():
        target = READERS[call.reader](dotnet, watch, call.expected)
    before = _state(target)
    heap, resident = dotnet.GC.GetTotalAllocatedBytes(False), Peak()
    with limited(MEMORY):
        refused = _load(dotnet, watch, target, call.artifact)
    allocated = max(dotnet.GC.GetTotalAllocatedBytes(False) - heap, resident.bytes())
    state = _state(target)
    still_open = bool(dotnet.Loading.IsOpen(call.artifact))
    next_refused = _load(dotnet, watch, target, call.whole)
    return HostileLoaded(
        refused=refused,
        state=state,
        changed=tuple(sorted(name for name in {**before, **state} if before.get(name) != state.get(name))),
        allocated=allocated,
        still_open=still_open,
        next_refused=next_refused,
        next_state=_state(target),
    )


def _load(dotnet: Dotnet, watch: Stopwatch, target: Target, path: str) -> Thrown | None:
    try:
        with watch.running(), dotnet.errors():
            target.load(path)
    except DotnetError as error:
        return Thrown(error.type_name, error.message)
    return None


def _state(target: Target) -> dict[str, str]:
    """What the target holds; a sentence in the place of a digest, where that cannot be read."""
    try:
        return target.state()
    except UnknownDType as error:
        return {"": f"a tensor of dtype {error.args[0]}"}
    except DotnetError as error:
        return {"": f"{error.type_name}: {error.message}"}


def digests(entries: StateDict) -> dict[str, str]:
    """The digest of each entry's dtype, shape and bits, by name; of a tensor above ``MEMORY`` bytes the shape."""
    return {name: str(tensor.shape) if tensor.nbytes > MEMORY else tensor_digest(tensor) for name, tensor in entries}
