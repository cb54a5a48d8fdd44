"""The kinds of files that torch wrote, and plain pickles. Imports torch and its neighbours.

Pickles are loaded by ``torch.load`` with weights_only: no code in them is run.
"""

from __future__ import annotations

import pickle
import re
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch

from . import checkpoint, torch_item
from .item import Contents, Model, ModelFileError, Tell
from .kind import Kind
from .members import ZIP
from .source import Source

_ENCRYPTED = 1
"""The flag of an encrypted record in a zip file."""
_CHECKPOINT = "a checkpoint of torch.save"
_SUFFIXES = (".pth", ".pt", ".ckpt", ".bin", ".tar", ".model", ".weights")
"""``.pth.tar`` was the custom of PyTorch's first examples."""

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

_BROKEN = (
    *(pickle.UnpicklingError, RuntimeError, EOFError, struct.error, ValueError, LookupError, OverflowError),
    *(AssertionError, AttributeError, TypeError, zipfile.BadZipFile),
)
"""What torch.load raises for files that are damaged or of another format, because it does not check what it reads."""

_MAGIC = re.compile(rb"l\xfc\x9cF\xf9 j\xa8P\x19|119547037146038801333356")
"""The number with which legacy files begin, as a pickle of protocol 2 and of protocol 0."""
_PICKLE = re.compile(rb"\x80[\x01-\x05]|\([dlict]|\}|\]|c[\w.]+\n[\w.]+\n")
"""How pickles begin: with their protocol; or, of protocol 0 and 1, with a dict, a list, an instance or a class."""
_IN_A_TAR = re.compile(rb"(?:\./)?(?:sys_info|pickle|storages|tensors)\0")


def saved(path: Path, key: str, tell: Tell, kind: checkpoint.Kind) -> checkpoint.Keyed:
    """The state dict of this kind in a checkpoint of torch.save, as ``checkpoint.find`` finds it.

    Raises ModelFileError with the path, and OSError.
    """
    with path.open("rb") as file:
        mapped = file.read(len(ZIP)) == ZIP
    try:
        if mapped and zipfile.is_zipfile(path):
            _refuse_packed(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns about deprecated parts of its own code
            if path.suffix == ".safetensors":  # which torch.load takes for safetensors, if it gets a path
                with path.open("rb") as file:
                    document: object = torch.load(file, map_location="cpu", weights_only=True)
            else:
                document = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except ModelFileError:  # it is a ValueError, which is among _BROKEN
        raise
    except _BROKEN as error:
        advice = next(
            (found.expand(words) for pattern, words in _ADVICE if (found := re.search(pattern, str(error)))), ""
        )
        raise ModelFileError(f"{path}: {advice or f'cannot be read as {_CHECKPOINT}: {_said(error)}'}") from error
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


def _said(error: Exception) -> str:
    """The first sentence of an exception's message."""
    lines = [line.strip() for line in str(*error.args[:1]).splitlines() if line.strip()]
    said = iter(lines)
    if any("WeightsUnpickler error" in line for line in said):  # torch's explanation comes before it
        lines = list(said)
    return re.split(r"\.\s", lines[0])[0] if lines else f"it ends early ({type(error).__name__})"


def _read(source: Source, key: str, tell: Tell) -> Model:
    state = saved(source.path, key, tell, checkpoint.MODEL)
    contents: Contents = [torch_item.item(name, value) for name, value in state.items()]
    return Model(source.path, _CHECKPOINT, contents)


def _archive(source: Source) -> str:
    """What kind of archive of torch's the zip file is, by the names of its members; empty for another."""
    if bytes(source.data[: len(ZIP)]) != ZIP:
        return ""
    names = [member.name for member in source.members or ()]
    # Most writers put all records into a folder, named for the file or "archive".
    inner = {name.partition("/")[2] for name in names} | set(names)
    if "data.pkl" in inner:
        return "torchscript" if "constants.pkl" in inner or any(each.startswith("code/") for each in inner) else "torch"
    return "export" if inner & {"archive_format", "serialized_exported_program.json"} else ""


def _is(kind: str) -> Callable[[Source], bool]:
    return lambda source: _archive(source) == kind


def _is_legacy(source: Source) -> bool:
    return _MAGIC.search(bytes(source.data[:64])) is not None


def _is_tar(source: Source) -> bool:
    return _IN_A_TAR.match(bytes(source.data[:100])) is not None


def _is_pickle(source: Source) -> bool:
    data = source.data
    return _PICKLE.match(bytes(data[:256])) is not None and data[-1] == ord(".") and not _is_legacy(source)


ROWS = (
    Kind("torch", _CHECKPOINT, _SUFFIXES, _is("torch"), _read, nested=True),
    Kind("torchscript", "a module of TorchScript", (".pt", ".pth", ".ts"), _is("torchscript"), _read, nested=True),
    Kind("export", "a program of torch.export", (".pt2",), _is("export"), _read, nested=True),
    Kind("legacy", "an older checkpoint of torch.save", _SUFFIXES, _is_legacy, _read, nested=True),
    Kind("tar", "a checkpoint of the first torch.save", _SUFFIXES, _is_tar, _read, nested=True),
    Kind("pickle", "a pickle", (*_SUFFIXES, ".pkl", ".pickle", ".p"), _is_pickle, _read, nested=True),
)
