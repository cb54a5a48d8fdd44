"""Writes the golden corpus anew, by every writer of this version. May import every room above it in ARCHITECTURE.md.

A file becomes golden only if its bits are the case's: what a known divergence writes is no measure.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tscompat.catalogue import Case
from tscompat.dotnet_side.client import Client
from tscompat.routes.formats import UNREADABLE
from tscompat.values.compare import VALUES, compare, first
from tscompat.values.tensors import StateDict
from tscompat.values.verdict import PASS

from .jobs import GoldenCase, selected
from .manifest import MANIFEST, Format, GoldenFile, Manifest, read_corpus, tensors_of, write_manifest
from .tables import FIXED, PYTHON, SUFFIX

FORMAT = "1"
"""The version of the format, which has only one so far: the oracle's files are its."""


class Writers(NamedTuple):
    """The versions of the writers, and of what they ran on."""

    versions: Mapping[str, str]
    """By the writer's name."""
    beside: Mapping[str, str]


def writers(running: Sequence[str]) -> Writers:
    """The writers of a run on these packages, which are named as divergences name them."""
    versions = dict(each.split() for each in running)
    beside = {"libtorch": versions["libtorch"], "python": platform.python_version(), "system": platform.system()}
    names = {
        "PyBridge": "TorchSharp.PyBridge",
        "TorchSharp": "TorchSharp",
        "torch": "torch",
        "safetensors": "safetensors",
    }
    return Writers({"oracle": FORMAT, **{name: versions[package] for name, package in names.items()}}, beside)


def write_corpus(root: Path, cases: Mapping[str, Case], writers: Writers, peer: Client, scratch: Path) -> None:
    """Write a folder for each writer below ``root``, which has none of these folders."""
    files: defaultdict[str, list[GoldenFile]] = defaultdict(list)
    for form, chosen in selected(cases):
        case = GoldenCase.of(chosen, scratch, peer)
        for writer, written in _written(form, case):
            name = f"{form}/{chosen.id}{SUFFIX[form]}"
            kept = root / folder_name(writer, writers) / name
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(written, kept)
            digest = hashlib.sha256(kept.read_bytes()).hexdigest()
            tensors = tensors_of(case.entries)
            files[writer].append(GoldenFile(file=name, format=form, case=chosen.id, sha256=digest, tensors=tensors))
    for writer, listed in files.items():
        manifest = Manifest(
            writer=writer, version=writers.versions[writer], beside=dict(writers.beside), files=tuple(listed)
        )
        write_manifest(root / folder_name(writer, writers), manifest)


def _written(form: Format, case: GoldenCase) -> Iterator[tuple[str, Path]]:
    """The file of each writer that writes the case's bits."""
    side = PYTHON[form]
    file = case.folder / "python.written"
    try:
        side.write(file, case.case, case.entries)
        if _has_its_bits(case, side.read(file, case.entries)):
            yield side.writer, file
    except UNREADABLE:
        pass  # the library has no such dtype
    route = case.writer(form)
    if route:
        verdict, artifact = case.write(route)
        if verdict is PASS and _has_its_bits(case, side.read(artifact, case.entries)):
            yield dotnet_writer(route), artifact


def _has_its_bits(case: GoldenCase, found: StateDict) -> bool:
    return first(compare(case.entries, found), VALUES) is PASS


def dotnet_writer(route: str) -> str:
    """The name in manifests of the package whose method a route calls."""
    return "PyBridge" if route.startswith("pybridge-") else "TorchSharp"


def folder_name(writer: str, writers: Writers) -> str:
    """The name of a writer's folder."""
    return f"{writer}-{writers.versions[writer]}"


def changes(old: Path, new: Path) -> Iterator[str]:
    """A sentence for each file of ``new`` that ``old`` lacks, or has otherwise, and for each that only ``old`` has.

    Folders of writers that ``new`` does not have are of other versions, and stay.
    """
    before, after = ({folder.name: manifest for folder, manifest in read_corpus(root).items()} for root in (old, new))
    for name, manifest in after.items():
        known = {each.file: each for each in before[name].files} if name in before else {}
        found = {each.file: each for each in manifest.files}
        for file in sorted(known.keys() | found.keys()):
            if file not in found:
                yield f"{name}/{file}: goes"
            elif file not in known:
                yield f"{name}/{file}: new"
            elif known[file].tensors != found[file].tensors:
                yield f"{name}/{file}: the case's bits have changed"
            elif found[file].format in FIXED and known[file].sha256 != found[file].sha256:
                yield f"{name}/{file}: {manifest.writer} writes other bytes for the same bits"


def replace(old: Path, new: Path, tell: Callable[[str], None]) -> None:
    """Put the folders of ``new`` in the place of those of ``old``.

    A zip archive whose bits are as they were stays: its bytes depend on the clock.
    """
    kept = read_corpus(old)
    for folder, manifest in read_corpus(new).items():
        target = old / folder.name
        before = {each.file: each for each in kept[target].files} if target in kept else {}
        files: list[GoldenFile] = []
        for each in manifest.files:
            same = before.get(each.file)
            if same and each.format not in FIXED and same.tensors == each.tensors:
                shutil.copy2(target / each.file, folder / each.file)
                files.append(same)
            else:
                files.append(each)
        write_manifest(
            folder,
            Manifest(writer=manifest.writer, version=manifest.version, beside=manifest.beside, files=tuple(files)),
        )
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder, target)
        tell(f"wrote {target.name}: {len(files)} files and {MANIFEST}")
