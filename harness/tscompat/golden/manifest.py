"""The manifests of ``cases/golden/``: who wrote which files, and their hashes. May import values, resources.

Each writer, in one version, has a folder with its manifest.json and its files. A folder that is dropped in is read like
the others. ``python -m tscompat.golden.manifest`` writes the manifests' JSON Schema again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from tscompat.resources.documents import read_document
from tscompat.resources.folders import data_folder
from tscompat.resources.whole import write_whole
from tscompat.values.tensors import StateDict

MANIFEST = "manifest.json"
SCHEMA = "golden.schema.json"
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Words = Annotated[str, Meta(min_length=1)]


class Format(StrEnum):
    """The format of a golden file. The words are those of the manifests."""

    DAT = "dat"
    """TorchSharp's own, of a module."""
    TENSOR = "tensor"
    """TorchSharp's own, of one tensor."""
    OPTIMIZER = "optimizer"
    """TorchSharp's own, of an optimizer."""
    SAFETENSORS = "safetensors"
    PICKLE = "pickle"
    """A state dict by torch.save."""
    TORCHSCRIPT = "torchscript"


class Writer(StrEnum):
    """Who wrote golden files. The words are those of the manifests."""

    ORACLE = "oracle"
    TORCHSHARP = "TorchSharp"
    PYBRIDGE = "PyBridge"
    TORCH = "torch"
    SAFETENSORS = "safetensors"
    EXPORTSD = "exportsd"
    """Upstream's script; its version is the beginning of the hash of its text."""


SUFFIX = {
    **{Format.DAT: ".dat", Format.TENSOR: ".dat", Format.OPTIMIZER: ".dat", Format.SAFETENSORS: ".safetensors"},
    **{Format.PICKLE: ".pth", Format.TORCHSCRIPT: ".ts"},
}
WRITES = {
    Writer.ORACLE: {Format.DAT, Format.TENSOR, Format.OPTIMIZER},
    Writer.TORCHSHARP: {Format.DAT, Format.TENSOR, Format.OPTIMIZER, Format.TORCHSCRIPT},
    Writer.PYBRIDGE: {Format.SAFETENSORS, Format.PICKLE},
    Writer.TORCH: {Format.PICKLE, Format.TORCHSCRIPT},
    Writer.SAFETENSORS: {Format.SAFETENSORS},
    Writer.EXPORTSD: {Format.DAT, Format.TENSOR, Format.OPTIMIZER},
}
"""The formats that each writer writes."""
HASHES_ONLY = {Writer.EXPORTSD}
"""Writers whose files are not in the corpus, because they may not be committed: their manifests have the hashes."""


