"""What a fault is, and the small functions that faults of an answer and of bytes are made of.

A fault of the peer's client takes the place of ``PeerKeeper.ask`` (plugin.py). It changes one thing: in the answer, in
a file that .NET wrote, or in a copy of the file that .NET is given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from tscompat.codec import encode_state_dict
from tscompat.codec.optimizer import OptimizerRecord, decode_optimizer, encode_optimizer
from tscompat.codec.reader import decode_state_dict
from tscompat.values.tensors import Entry, StateDict, Tensor

Ask: TypeAlias = Callable[[Any], Any]
"""Sends a call to the real peer, and returns its answer."""
Wrong: TypeAlias = Callable[[Any, Ask], Any]
"""Answers a call in the peer's place, with the fault."""
Change: TypeAlias = Callable[[bytes], bytes]
Numbers: TypeAlias = NDArray[Any]

THE_RUN = "the run"
"""Stands for a check where the fault must end the run with "could not run" (exit code 2)."""


@dataclass(frozen=True)
class Fault:
    """One fault, the checks that must see it, and the part of the matrix that holds them."""

    name: str
    place: Literal["answer", "bytes", "TorchSharp"]
    what: str
    """What it does, in one sentence."""
    checks: tuple[str, ...]
    """Each must fail; others may."""
    select: str
    """An expression for ``-k``. Without the fault, all that it selects passes."""
    wrong: Wrong | None = None
    """None for a fault of TorchSharp's assembly, which dotnet/Faults.cs has under the same name."""


def always(call: Any) -> bool:
    return True


def answered(kind: type[Any], change: Callable[[Any], Any], when: Callable[[Any], bool] = always) -> Wrong:
    """Change the peer's answers of this type."""

    def wrong(call: Any, ask: Ask) -> Any:
        answer = ask(call)
        return change(answer) if isinstance(answer, kind) and when(call) else answer

    return wrong


def wrote(
    kind: type[Any], file: Callable[[Any], str | None], change: Change, when: Callable[[Any], bool] = always
) -> Wrong:
    """Change a file that .NET wrote for calls of this type, before Python reads it."""

    def wrong(call: Any, ask: Ask) -> Any:
        answer = ask(call)
        path = file(call) if isinstance(call, kind) and when(call) else None
        if path is not None and Path(path).is_file():
            whole = Path(path).read_bytes()
            Path(path).unlink()  # what Python has mapped of an earlier answer stays as it is
            Path(path).write_bytes(change(whole))
        return answer

    return wrong


def given(kind: type[Any], field: str, change: Change, when: Callable[[Any], bool] = always) -> Wrong:
    """Change a copy of the file that .NET is given in this field of calls of this type."""

    def wrong(call: Any, ask: Ask) -> Any:
        path: str | None = getattr(call, field) if isinstance(call, kind) and when(call) else None
        if path is None or not Path(path).is_file():
            return ask(call)
        copy = Path(path).with_name(f"sabotaged.{Path(path).name}")
        copy.write_bytes(change(Path(path).read_bytes()))
        return ask(msgspec.structs.replace(call, **{field: str(copy)}))

    return wrong


def entries(change: Callable[[StateDict], StateDict]) -> Change:
    """Change the entries of a file of TorchSharp's own format."""
    return lambda whole: b"".join(encode_state_dict(change(decode_state_dict(whole))))


def record(change: Callable[[OptimizerRecord], OptimizerRecord]) -> Change:
    """Change the contents of an optimizer's file."""
    return lambda whole: b"".join(encode_optimizer(change(decode_optimizer(whole))))


def numbers(change: Callable[[Numbers], Numbers], which: int = 0) -> Callable[[StateDict], StateDict]:
    """Change the elements of one entry, as a flat array; those of another dtype than floats as bytes."""
    return lambda given: [
        Entry(name, with_numbers(tensor, change) if place == which % len(given) else tensor)
        for place, (name, tensor) in enumerate(given)
    ]


def with_numbers(tensor: Tensor, change: Callable[[Numbers], Numbers]) -> Tensor:
    """The tensor with changed elements."""
    scalar = tensor.dtype.scalar
    flat = np.frombuffer(tensor.data, np.uint8).view(scalar).copy()
    return tensor._replace(data=np.ascontiguousarray(change(flat).astype(scalar)).view(np.uint8))


def element(at: int, change: Callable[[Any], Any]) -> Callable[[Numbers], Numbers]:
    """Change one element of a flat array."""

    def changed(flat: Numbers) -> Numbers:
        flat[at] = change(flat[at])
        return flat

    return changed


def byte(at: int, change: Callable[[int], int] = lambda value: value ^ 1) -> Change:
    """Change one byte of a file, counted from its end if ``at`` is negative."""

    def changed(whole: bytes) -> bytes:
        made = bytearray(whole)
        made[at] = change(made[at])
        return bytes(made)

    return changed
