"""What passes from a reader to a writer: named tensors that are not read yet. May import values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from typing_extensions import Buffer

from tscompat.values.dtypes import DType
from tscompat.values.tensors import PLAIN, Entry, Quantizer, Tensor

_SHOWN = 10
_SHOWN_IN_A_LINE = 12


class ConvertError(ValueError):
    """The conversion cannot be done; the message has where, what was found, and what to do."""


def listed(faults: Sequence[str]) -> str:
    """The first ten of them, each in a line of its own."""
    more = [f"... and {len(faults) - _SHOWN} more"] if len(faults) > _SHOWN else []
    return "".join(f"\n  {line}" for line in [*faults[:_SHOWN], *more])


def some(words: Sequence[str]) -> str:
    """The first twelve of them, in one line."""
    rest = len(words) - _SHOWN_IN_A_LINE
    return ", ".join(words[:_SHOWN_IN_A_LINE]) + (f" and {rest} more" if rest > 0 else "")


class Item(NamedTuple):
    """One named tensor of a source."""

    name: str
    dtype: DType
    shape: tuple[int, ...]
    read: Callable[[], Buffer]
    """Gives the elements as ``Tensor.data`` has them."""
    copies: bool
    """Whether that is a copy, made when it is asked for; else it is a view of the mapped file."""
    quantizer: Quantizer = PLAIN
    tie: Hashable = None
    """The same for all names of one tensor; None where it is not known."""

    @property
    def nbytes(self) -> int:
        """Bytes of the elements."""
        return Tensor(self.dtype, self.shape, b"").nbytes


class Unfit(NamedTuple):
    """An entry of a source that is no tensor which any target could hold."""

    name: str
    why: str


Contents: TypeAlias = list[Item | Unfit]
"""What a reader finds, in the order of the source."""

Tell: TypeAlias = Callable[[str], None]
"""Takes a sentence for the person at the terminal."""


class LazyEntries(Collection[Entry]):
    """The items as entries of a state dict, each read when it is its turn: one at a time is in memory."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Entry]:
        return (Entry(item.name, Tensor(item.dtype, item.shape, item.read())) for item in self._items)

    def __contains__(self, entry: object) -> bool:
        return any(entry == each for each in self)
