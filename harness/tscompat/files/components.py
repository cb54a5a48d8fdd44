"""Reads folders that hold a model in several parts: sentence-transformers' and diffusers'. May import values.

All parts are taken, each with the prefix that its names have in the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import msgspec

from tscompat.values.text import quoted, shown

from .folders import holds_weights
from .item import Contents, Item, Model, ModelFileError, Tell, some
from .json_text import JsonError, decode
from .json_text import read as read_json

MODULES, PIPELINE = "modules.json", "model_index.json"
_INNER = {"Transformer": "auto_model.", "CLIPModel": "model."}
"""The attribute of a module of sentence-transformers that holds a model of transformers, by its class."""
_EMPTY_MODULES = ("Pooling", "Normalize", "Dropout", "SpladePooling", "BoW")
"""Classes of sentence-transformers without weights; a class that is not known may have some."""
_WITHOUT_WEIGHTS = ("Scheduler", "Tokenizer", "TokenizerFast", "FeatureExtractor", "ImageProcessor", "Processor")
"""How the classes of a pipeline's parts end that have no weights."""

ReadFolder: TypeAlias = Callable[[Path], Model]
"""Reads a folder that holds one model."""


class _Module(msgspec.Struct):
    """A row of sentence-transformers' modules.json."""

    name: str
    path: str
    type: str

    @property
    def prefix(self) -> str:
        """The names of its tensors in the state dict of the whole, a Sequential, begin so."""
        inner = next((name for end, name in _INNER.items() if self.type.endswith(end)), "")
        return f"{self.name}.{inner}"


class _Part(NamedTuple):
    folder: Path
    prefix: str


def parts_of(folder: Path) -> tuple[str, list[_Part]]:
    """What kind of model in parts the folder is, and its parts with weights; none if it is not in parts.

    Raises ModelFileError for a list of parts that cannot be read, and for a part of which the weights are missing.
    """
    if (folder / MODULES).is_file():
        all_parts = [_Part(_inside(folder, each.path, MODULES), each.prefix) for each in _modules(folder)]
        found = [part for part in all_parts if holds_weights(part.folder)]
        _refuse_deeper(folder, [part.folder for part in all_parts if part not in found and part.folder != folder])
        _refuse_missing(folder, [part.folder for part in all_parts if part not in found])
        # The names of one part alone need no prefix: they are those of the model in it.
        return "a model of sentence-transformers", found if len(found) > 1 else []
    if (folder / PIPELINE).is_file():
        return "a pipeline of diffusers", _components(folder)
    return "", []


def _refuse_deeper(folder: Path, places: Sequence[Path]) -> None:
    """Raise ModelFileError for a part that has parts of its own (a Router): their names depend on its options."""
    inner = [
        shown(path.relative_to(folder))
        for place in places
        if place.is_dir()
        for path in sorted(place.iterdir())
        if holds_weights(path)
    ]
    if inner:
        raise ModelFileError(f"{folder}: {MODULES} names a part that has parts of its own: give one of {some(inner)}")


def _refuse_missing(folder: Path, without: Sequence[Path]) -> None:
    """Raise ModelFileError for a part that may be of a class with weights, and has none here."""
    missing = [
        f"{shown(each.path)} ({shown(kind)})"
        for each in _modules(folder)
        if _inside(folder, each.path, MODULES) in without
        and (kind := each.type.rpartition(".")[2]) not in _EMPTY_MODULES
    ]
    if missing:
        raise ModelFileError(
            f"{folder}: {MODULES} names parts whose weights are not here ({some(missing)}): get them, or give the file "
            "of the part that you need"
        )


def _modules(folder: Path) -> Sequence[_Module]:
    """In the order of the file, as ``SentenceTransformer`` reads them: ``idx`` is not looked at."""
    return read_json(folder / MODULES, list[_Module])


def _components(folder: Path) -> list[_Part]:
    document = read_json(folder / PIPELINE, dict[str, msgspec.Raw])
    parts: list[_Part] = []
    missing: list[str] = []
    for name, value in document.items():
        try:
            _, of = decode(memoryview(value), tuple[str, str])
        except JsonError:
            continue  # an option of the pipeline, or a part that it does not have
        place = _inside(folder, name, PIPELINE)
        if holds_weights(place):
            parts.append(_Part(place, f"{name}."))
        elif not of.endswith(_WITHOUT_WEIGHTS):
            missing.append(name)
    if missing:
        names = some([shown(name) for name in missing])
        raise ModelFileError(
            f"{folder}: {PIPELINE} names parts whose weights are not here ({names}): get them, or give the folder of "
            "the part that you need"
        )
    return parts


def _inside(folder: Path, name: str, source: str) -> Path:
    parts = Path(name).parts
    if ".." in parts or "\0" in name or Path(name).anchor:  # on Windows, "/a" is not absolute
        raise ModelFileError(f"{folder / source}: names the folder {quoted(name)}, which does not lie in this one")
    return folder / name


def read(folder: Path, kind: str, parts: Sequence[_Part], one: ReadFolder, tell: Tell) -> Model:
    """All parts, with their prefixes. Raises what ``one`` raises for a part's folder."""
    contents: Contents = []
    for place, prefix in parts:
        contents += [_named(each, prefix + each.name, place) for each in one(place).contents]
    listed = some([f"{shown(place.relative_to(folder))} as {shown(prefix)}*" for place, prefix in parts])
    tell(f"{folder.name}: {kind}, of which these parts are taken: {listed}; for one part, give its folder or file")
    taken = {place for place, _ in parts}
    left = [each for each in sorted(folder.iterdir()) if each not in taken and holds_weights(each)]
    if left:
        tell(f"left, because its list of parts does not name them: {some([shown(each.name) for each in left])}")
    return Model(folder, kind, contents)


def _named(each: Any, name: str, place: Path) -> Any:
    if isinstance(each, Item) and each.tie is not None:
        return each._replace(name=name, tie=(place, each.tie), offset=None)
    return each._replace(name=name, offset=None) if isinstance(each, Item) else each._replace(name=name)
