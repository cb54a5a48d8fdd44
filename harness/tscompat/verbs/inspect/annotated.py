"""The bytes of a file of TorchSharp with the meaning of each field. May import codec, files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from typing_extensions import Buffer

from tscompat.codec import Clause, FormatError, decode_optimizer, decode_state_dict, decode_tensor
from tscompat.codec.clauses import CLAUSES
from tscompat.codec.fields import Field, Walk, fields_of_optimizer, fields_of_state_dict, fields_of_tensor
from tscompat.files import dat
from tscompat.files.item import ModelFileError
from tscompat.files.kinds import FORMS, known
from tscompat.files.source import Source, opened

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
    name: str
    """A key of ``kinds.FORMS``."""
    decode: Callable[[Buffer], object]
    walk: Walk

    @property
    def kind(self) -> str:
        """In words."""
        return FORMS[self.name].words


_FORMS = (
    _Form("dat", decode_state_dict, fields_of_state_dict),
    _Form("dat-tensor", decode_tensor, fields_of_tensor),
    _Form("dat-optimizer", decode_optimizer, fields_of_optimizer),
)


def annotated(path: Path, form: str = "") -> Annotated:
    """The fields of the file; of a broken one up to its fault, read as the kind in which the fault comes last.

    ``form`` is the name of a kind, for a file that may be of several. Raises ModelFileError for a file of another
    format and for one that may be of several, and OSError.
    """
    source = opened(path)
    faults: list[tuple[int, FormatError, _Form]] = []
    whole: list[_Form] = []
    for each in _FORMS:
        try:
            each.decode(source.data)
        except FormatError as error:
            faults.append((error.offset, error.with_traceback(None), each))
        else:
            whole.append(each)
    if form or len(whole) > 1 or not (whole or _is_broken(source)):
        kind = known(source, form)  # raises for a file that may be of several, or is none
        if kind.name not in (each.name for each in _FORMS):
            raise ModelFileError(f"{path}: --hex is for TorchSharp's own files, and this is {kind.words}: leave it out")
        whole = [each for each in whole if each.name == kind.name]
        faults = [fault for fault in faults if fault[2].name == kind.name]
    if whole:
        return Annotated(whole[0].kind, source.data, whole[0].walk(source.data), None)
    _, fault, broken = max(faults, key=lambda each: each[0])
    return Annotated(broken.kind, source.data, _before(fault, broken.walk(source.data)), fault)


def _is_broken(source: Source) -> bool:
    """Whether the file is of no kind, and may be a damaged file of TorchSharp."""
    return not any(kind.claims(source) for kind in FORMS.values()) and any(dat.faults(source))


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
