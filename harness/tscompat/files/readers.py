"""The readers, and a table of them by suffix. May import codec.

A reader maps its file or notes where the tensors are; elements are read when a writer asks for them.
"""

from __future__ import annotations

import pickle
import re
import struct
import warnings
import zipfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import torch

from tscompat.codec import FormatError, read_state_dict

from . import arrays, checkpoint, sets, torch_item
from .item import Contents, Item, Model, ModelFileError, Tell

_safetensors: Any = import_module("safetensors")  # its stubs leave the arguments untyped
_ZIP = b"PK\x03\x04"
_ENCRYPTED = 1
"""The flag of an encrypted record in a zip file."""

_ADVICE = (
    (
        r"Unsupported global: GLOBAL (\S+) was",
        r"holds a Python object (\1) and not only tensors. It is not read, because that could run any code: where you "
        "trust the file, load it in Python and torch.save() its state dict alone",
    ),
    (
        "UntypedStorage",
        "is a legacy pickle with a dtype that torch reads back only from zip files (complex32, uint16, float8, ...): "
        "torch.save() it again as a zip file",
    ),
    (
        "TorchScript archive",
        "is TorchScript: in Python, torch.save() the state_dict() of what torch.jit.load() gives",
    ),
)
"""For each pattern of torch.load's error message: what is wrong with the file, and what to do."""

_BROKEN_PICKLE = (
    *(pickle.UnpicklingError, RuntimeError, EOFError, struct.error, ValueError, LookupError, OverflowError),
    *(AssertionError, AttributeError, TypeError, zipfile.BadZipFile),
)
"""What torch.load raises for files that are damaged or of another format, because it does not check what it reads."""


class Reader(NamedTuple):
    """How files of a suffix are read."""

    what: str
    read: Callable[[Path, str, Tell], Contents]
    """Takes the file, the key of a nested state dict, and the function that gets sentences for the person."""
    errors: tuple[type[Exception], ...]
    """What ``read`` raises for a file that is damaged or of another format."""


def read(path: Path, key: str, tell: Tell) -> Model:
    """The model in a file or of a folder's model; a legacy pickle is loaded, all else is read later.

    Raises ModelFileError, with the path, for what cannot be read and for a part of a model. Raises OSError.
    """
    if path.is_dir():
        path = sets.chosen(path, tell)
    sets.refuse_part(path)
    return _read(path, key, tell)


def _read(path: Path, key: str, tell: Tell) -> Model:
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise ModelFileError(
            f"{path}: {path.suffix or 'no suffix'!r} cannot be read: expected {', '.join(READERS)} or a folder"
        )
    if key and reader is not _PICKLE:
        raise ModelFileError(f"{path}: --key is for nested checkpoints, and {reader.what} is flat: leave it out")
    try:
        return Model(path, reader.what, reader.read(path, key, tell))
    except ModelFileError:  # it is a ValueError, which may be among reader.errors
        raise
    except reader.errors as error:
        raise ModelFileError(f"{path}: cannot be read as {reader.what}: {_said(error)}") from error


