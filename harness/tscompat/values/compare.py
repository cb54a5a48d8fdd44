"""Compares tensors, state dicts and bytes exactly, and describes each difference. Imports its neighbours.

Nothing is compared as a number: two NaNs are equal if their bits are, and zero differs from negative zero.
"""

from __future__ import annotations

import ctypes
import reprlib
import sys
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np
from typing_extensions import Buffer

from .dtypes import DType
from .identity import origins
from .tensors import Entry, StateDict, Tensor, tensor_of
from .text import escaped
from .verdict import PASS, FirstDifference, Kind, Verdict

_SMALL = 4096
"""Up to this many bytes, a copy is cheaper than a call of memcmp."""
_STEP = 1 << 20
"""How many elements are compared at a time when those that differ are counted."""
_NAMED = 3
"""How many names a message lists; the others are counted."""

_memcmp = (ctypes.cdll.msvcrt if sys.platform == "win32" else ctypes.CDLL(None)).memcmp
_memcmp.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
_memcmp.restype = ctypes.c_int

_brief = reprlib.Repr()
_brief.maxstring, _brief.maxlist = 80, 8


class Difference(NamedTuple):
    """One difference between what was expected and what was found."""

    kind: Literal["names", "order", "dtype", "shape", "bits", "bytes"]
    """A value of ``verdict.Kind``."""
    detail: str
    """What differs, and where, in one line without paths or times."""
    first: FirstDifference | None = None
    others: int = 0
    """Of a difference of names: how many entries both have."""


VALUES = frozenset({Kind.NAMES, Kind.DTYPE, Kind.SHAPE, Kind.BITS})
"""All kinds of difference that ``compare`` finds, except the order of the entries."""
_OTHERS = {Kind.BITS: "are equal", Kind.ORDER: "are in the expected order"}
"""What a verdict of names states about the entries that both have, where no difference of this kind is left."""


def first(differences: Sequence[Difference], kinds: Collection[Kind] = VALUES) -> Verdict:
    """The first difference of these kinds as a verdict; a pass if there is none.

    A difference of names comes last, so that it hides no other: any other is the verdict, with the names behind it.
    Where the names alone differ, the detail states how many entries both have, and that those are equal (or in the
    expected order, if ``kinds`` has the order and not the bits).
    """
    asked = [each for each in differences if Kind(each.kind) in kinds]
    names = next((each for each in asked if each.kind == Kind.NAMES), None)
    other = next((each for each in asked if each.kind != Kind.NAMES), None)
    if other:
        return Verdict(Kind(other.kind), other.detail + (f"; {names.detail}" if names else ""), other.first)
    if names:
        words = next((words for kind, words in _OTHERS.items() if kind in kinds), None)
        rest = f"the other {names.others} {words}" if names.others else "there are no others"
        return Verdict(Kind.NAMES, names.detail + (f"; {rest}" if words else ""), names.first)
    return PASS


def same_bytes(a: Buffer, b: Buffer) -> bool:
    """Whether two C-contiguous buffers hold the same bytes. They may be read-only, unaligned, empty or mapped files."""
    left, right = memoryview(a), memoryview(b)
    if left.nbytes != right.nbytes:
        return False
    if left.nbytes <= _SMALL:
        return left.tobytes() == right.tobytes()
    return _memcmp(_address(left), _address(right), left.nbytes) == 0


def compare(expected: StateDict, actual: StateDict, *, identity: bool = False) -> list[Difference]:
    """All differences: one if the names differ; one if the entries that both have are in another order; then at most
    one for each of these.

    A name that occurs several times is matched in order. With ``identity``, ``expected`` holds the identity pattern,
    and a detail states where a misplaced element comes from. Raises ValueError as ``difference`` does.
    """
    differences = compare_names([name for name, _ in expected], [name for name, _ in actual])
    found: defaultdict[str, list[Tensor]] = defaultdict(list)
    for name, tensor in reversed(actual):
        found[name].append(tensor)
    for name, tensor in expected:
        if found[name]:
            wrong = difference(tensor, found[name].pop(), name, identity=expected if identity else ())
            if wrong:
                differences.append(wrong)
    return differences


def difference(
    expected: Tensor, actual: Tensor, name: str = "", *, identity: Sequence[Entry] = ()
) -> Difference | None:
    """The first of dtype, shape and bits that differs, or None. The detail mentions ``name``.

    ``identity`` is a state dict that contains ``expected`` and holds the identity pattern: the detail then states where
    a misplaced element comes from. Raises ValueError if the bytes differ and a tensor's do not fit its dtype and shape.
    """
    dtype, shape, data = expected
    if dtype is actual.dtype and shape == actual.shape and same_bytes(data, actual.data):
        return None
    of = f" of {_brief.repr(name)}" if name else ""
    if dtype is not actual.dtype:
        place = FirstDifference(escaped(name), "dtype", None, dtype.name, actual.dtype.name)
        return Difference("dtype", f"dtype{of}: expected {place.expected}, found {place.found}", place)
    if shape != actual.shape:
        wanted, found = (_brief.repr(list(tensor.shape)) for tensor in (expected, actual))
        place = FirstDifference(escaped(name), "shape", None, wanted, found)
        return Difference("shape", f"shape{of}: expected {wanted}, found {found}", place)
    number, count = _differing(expected, actual)
    element = _element(actual, number)
    wanted, found = _words(dtype, _element(expected, number)), _words(dtype, element)
    detail = (
        f"element {_brief.repr(_index(number, shape))}{of} ({dtype.name}): expected {wanted}, found {found}; "
        f"{count} of {expected.numel} elements differ"
    )
    origin = _origin(dtype, element, identity) if identity else ""
    place = FirstDifference(escaped(name), "element", number * dtype.itemsize, wanted, found)
    return Difference("bits", detail + origin, place)


