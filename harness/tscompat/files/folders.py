"""Finds the model in a folder, by the rules of the tool that wrote it. May import values.

transformers and accelerate take a single file before an index and safetensors before .bin, and diffusers an index
before a single file (``from_pretrained``, ``load_state``). All of them leave older files behind when they save again:
those are named and left. Nothing else is guessed: where several files may be the model, the person has to choose.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tscompat.values.text import shown

from . import safetensors, sets, ties
from .foreign import words_for, words_for_file
from .item import Model, ModelFileError, Tell, some
from .parts import PROCESS
from .sets import Part

_TRANSFORMERS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
_DIFFUSERS = (
    *("diffusion_pytorch_model.safetensors.index.json", "diffusion_pytorch_model.safetensors"),
    *("diffusion_pytorch_model.bin.index.json", "diffusion_pytorch_model.bin"),
)
_OTHERS = ("consolidated.safetensors", "consolidated.safetensors.index.json")
_ADAPTERS = ("adapter_model.safetensors", "adapter_model.bin")
_ORDERS = (_TRANSFORMERS, _DIFFUSERS, _OTHERS, _ADAPTERS)
"""The files that the tools look for, in their order. The last are peft's, beside which the whole model may be."""
_SUFFIXES = (*sets.WEIGHTS, ".dat", ".npz", ".pt2", ".tar", ".pkl", ".h5", ".msgpack", ".gguf", ".onnx")
_READABLE = (*(each for each in sets.WEIGHTS if each != ".distcp"), ".dat", ".npz", ".pt2", ".tar")
_NO_MODEL = re.compile(
    r"(?<![a-z])(?:optimi[sz]ers?|optim|(?:lr_)?scheduler|sched|scaler|rng|random_states?|training_?args|"
    r"train(?:er|ing)?_?state|tokenizer|sampler|dataloader)(?![a-z])",
    re.IGNORECASE,
)
"""Names of what training saves beside a model: optimizers, schedulers, random states, arguments."""
_VARIANT = re.compile(
    r"(model|pytorch_model|diffusion_pytorch_model)"
    r"(?:\.([\w-]+)(\.safetensors|\.bin)|(\.safetensors|\.bin)\.index\.([\w-]+)(\.json))"
)
_SHARD_OF_VARIANT = re.compile(r"\d{5}-of-\d{5}")


class _Choice(NamedTuple):
    """The files to read, and whether they are the shards of a set."""

    files: Sequence[Path]
    is_set: bool = False

    @property
    def name(self) -> str:
        first, count = self.files[0].name, len(self.files)
        return f"{first} and {count - 1} more" if self.is_set else first


def read(folder: Path, part: Part, tell: Tell) -> Model:
    """The model of the folder. ``part`` reads a file, ``tell`` gets the names of what is read and of what is left.

    Raises ModelFileError where there is none or several, and where the folder holds parts that cannot be put together.
    """
    for index in sets.indexes(folder):
        sets.named_in(index)  # raises for one that is damaged, because the others may be its shards
    choice = _choice(folder)
    _tell_choice(folder, choice, tell)
    if choice.is_set:
        model = sets.joined(choice.files, part)
        if sets.is_of_a_rank(choice.files[0]):
            tell(
                f"the tensors are those of {len(choice.files)} ranks, and no file shows how many there were: where the "
                "last ones are missing, shapes are too small and tensors are gone, so compare them with the model's"
            )
    else:
        (file,) = choice.files
        sets.refuse_part(file, tell)
        model = part(file)
        if model.kind == safetensors.KIND:
            model = sets.lone(model, tell)
    ties.note(folder, model.contents, tell)
    return model


def holds_weights(folder: Path) -> bool:
    """Whether the folder has a file that may be a model."""
    return folder.is_dir() and any(True for _ in _weights(folder, _SUFFIXES))


def _choice(folder: Path) -> _Choice:
    if file := _customary(folder):
        return _Choice([file])
    files = list(_weights(folder, _READABLE))
    indexes = sets.indexes(folder)
    named = {shard for index in indexes for shard in sets.named_in(index).shards}
    others = [file for file in files if file.name not in named]
    if parts := [file for file in others if sets.is_of_a_rank(file)]:
        if len(parts) == 1:
            raise ModelFileError(
                f"{folder}: {shown(parts[0].name)} is what one of several processes saved, and nothing shows how many "
                "there were: get the files of all, or rename it if it holds the whole model"
            )
        if len(parts) < len(others):
            raise _several(folder, [_Choice(parts, is_set=True), *(_Choice([file]) for file in others)])
        return _Choice(parts, is_set=True)
    if words := words_for(folder):
        raise ModelFileError(f"{folder}: {words}")
    if parts := [shown(path.name) for path in sorted(folder.iterdir()) if _is_part(path)]:
        raise ModelFileError(
            f"{folder}: holds parts of a model that no index names, {some(parts)}: {PROCESS.advice}, or give the file "
            "that has the whole model"
        )
    sharded = sets.sets_in(others)
    in_sets = {file for each in sharded for file in each}
    singles = [file for file in others if file not in in_sets]
    choices = [*(_Choice([index]) for index in indexes), *(_Choice(each, is_set=True) for each in sharded)]
    choices += [_Choice([file]) for file in _without_copies(singles)]
    if len(choices) > 1:
        raise _several(folder, choices)
    if not choices:
        raise ModelFileError(f"{folder}: {_nothing(folder)}")
    return choices[0]


