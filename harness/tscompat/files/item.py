"""Items, named tensors that are not read yet, and the model that a reader finds in a file. May import values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeAlias

from typing_extensions import Buffer

from tscompat.values.dtypes import DType
from tscompat.values.tensors import PLAIN, Entry, Quantizer, Tensor
from tscompat.values.text import message

_LISTED = 10
_SHOWN = 12


class ModelFileError(ValueError):
    """A model file cannot be read or written. The message has the place, what was found there, and what to do.

    What a file states is escaped in it; it has 2,000 bytes at most.
    """

    def __init__(self, words: str) -> None:
        super().__init__(message(words))


def listed(faults: Sequence[str]) -> str:
    """The first ten faults, each on a line of its own, and the number of the others."""
    more = [f"... and {len(faults) - _LISTED} more"] if len(faults) > _LISTED else []
    return "".join(f"\n  {line}" for line in [*faults[:_LISTED], *more])


def some(words: Iterable[str], of: int = 0) -> str:
    """The first twelve words in one line, and the number of the others; of a generator, ``of`` is how many it gives."""
    left = iter(words)
    first = list(islice(left, _SHOWN))
    rest = of - len(first) if of else sum(1 for _ in left)
    return ", ".join(first) + (f" and {rest} more" if rest > 0 else "")


class Item(NamedTuple):
    """One named tensor of a source, without its elements."""

    name: str
    dtype: DType
    shape: tuple[int, ...]
    read: Callable[[], Buffer]
    """Reads the elements, in the form of ``Tensor.data``. Raises ModelFileError where they are damaged, and OSError."""
    copies: bool
    """Whether ``read`` makes a copy in memory; else it returns a view of the mapped file (or of a loaded pickle)."""
    quantizer: Quantizer = PLAIN
    tie: Hashable = None
    """A key that all names of one tensor share; None where the source does not show which names are one tensor."""
    offset: int | None = None
    """The first byte of its elements, from the start of the file; None where they do not lie there as they are read."""

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


class Model(NamedTuple):
    """What a model file holds."""

    path: Path
    """The file, or the folder."""
    kind: str
    """What kind of file it is, in words: ``a checkpoint of torch.save``."""
    contents: Contents
    about: Mapping[str, str] = {}
    """What else the file states about itself, by name: the version that wrote it, metadata."""
    passed: Sequence[str] = ()
    """Names of what stands among the tensors and holds none: numbers, words, settings."""
    single: bool = False
    """Whether it holds one tensor without a name: ``contents`` has only this one, and its name is empty."""


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
