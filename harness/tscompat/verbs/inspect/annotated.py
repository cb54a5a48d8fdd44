"""The bytes of a file of TorchSharp with the meaning of each field. May import codec, files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from typing_extensions import Buffer

from tscompat.codec import Clause, FormatError, decode_optimizer, decode_state_dict, decode_tensor
from tscompat.codec.clauses import CLAUSES
from tscompat.codec.fields import Field, Walk, fields_of_optimizer, fields_of_state_dict, fields_of_tensor
from tscompat.files.item import ModelFileError
from tscompat.files.source import opened
from tscompat.verbs.source import read

_AGAIN = "save it again, or get the whole file"
_ADVICE: Mapping[Clause, str] = {
    "leb128.canonical": "TorchSharp reads it all the same; write the number in its shortest form",
    "leb128.range": "the file is damaged here, or is of another format",
    "name.utf8": "the writer used another encoding than UTF-8: write the name again",
    "entry.duplicate": "TorchSharp keeps one of them and counts both: give each tensor a name of its own",
    "dtype.code": "TorchSharp has no such type, and can end the process: convert the tensor to a type of the list",
    "shape.rank": "the file is cut short or damaged here: save it again",
    "shape.bytes": f"the file is cut short, or the shape is wrong: {_AGAIN}",
    "optimizer.name": "TorchSharp saves no other optimizer; or the file is of another kind",
    "optimizer.bool": ".NET reads any byte but 0 as true: write 0x01",
    "file.truncated": f"the file is cut short: {_AGAIN}",
    "file.trailing": "TorchSharp does not look at them: something was appended, or the count of entries is too small",
}
"""What to do, by the broken rule."""


class Annotated(NamedTuple):
    """A file of TorchSharp, field by field."""

    kind: str
    data: memoryview
    fields: Iterator[Field]
    """Up to the fault."""
    fault: FormatError | None


class _Form(NamedTuple):
    kind: str
    decode: Callable[[Buffer], object]
    walk: Walk


_FORMS = (
    _Form("a state dict of TorchSharp", decode_state_dict, fields_of_state_dict),
    _Form("a single tensor of TorchSharp", decode_tensor, fields_of_tensor),
    _Form("an optimizer of TorchSharp", decode_optimizer, fields_of_optimizer),
)


def annotated(path: Path) -> Annotated:
    """The fields of the file; of a broken one up to its fault, read as the kind in which the fault comes last.

    Raises ModelFileError for a file of another format, and OSError.
    """
    data = opened(path).data
    faults: list[tuple[int, FormatError, _Form]] = []
    for form in _FORMS:
        try:
            form.decode(data)
        except FormatError as error:
            faults.append((error.offset, error.with_traceback(None), form))
        else:
            return Annotated(form.kind, data, form.walk(data), None)
    try:
        other = read(path, "", lambda sentence: None).kind
    except ModelFileError:
        _, fault, form = max(faults, key=lambda each: each[0])
        return Annotated(form.kind, data, _before(fault, form.walk(data)), fault)
    raise ModelFileError(f"{path}: --hex is for TorchSharp's own files, and this is {other}: leave it out")


def _before(fault: FormatError, fields: Iterator[Field]) -> Iterator[Field]:
    """The fields that begin before the fault; the walk ends at it too, or goes on where only the reader is strict."""
    try:
        for field in fields:
            if field.offset >= fault.offset:
                return
            yield field
    except FormatError:
        return


def explained(fault: FormatError) -> str:
    """The fault, its clause and what to do, in a sentence."""
    found = f"byte 0x{fault.offset:x}: expected {fault.expected}, found {fault.found}"
    return f"{found} (FORMAT {CLAUSES[fault.clause]} {fault.clause}): {_ADVICE[fault.clause]}"
