"""Reads TorchSharp's files: a state dict, a single tensor, an optimizer. May import codec.

The format has no magic: a file is of a kind if its headers parse to the exact end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import TypeAlias

from typing_extensions import Buffer

from tscompat.codec import FormatError, IndexEntry, decode_optimizer, decode_tensor, index_state_dict, leb128
from tscompat.codec.fields import fields_of_state_dict
from tscompat.codec.optimizer import LAYOUTS, flat_options, flat_states

from .item import Contents, Item, Model, ModelFileError, Tell
from .kind import Kind
from .source import MOST_ENTRIES, Source

SUFFIX = ".dat"
_SUFFIXES = (SUFFIX, ".bin", ".model", ".weights")
"""TorchSharp's own examples name their files ``mnist.model.bin``."""
_CLASSES = tuple(bytes([len(name)]) + name.encode() for name in LAYOUTS)

_Decode: TypeAlias = Callable[[memoryview], object]
_LOOK, _FIELDS = 4096, 5
"""The bytes and the fields that are looked at to see how a file begins: count, name with its length, dtype, rank."""


def _index(data: memoryview) -> list[IndexEntry]:
    """The headers. Raises FormatError, also for more entries than are read."""
    count, _ = leb128.decode(data, 0, "the entry count")
    if count > MOST_ENTRIES:
        raise FormatError(0, f"{count:,} entries", f"at most {MOST_ENTRIES:,}", "leb128.range")
    return index_state_dict(data)


def _claims(decode: _Decode) -> Callable[[Source], bool]:
    def claims(source: Source) -> bool:
        try:
            decode(source.data)
        except FormatError:
            return False
        return True

    return claims


def _is_optimizer(source: Source) -> bool:
    start = bytes(source.data[: max(map(len, _CLASSES))])
    return start.startswith(_CLASSES) and _claims(decode_optimizer)(source)


def _reads(words: str, model: Callable[[Source], Model]) -> Callable[[Source, str, Tell], Model]:
    def read(source: Source, key: str, tell: Tell) -> Model:
        try:
            return model(source)
        except FormatError as error:
            raise ModelFileError(f"{source.path}: cannot be read as {words}: {error.args[0]}") from None

    return read


def _state_dict(source: Source) -> Model:
    contents: Contents = []
    for name, dtype, shape, offset, nbytes in _index(source.data):
        elements = source.data[offset : offset + nbytes]
        contents.append(Item(name, dtype, shape, _reading(elements), copies=False, offset=offset))
    return Model(source.path, _STATE_DICT, contents)


def _tensor(source: Source) -> Model:
    dtype, shape, data = decode_tensor(source.data)
    offset = len(source.data) - memoryview(data).nbytes
    return Model(
        source.path, _TENSOR, [Item("", dtype, shape, _reading(data), copies=False, offset=offset)], single=True
    )


def _optimizer(source: Source) -> Model:
    record = decode_optimizer(source.data)
    contents: Contents = [
        Item(name, dtype, shape, _reading(data), copies=False)
        for name, (dtype, shape, data) in (*flat_options(record), *flat_states(record))
    ]
    return Model(source.path, _OPTIMIZER, contents, {"class": record.name})


def _reading(data: Buffer) -> Callable[[], Buffer]:
    return lambda: data


_STATE_DICT = "a state dict of TorchSharp"
_TENSOR = "a single tensor of TorchSharp"
_OPTIMIZER = "an optimizer of TorchSharp"

ROWS = (
    Kind("dat", _STATE_DICT, _SUFFIXES, _claims(_index), _reads(_STATE_DICT, _state_dict)),
    Kind("dat-tensor", _TENSOR, _SUFFIXES, _claims(decode_tensor), _reads(_TENSOR, _tensor)),
    Kind("dat-optimizer", _OPTIMIZER, _SUFFIXES, _is_optimizer, _reads(_OPTIMIZER, _optimizer)),
)


def faults(source: Source) -> Iterator[str]:
    """What is wrong with the file, for one that may be a damaged file of TorchSharp: as a sentence.

    It may be one by its suffix, or if it begins with a printable name and that entry's header.
    """
    if bytes(source.data[: max(map(len, _CLASSES))]).startswith(_CLASSES):
        try:
            decode_optimizer(source.data)
        except FormatError as error:
            yield f"cannot be read as {_OPTIMIZER}: {error.args[0]}"
            return
    if source.path.suffix.lower() == SUFFIX or _begins(source):
        try:
            _index(source.data)
        except FormatError as error:
            what = "incomplete: " if error.clause in _ENDS else ""
            yield f"cannot be read as {_STATE_DICT}: {what}{error.args[0]}; tscompat inspect --hex shows the place"


def _begins(source: Source) -> bool:
    """Whether the file begins as a state dict of which the first entry has a printable name and a header."""
    try:
        fields = list(islice(fields_of_state_dict(source.data[:_LOOK]), _FIELDS))
    except FormatError:
        return False
    name = fields[-1].entry if len(fields) == _FIELDS else ""
    return bool(name) and str(name).isprintable()


_ENDS = ("file.truncated", "shape.bytes")
"""The clauses that a file breaks which ends early."""