def same_stream(expected: Iterable[Buffer], found: Buffer) -> Difference | None:
    """Where ``found`` first differs from the expected buffers, joined in order; None if all bytes are equal."""
    whole = memoryview(found).cast("B") if memoryview(found).nbytes else memoryview(b"")
    offset = 0
    for chunk in map(memoryview, expected):
        wanted = chunk.cast("B") if chunk.nbytes else memoryview(b"")
        there = whole[offset : offset + wanted.nbytes]
        if not same_bytes(wanted, there):
            at = _first_byte(wanted, there)
            byte = f"0x{there[at]:02x}" if at < there.nbytes else None
            place = FirstDifference(None, "byte", offset + at, f"0x{wanted[at]:02x}", byte)
            what = f"found {byte}" if byte else "the file ends there"
            return Difference("bytes", f"byte {offset + at}: expected {place.expected}, {what}", place)
        offset += wanted.nbytes
    if offset < whole.nbytes:
        place = FirstDifference(None, "byte", offset, None, f"0x{whole[offset]:02x}")
        return Difference("bytes", f"{whole.nbytes - offset} bytes too many after byte {offset}", place)
    return None


def _first_byte(wanted: memoryview, there: memoryview) -> int:
    """The first byte that differs; ``there`` may be shorter, and then ends at the latest."""
    for start in range(0, there.nbytes, _STEP):
        ours, theirs = (
            np.frombuffer(side[start : min(there.nbytes, start + _STEP)], np.uint8) for side in (wanted, there)
        )
        wrong = np.flatnonzero(ours != theirs)
        if wrong.size:
            return start + int(wrong[0])
    return there.nbytes


def compare_names(expected: list[str], actual: list[str]) -> list[Difference]:
    """The differences of the names alone: one if they differ, and one if those that both have are in another order."""
    if expected == actual:
        return []
    counts, found = Counter(expected), Counter(actual)
    both, surplus = counts & found, found - counts
    faults = {
        "missing": list(counts - found),
        "unexpected": [name for name in surplus if name not in counts],
        "repeated": [name for name in surplus if name in counts],
    }
    differences: list[Difference] = []
    detail = "; ".join(f"{fault} {_list(names)}" for fault, names in faults.items() if names)
    if detail:
        sides = faults["missing"], faults["unexpected"] + faults["repeated"]
        place = FirstDifference(None, "names", None, *(escaped(names[0]) if names else None for names in sides))
        differences.append(Difference("names", detail, place, both.total()))
    for number, (wanted, got) in enumerate(zip(*(_only(both, names) for names in (expected, actual)), strict=True)):
        if wanted != got:
            sentence = f"entry {number}: expected {_brief.repr(wanted)}, found {_brief.repr(got)}"
            place = FirstDifference(None, "order", None, escaped(wanted), escaped(got))
            return [*differences, Difference("order", sentence, place)]
    return differences


def _only(both: Counter[str], names: list[str]) -> Iterator[str]:
    """The names that both sides have, as often as both have them."""
    left = both.copy()
    for name in names:
        if left[name]:
            left[name] -= 1
            yield name


def _list(names: list[str]) -> str:
    rest = len(names) - _NAMED
    return ", ".join(map(_brief.repr, names[:_NAMED])) + (f" and {rest} more" if rest > 0 else "")


def _differing(expected: Tensor, actual: Tensor) -> tuple[int, int]:
    """The flat index of the first element that differs, and how many do. numpy compares ``void`` items of any size."""
    void = f"V{expected.dtype.itemsize}"
    left, right = (np.frombuffer(tensor_of(*tensor).data, void) for tensor in (expected, actual))
    first, count = -1, 0
    for start in range(0, left.size, _STEP):
        wrong = np.flatnonzero(left[start : start + _STEP] != right[start : start + _STEP])
        if first < 0 and wrong.size:
            first = start + int(wrong[0])
        count += wrong.size
    return first, count


def _element(tensor: Tensor, index: int) -> bytes:
    size = tensor.dtype.itemsize
    return np.frombuffer(tensor.data, np.uint8)[index * size : (index + 1) * size].tobytes()


def _words(dtype: DType, element: bytes) -> str:
    """An element's bit pattern and value; a complex one as real|imaginary: ``0x3f800000|0x7fc00000 (1.0|nan)``."""
    size = dtype.scalar.itemsize
    parts = [element[start : start + size] for start in range(0, len(element), size)]
    patterns = "|".join(f"0x{int.from_bytes(part, 'little'):0{2 * size}x}" for part in parts)
    values = "|".join(str(value) for value in np.frombuffer(element, dtype.scalar))
    return f"{patterns} ({values})"


def _origin(dtype: DType, element: bytes, entries: Sequence[Entry]) -> str:
    places = origins(dtype, element, entries)
    if not places:
        return "; what was found is no element of these tensors"
    number, indices = places[0]
    name, tensor = entries[number]
    where = f"element {_index(indices[0], tensor.shape)} of tensor number {number} ({_brief.repr(name)})"
    others = sum(len(indices) for _, indices in places) - 1
    return f"; what was found is {where}" + (f" or one of {others} others like it" if others else "")


def _index(flat: int, shape: tuple[int, ...]) -> list[int]:
    return [int(index) for index in np.unravel_index(flat, shape)]


def _address(view: memoryview) -> int:
    return np.frombuffer(view, np.uint8).ctypes.data