def saved(path: Path, key: str, tell: Tell, kind: checkpoint.Kind) -> checkpoint.Keyed:
    """The state dict of this kind in a checkpoint of torch.save, as ``checkpoint.find`` finds it.

    Raises ModelFileError with the path, and OSError.
    """
    with path.open("rb") as file:
        mapped = file.read(len(_ZIP)) == _ZIP
    try:
        if mapped and zipfile.is_zipfile(path):
            _refuse_packed(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns about deprecated parts of its own code
            document: object = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except ModelFileError:  # it is a ValueError, which is among _BROKEN_PICKLE
        raise
    except _BROKEN_PICKLE as error:
        advice = next(
            (found.expand(words) for pattern, words in _ADVICE if (found := re.search(pattern, str(error)))), ""
        )
        raise ModelFileError(f"{path}: {advice or f'cannot be read as {_PICKLE.what}: {_said(error)}'}") from error
    try:
        state = checkpoint.find(document, key, tell, kind)
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from error
    if not mapped:
        tell(f"{path.name} is a legacy pickle, which cannot be mapped: all of it is in memory at once")
    return state


def _refuse_packed(path: Path) -> None:
    """Raise ModelFileError for compressed or encrypted records: torch would map their bytes as elements."""
    with zipfile.ZipFile(path) as archive:
        # TorchScript compresses its code; torch.load refuses such a file, with other advice.
        records = [each for each in archive.infolist() if "/code/" not in each.filename]
    packed = [each for each in records if each.compress_type != zipfile.ZIP_STORED or each.flag_bits & _ENCRYPTED]
    if packed:
        raise ModelFileError(
            f"{path}: {len(packed)} of its records are compressed or encrypted, {packed[0].filename} first, because it "
            "was zipped again: unzip it and zip it with -0, or load it and torch.save() it again in Python"
        )


def _read_pickle(path: Path, key: str, tell: Tell) -> Contents:
    state = saved(path, key, tell, checkpoint.MODEL)
    return [torch_item.item(name, value) for name, value in state.items()]


def _read_safetensors(path: Path, key: str, tell: Tell) -> Contents:
    opened = _safetensors.safe_open(str(path), "pt")
    metadata = _metadata(path)
    names: list[str] = opened.offset_keys()
    sets.refuse_recorded(path, metadata, set(names))
    other = sorted(metadata.keys() - {"format"})
    if other:
        tell(f"not converted: the metadata of {path.name} ({', '.join(other)})")
    return [torch_item.item(name, opened.get_tensor(name)) for name in names]


def _metadata(path: Path) -> dict[str, str]:
    return _safetensors.safe_open(str(path), "pt").metadata() or {}


def _read_dat(path: Path, key: str, tell: Tell) -> Contents:
    def item(name: str, tensor: Any) -> Item:
        return Item(name, tensor.dtype, tensor.shape, lambda: tensor.data, copies=False)

    return [item(name, tensor) for name, tensor in read_state_dict(path)]


def _read_npz(path: Path, key: str, tell: Tell) -> Contents:
    return arrays.contents(path)


def _read_shards(path: Path, key: str, tell: Tell) -> Contents:
    index = sets.read_index(path)
    metadata = dict(index.metadata)
    contents: Contents = []
    for shard, names in sorted(index.shards.items()):
        file = path.with_name(shard)
        if not file.exists():
            raise ModelFileError(f"{path}: the index names {shard}, which is not in the same folder: get that file too")
        found = _read(file, "", tell).contents
        odd = sorted({each.name for each in found} ^ set(names))
        if odd:
            count = f"{len(odd)} name{'s' if len(odd) > 1 else ''}"
            raise ModelFileError(
                f"{path}: {shard} and the index do not agree on {count} ({odd[0]!r}): download both again, or, where "
                "it is a tied name, load the model in Python and torch.save() its state_dict()"
            )
        contents += found
        metadata |= _metadata(file) if file.suffix.lower() == ".safetensors" else {}
    sets.refuse_recorded(path, metadata, {each.name for each in contents})
    return contents


def _said(error: Exception) -> str:
    """The first sentence of an exception's message."""
    lines = [line.strip() for line in str(*error.args[:1]).splitlines() if line.strip()]
    said = iter(lines)
    if any("WeightsUnpickler error" in line for line in said):  # torch's explanation comes before it
        lines = list(said)
    return re.split(r"\.\s", lines[0])[0] if lines else f"it ends early ({type(error).__name__})"


PICKLES = (".pth", ".pt", ".ckpt", ".bin")
_PICKLE = Reader("a checkpoint of torch.save", _read_pickle, _BROKEN_PICKLE)
READERS: dict[str, Reader] = {
    ".dat": Reader("a state dict of TorchSharp", _read_dat, (FormatError,)),
    ".safetensors": Reader("safetensors", _read_safetensors, (_safetensors.SafetensorError,)),
    ".npz": Reader("arrays of numpy.savez", _read_npz, arrays.BROKEN),
    ".json": Reader("an index of shards", _read_shards, ()),
    **dict.fromkeys(PICKLES, _PICKLE),
}