def _is_part(path: Path) -> bool:
    return (path.is_dir() or path.suffix.lower() in sets.WEIGHTS) and sets.is_of_a_process(path) and not _beside(path)


def _customary(folder: Path) -> Path | None:
    """The file that the tool itself would load, if the folder has the names of one."""
    for order in _ORDERS:
        for names in (order, *_variants(folder, order)):
            if found := [folder / name for name in names if (folder / name).is_file()]:
                file = _fresh(found)
                _refuse_more_models(folder, file)
                return file
    return None


def _fresh(found: Sequence[Path]) -> Path:
    """The first file; but where that is an index whose shards are gone, the first single file instead."""
    first = found[0]
    if first.suffix == ".json" and not all(first.with_name(shard).exists() for shard in sets.named_in(first).shards):
        return next((file for file in found if file.suffix != ".json"), first)
    return first


def _variants(folder: Path, order: Sequence[str]) -> list[list[str]]:
    """The names in ``order`` with the variant of the folder's files: ``model.fp16.safetensors``.

    Raises ModelFileError where there are several variants, and none without.
    """
    variants = sorted(
        {
            variant
            for path in folder.iterdir()
            if (found := _VARIANT.fullmatch(path.name)) and found[1] in {name.partition(".")[0] for name in order}
            if not _SHARD_OF_VARIANT.search(variant := found[2] or found[5])
        }
    )
    if len(variants) > 1 and not any((folder / name).is_file() for name in order):
        found = [name for variant in variants for name in _named(order, variant) if (folder / name).is_file()]
        raise _several(folder, [_Choice([folder / name]) for name in found])
    return [_named(order, variant) for variant in variants]


def _named(order: Sequence[str], variant: str) -> list[str]:
    return [re.sub(r"(\.json|\.safetensors|\.bin)$", rf".{variant}\1", name) for name in order]


def _refuse_more_models(folder: Path, file: Path) -> None:
    """Raise ModelFileError where accelerate saved several models (``model.safetensors``, ``model_1.safetensors``)."""
    more = re.compile(rf"{re.escape(file.stem)}_\d+{re.escape(file.suffix)}")
    models = [file, *(path for path in sorted(folder.iterdir()) if more.fullmatch(path.name))]
    if len(models) > 1:
        raise _several(folder, [_Choice([model]) for model in models])


def _without_copies(files: Sequence[Path]) -> list[Path]:
    """The files without those that have the name of a file of safetensors: the same model in an older format."""
    named = {_model(file) for file in files if file.suffix.lower() == ".safetensors"}
    return [file for file in files if file.suffix.lower() == ".safetensors" or _model(file) not in named]


def _model(file: Path) -> str:
    """The name that a model has in both formats: ``model`` of ``pytorch_model.bin``."""
    return file.stem.replace("pytorch_", "")


def _weights(folder: Path, suffixes: Iterable[str]) -> Iterator[Path]:
    """The files of the folder that may be a model by their names, or a part of one."""
    for path in sorted(folder.iterdir()):
        hidden = path.name.startswith(".")  # as macOS's ._model.pth
        if path.suffix.lower() in suffixes and not hidden and path.is_file() and not _beside(path):
            yield path


def _beside(path: Path) -> bool:
    return _NO_MODEL.search(path.name) is not None


def _tell_choice(folder: Path, choice: _Choice, tell: Tell) -> None:
    """Tell which file is read, and which other files may be a model too."""
    taken = {file.name for file in choice.files}
    for file in choice.files:
        if file.suffix == ".json":
            taken |= sets.named_in(file).shards.keys()
    paths = [*_weights(folder, _SUFFIXES), *sets.indexes(folder)]
    left = sorted(shown(path.name) for path in paths if path.name not in taken)
    tell(f"reading {shown(choice.name)} of the folder" + (f"; left: {some(left)}" if left else ""))


def _several(folder: Path, choices: Sequence[_Choice]) -> ModelFileError:
    names = some([shown(choice.name) for choice in choices])
    return ModelFileError(f"{folder}: the folder has {len(choices)} models: give one of {names}")


def _nothing(folder: Path) -> str:
    """What a folder holds in which nothing can be read."""
    if words := words_for_file(folder):
        return words
    inner = [path for path in sorted(folder.iterdir()) if path.is_dir()]
    if readable := [shown(path.name) for path in inner if any(True for _ in _weights(path, _READABLE))]:
        return f"no model in this folder itself: give one of its folders, {some(readable)}"
    for path in inner:
        if words := words_for(path) or words_for_file(path):
            return f"in {shown(path.name)}, {words}"
    beside = [path.name for path in sorted(folder.iterdir()) if path.suffix.lower() in _SUFFIXES and _beside(path)]
    if beside:
        names = some([shown(name) for name in beside])
        return f"no model in this folder, but only what training saves beside one: {names}"
    looked = ", ".join(_READABLE)
    return f"no model in this folder: looked for the names of Hugging Face's libraries, and for files of {looked}"
