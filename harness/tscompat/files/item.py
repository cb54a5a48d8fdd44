"""Items, which pass from a reader to a writer: named tensors, not read yet. May import values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from typing_extensions import Buffer

from tscompat.values.dtypes import DType
from tscompat.values.tensors import PLAIN, Entry, Quantizer, Tensor

_SHOWN = 10
_SHOWN_IN_A_LINE = 12


class ConvertError(ValueError):
    """The conversion cannot be done. The message has the place, what was found there, and what to do."""


def listed(faults: Sequence[str]) -> str:
    """The first ten faults, each on a line of its own, and the number of the others."""
    more = [f"... and {len(faults) - _SHOWN} more"] if len(faults) > _SHOWN else []
    return "".join(f"\n  {line}" for line in [*faults[:_SHOWN], *more])


def some(words: Sequence[str]) -> str:
    """The first twelve words in one line, and the number of the others."""
    rest = len(words) - _SHOWN_IN_A_LINE
    return ", ".join(words[:_SHOWN_IN_A_LINE]) + (f" and {rest} more" if rest > 0 else "")


class Item(NamedTuple):
    """One named tensor of a source, without its elements."""

    name: str
    dtype: DType
    shape: tuple[int, ...]
    read: Callable[[], Buffer]
    """Reads the elements, in the form of ``Tensor.data``. Raises ConvertError where they are damaged, and OSError."""
    copies: bool
    """Whether ``read`` makes a copy in memory; else it returns a view of the mapped file (or of a loaded pickle)."""
    quantizer: Quantizer = PLAIN
    tie: Hashable = None
    """A key that all names of one tensor share; None where the source does not show which names are one tensor."""

    @property
    def nbytes(self) -> int:
        """Bytes of the elements."""
        return Tensor(self.dtype, self.shape, b"").nbytes


class Unfit(NamedTuple):
    """An entry of a source that no target can hold, and why."""

    name: str
    why: str


Contents: TypeAlias = list[Item | Unfit]
"""What a reader finds, in the order of the source."""

Tell: TypeAlias = Callable[[str], None]
"""Takes a sentence for the person at the terminal."""


class LazyEntries(Collection[Entry]):
    """The items as entries of a state dict. An iteration reads them one by one, so that memory holds only one."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Entry]:
        return (Entry(item.name, Tensor(item.dtype, item.shape, item.read())) for item in self._items)

    def __contains__(self, entry: object) -> bool:
        return any(entry == each for each in self)
