"""The one door through which verbs read a model file. May import values, codec, files."""

from __future__ import annotations

from pathlib import Path

from tscompat.codec import FormatError, index_state_dict, read_optimizer
from tscompat.codec.optimizer import LAYOUTS, flat_options, flat_states
from tscompat.files.item import Item, Model, ModelFileError, Tell
from tscompat.values.tensors import Entry


def read(path: Path, key: str, tell: Tell) -> Model:
    """The model that a file or folder holds; of an optimizer's file of TorchSharp its options and states.

    ``tell`` gets sentences for the person. Raises ModelFileError and OSError.
    """
    return _optimizer(path, key) if is_optimizer_file(path) else read_model(path, key, tell)


def read_model(path: Path, key: str, tell: Tell) -> Model:
    """As ``read``, but of an optimizer's file what the readers make of it."""
    from tscompat.files.readers import read  # imported here, because it imports torch

    return read(path, key, tell)


def is_optimizer_file(path: Path) -> bool:
    """Whether the file is TorchSharp's of an optimizer: it begins with the name of a class, and is no state dict.

    A state dict may begin with the same bytes: four entries, of which the first has a name of 65 letters that begins
    with ``dam``, begin like the file of an Adam.
    """
    if not path.is_file():
        return False
    starts = tuple(bytes([len(name)]) + name.encode() for name in LAYOUTS)
    with path.open("rb") as file:
        if not file.read(max(map(len, starts))).startswith(starts):
            return False
    try:
        index_state_dict(path)
    except FormatError:
        return True
    return False


def _optimizer(path: Path, key: str) -> Model:
    if key:
        raise ModelFileError(f"{path}: --key is for nested checkpoints, and TorchSharp's files are flat: leave it out")
    try:
        record = read_optimizer(path)
    except FormatError as error:
        raise ModelFileError(f"{path}: cannot be read as an optimizer of TorchSharp: {error.args[0]}") from error
    entries = [*flat_options(record), *flat_states(record)]
    about = {"class": record.name, "groups": str(len(record.groups)), "states": str(len(record.states))}
    return Model(path, "an optimizer of TorchSharp", [_item(entry) for entry in entries], about)


def _item(entry: Entry) -> Item:
    name, tensor = entry
    return Item(name, tensor.dtype, tensor.shape, lambda: tensor.data, copies=False)
