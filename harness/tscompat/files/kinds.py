"""The kinds of model files, and the one door for all who read: a file is known by its content. Imports its neighbours.
May import values and resources.

A reader maps its file or notes where the tensors are; elements are read when a writer asks for them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from tscompat.resources.memory import without_collection
from tscompat.values.text import shown

from . import arrays, components, dat, folders, not_models, packed, safetensors, sets, ties, torch_files
from .item import Model, ModelFileError, Tell, some
from .kind import Kind
from .source import Source, opened


def _flat(read: Callable[[Source], Model]) -> Callable[[Source, str, Tell], Model]:
    """The reader of a format in which nothing is nested, and that has nothing to tell."""
    return lambda source, key, tell: read(source)


def _read_npz(source: Source, key: str, tell: Tell) -> Model:
    model = arrays.read_npz(source)
    if model.passed:
        tell(f"passed over, because they are no arrays: {some(map(shown, model.passed))}")
    return model


def _read_index(source: Source, key: str, tell: Tell) -> Model:
    return sets.indexed(source.path, partial(_read_shard, tell=tell))


KINDS = (
    *torch_files.ROWS,
    Kind("safetensors", safetensors.KIND, (".safetensors",), safetensors.claims, _flat(safetensors.read)),
    Kind("npy", arrays.NPY, (".npy",), arrays.is_npy, _flat(arrays.read_npy)),
    Kind("npz", arrays.NPZ, (".npz",), arrays.is_npz, _read_npz),
    *dat.ROWS,
    Kind("index", "an index of shards", (".json",), sets.is_index, _read_index),
)
_LONGEST_PATH = 1000
FORMS = {kind.name: kind for kind in KINDS}
"""The kinds by the names that ``--from-format`` takes."""


def known(source: Source, form: str = "") -> Kind:
    """The kind of a file by its content, or the one that ``form`` names.

    Raises ModelFileError, with the path, for what is of no kind, with what it is; and for what may be of several.
    """
    if form:
        if form not in FORMS:
            raise ModelFileError(f"--from-format {form}: there is no such format: expected one of {', '.join(FORMS)}")
        return FORMS[form]
    found = [kind for kind in KINDS if kind.claims(source)]
    if len(found) > 1:
        raise ModelFileError(
            f"{source.path}: may be {' or '.join(kind.words for kind in found)}: say which one it is, with "
            f"{' or '.join(f'--from-format {kind.name}' for kind in found)}"
        )
    if not found:
        raise ModelFileError(f"{source.path}: {not_models.words(source)}")
    return found[0]


def read(path: Path, key: str, tell: Tell, form: str = "") -> Model:
    """The model in a file, or the one that a folder holds. Elements are read later, but for a legacy pickle's.

    ``key`` is where in a nested checkpoint the state dict is, ``form`` the kind of a file that may be several.
    Raises ModelFileError, with the path, for what cannot be read and for a part of a model.
    """
    try:
        path.stat()
        with without_collection():
            model = _read(path, key, tell, form)
        packed.refuse(model)
        packed.note(model, tell)
        return model
    except OSError as error:
        place = shown(error.filename or path, _LONGEST_PATH)
        raise ModelFileError(f"{place}: cannot be read: {error.strerror or error}") from error
    except (MemoryError, RecursionError) as error:
        raise ModelFileError(f"{path}: cannot be read: it takes more memory than there is") from error


def _read(path: Path, key: str, tell: Tell, form: str) -> Model:
    if path.is_dir():
        return _read_folder(path, partial(_read_file, key=key, tell=tell, form=form), tell)
    sets.refuse_part(path, tell)
    model = _read_file(path, key, tell, form)
    if model.kind == safetensors.KIND:
        model = sets.lone(model, tell)
    ties.note(path.parent, model.contents, tell)
    return model


def _read_folder(folder: Path, part: sets.Part, tell: Tell) -> Model:
    def one(place: Path) -> Model:
        return folders.read(place, part, tell)

    words, parts = components.parts_of(folder)
    return components.read(folder, words, parts, one, tell) if parts else one(folder)


def _read_file(path: Path, key: str, tell: Tell, form: str) -> Model:
    """A file by its content. If it is one of several, what only all of them show is not looked for."""
    source = opened(path)
    kind = known(source, form)
    if key and not kind.nested:
        raise ModelFileError(f"{path}: --key is for nested checkpoints, and {kind.words} is flat: leave it out")
    _note_suffix(path, kind, tell)
    return kind.read(source, key, tell)


def _read_shard(path: Path, tell: Tell) -> Model:
    """As ``_read_file``, but no index: one that names itself would have no end."""
    if sets.is_index(opened(path)):
        raise ModelFileError(f"{path}: an index of shards among the shards: download it again")
    return _read_file(path, "", tell, "")


def _note_suffix(path: Path, kind: Kind, tell: Tell) -> None:
    """Tell where the suffix is customary for other kinds, and not for this one."""
    suffix = path.suffix.lower()
    others = [other.words for other in KINDS if suffix in other.suffixes]
    if others and suffix not in kind.suffixes:
        tell(f"{path.name}: the suffix means {others[0]}, the content is {kind.words}: read as that")
