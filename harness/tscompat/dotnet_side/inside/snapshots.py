"""What .NET's memory holds, as state dicts of views: no byte passes through the code under test.

May import values.
"""

from __future__ import annotations

import ctypes
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from tscompat.values.dtypes import BY_CODE
from tscompat.values.tensors import Entry, StateDict, Tensor

from .clr import Dotnet, Snapshot
from .work import Stopwatch


class UnknownDType(LookupError):
    """A tensor has a dtype that the format has no code for. ``args[0]`` is libtorch's number of it."""


@contextmanager
def snapshot(
    dotnet: Dotnet, watch: Stopwatch, held: Any, *disposed: Any
) -> Generator[tuple[Snapshot, StateDict], None, None]:
    """A snapshot of a module, a tensor or an array of tensors: device, strides, conj and neg are resolved.

    Gives the snapshot, and its entries as views, which live as long as the context. At the end of the context, the
    objects in ``disposed`` are disposed of. Raises DotnetError where TorchSharp cannot give a tensor's values,
    UnknownDType for a dtype that the format lacks.
    """
    with watch.running(), dotnet.errors():
        taken: Snapshot = dotnet.Snapshot.Of(held)
    try:
        yield taken, _entries(taken)
    finally:
        with watch.running():
            taken.Dispose()
            for each in disposed:
                each.Dispose()


def _entries(taken: Snapshot) -> StateDict:
    numbers = list((ctypes.c_int64 * taken.Length).from_address(taken.Numbers))
    entries: StateDict = []
    at = 0
    for name in taken.Names:
        code, address, rank = numbers[at : at + 3]
        shape = tuple(numbers[at + 3 : at + 3 + rank])
        at += 3 + rank
        if code not in BY_CODE:
            raise UnknownDType(code)
        tensor = Tensor(BY_CODE[code], shape, b"")
        if tensor.nbytes:
            tensor = tensor._replace(data=(ctypes.c_ubyte * tensor.nbytes).from_address(address))
        entries.append(Entry(name, tensor))
    return entries