class GoldenTensor(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A tensor of a golden file. Of an optimizer's, a number is one too; so are its class's name and its counts."""

    name: str
    dtype: Words
    """The dtype's short name."""
    shape: tuple[int, ...]
    sha256: Sha256
    """The hash of its elements, row-major and little-endian."""


class GoldenFile(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One golden file. Its path below the manifest's folder is ``FORMAT/CASE`` with the format's suffix."""

    format: Format
    case: Words
    """The id of the case whose bits it holds."""
    sha256: Sha256
    tensors: tuple[GoldenTensor, ...]
    """Of a dat file in its order, else in that of the case."""

    @property
    def file(self) -> str:
        """Its path below the manifest's folder, with ``/``."""
        return f"{self.format}/{self.case}{SUFFIX[self.format]}"


class Manifest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one writer wrote in one version."""

    writer: Writer
    version: Words
    beside: dict[str, str] = {}
    """The versions of what it ran on, by name: libtorch, dotnet, python."""
    files: Annotated[tuple[GoldenFile, ...], Meta(min_length=1)]

    @property
    def folder(self) -> str:
        """The name of its folder."""
        return f"{self.writer}-{self.version}"

    @property
    def by_file(self) -> dict[str, GoldenFile]:
        """The files by their paths."""
        return {each.file: each for each in self.files}


class GoldenError(ValueError):
    """The corpus is damaged or cannot be read. The message has the file, what was found and what was expected."""


def golden_folder() -> Path:
    """The folder of the corpus."""
    return data_folder("cases") / "golden"


def read_corpus(root: Path) -> dict[Path, Manifest]:
    """The manifests below ``root``, by folder.

    Raises GoldenError for a folder without a manifest, a manifest that does not fit its schema or its folder's name,
    a format that its writer does not write, a file that is missing, has another hash or is in no manifest, and a hash
    alone that is of no file of the oracle; OSError if a file cannot be read.
    """
    found: dict[Path, Manifest] = {}
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        path = folder / MANIFEST
        if not path.is_file():
            raise GoldenError(f"{path} is not there: take it from git again, or remove the folder")
        document: dict[str, Any] = read_document(path, GoldenError, data_folder("cases") / SCHEMA)
        manifest = msgspec.convert(document, Manifest)
        if folder.name != manifest.folder:
            raise GoldenError(f"{folder}: the manifest is of {manifest.folder}: give the folder that name")
        _compare(folder, manifest)
        found[folder] = manifest
    for folder, manifest in found.items():
        for each in manifest.files:
            if manifest.writer in HASHES_ONLY and not path_of(found, folder, each).is_file():
                raise GoldenError(f"{folder / MANIFEST}: {each.file}: no file of the oracle is the same")
    return found


def path_of(corpus: Mapping[Path, Manifest], folder: Path, file: GoldenFile) -> Path:
    """Where the bytes of a golden file lie: of a writer of ``HASHES_ONLY``, the same file of the oracle's."""
    if corpus[folder].writer in HASHES_ONLY:
        oracles = (each for each, of in corpus.items() if of.writer is Writer.ORACLE and file in of.files)
        folder = next(oracles, folder)
    return folder / file.file


def _compare(folder: Path, manifest: Manifest) -> None:
    listed = manifest.by_file
    for each in manifest.files:
        names = [tensor.name for tensor in each.tensors]
        if each.format not in WRITES[manifest.writer]:
            formats = ", ".join(sorted(WRITES[manifest.writer]))
            raise GoldenError(f"{folder / MANIFEST}: {each.file}: {manifest.writer} writes only {formats}")
        if listed[each.file] is not each or len(set(names)) < len(names):
            raise GoldenError(f"{folder / MANIFEST}: {each.file}, or a tensor of it, is there twice")
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {MANIFEST}
    if manifest.writer in HASHES_ONLY:
        for name in sorted(there):
            raise GoldenError(f"{folder / name} is there, and may not be: of {manifest.writer} only hashes are kept")
        return
    for name in sorted(listed.keys() ^ there):
        wrong = "is in no manifest: remove it"
        if name not in there:
            wrong = "is named by the manifest, but not there: take it from git again"
        raise GoldenError(f"{folder / name} {wrong}")
    for name, each in listed.items():
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        if digest != each.sha256:
            raise GoldenError(
                f"{folder / name}: found the hash {digest}; expected {each.sha256}: take it from git again"
            )


def tensors_of(entries: StateDict) -> tuple[GoldenTensor, ...]:
    """What a manifest states of these entries."""
    return tuple(
        GoldenTensor(name=name, dtype=dtype.name, shape=shape, sha256=hashlib.sha256(data).hexdigest())
        for name, (dtype, shape, data) in entries
    )


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest, a line for each file."""
    head: dict[str, Any] = msgspec.to_builtins(manifest)
    rows: Sequence[Any] = head.pop("files")
    lines = ",\n  ".join(json.dumps(row, ensure_ascii=False) for row in rows)
    text = json.dumps(head, ensure_ascii=False)[:-1] + ', "files": [\n  ' + lines + "\n]}\n"
    write_whole(folder / MANIFEST, (text.encode(),))


def schema_text() -> str:
    """The text of the manifests' JSON Schema."""
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:torchsharp-compat:golden",
        "description": "golden/*/manifest.json: the files that one writer wrote in one version. Generated.",
    }
    return json.dumps(head | msgspec.json.schema(Manifest), indent=2) + "\n"


def differing(ours: Iterable[GoldenTensor], theirs: Iterable[GoldenTensor]) -> list[str]:
    """The names of the tensors that differ, or that only one side has."""
    mine, other = {each.name: each for each in ours}, {each.name: each for each in theirs}
    return sorted(name for name in mine.keys() | other.keys() if mine.get(name) != other.get(name))


if __name__ == "__main__":
    (data_folder("cases") / SCHEMA).write_text(schema_text(), encoding="utf-8", newline="\n")
