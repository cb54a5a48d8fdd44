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

import msgspec

from tscompat.catalogue import Case
from tscompat.dotnet_side.client import Client
from tscompat.python_side.scripts import Script, ScriptRaised
from tscompat.routes.formats import UNREADABLE
from tscompat.values.compare import VALUES, compare, first
from tscompat.values.tensors import StateDict
from tscompat.values.verdict import PASS

from .jobs import GoldenCase, selected
from .manifest import (
    HASHES_ONLY,
    MANIFEST,
    SUFFIX,
    Format,
    GoldenFile,
    GoldenTensor,
    Manifest,
    Writer,
    differing,
    read_corpus,
    tensors_of,
    write_manifest,
)
from .scripts import EXPORTS
from .tables import FIXED, ORDERED, PYTHON

FORMAT = "1"
"""The version of the format, which has only one so far: the oracle's files are its."""
DIGITS = 12
"""A script's version is so many hex digits of the hash of its text."""


class Writers(NamedTuple):
    """The versions of the writers, and of what they ran on."""

    versions: Mapping[Writer, str]
    beside: Mapping[str, str]


def writers(running: Sequence[str]) -> Writers:
    """The writers of a run on these packages, which are named as divergences name them."""
    versions = dict(each.split() for each in running)
    packages = {each: str(each) for each in (Writer.TORCHSHARP, Writer.TORCH, Writer.SAFETENSORS)}
    packages[Writer.PYBRIDGE] = "TorchSharp.PyBridge"
    beside = {"libtorch": versions["libtorch"], "python": platform.python_version(), "system": platform.system()}
    scripts = {each: versions[each].partition(":")[2][:DIGITS] for each in (Writer.EXPORTSD,) if each in versions}
    return Writers(
        {Writer.ORACLE: FORMAT, **{each: versions[name] for each, name in packages.items()}, **scripts}, beside
    )


def write_corpus(
    root: Path,
    cases: Mapping[str, Case],
    writers: Writers,
    peer: Client,
    scratch: Path,
    exportsd: Script | None = None,
) -> dict[str, str]:
    """Write a folder for each writer below ``root``, which has none of these folders; none of exportsd.py without it.

    Returns why a file is not golden, by its path below ``root``: its writer does not write the case's bits.
    """
    files: defaultdict[Writer, list[GoldenFile]] = defaultdict(list)
    not_golden: dict[str, str] = {}
    for form, chosen in selected(cases):
        case = GoldenCase.of(chosen, scratch, peer)
        for writer, written in _written(form, case, exportsd):
            name = f"{form}/{chosen.id}{SUFFIX[form]}"
            kept = root / f"{writer}-{writers.versions[writer]}" / name
            if isinstance(written, str):
                not_golden[kept.relative_to(root).as_posix()] = written
                continue
            tensors = _tensors(form, case, written)
            digest = hashlib.sha256(written.read_bytes()).hexdigest()
            files[writer].append(GoldenFile(format=form, case=chosen.id, sha256=digest, tensors=tensors))
            if writer not in HASHES_ONLY:
                kept.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(written, kept)
    for writer, listed in files.items():
        made = Manifest(
            writer=writer, version=writers.versions[writer], beside=dict(writers.beside), files=tuple(listed)
        )
        (root / made.folder).mkdir(parents=True, exist_ok=True)
        write_manifest(root / made.folder, made)
    return not_golden


def _tensors(form: Format, case: GoldenCase, file: Path) -> tuple[GoldenTensor, ...]:
    return tensors_of(PYTHON[form].read(file, case.entries) if form in ORDERED else case.entries)


def _written(form: Format, case: GoldenCase, exportsd: Script | None) -> Iterator[tuple[Writer, Path | str]]:
    """The file of each writer; in its place a reason, where a writer does not write the case's bits."""
    side = PYTHON[form]
    file = case.folder / "python.written"
    try:
        side.write(file, case.case, case.entries)
        whole = _has_its_bits(case, side.read(file, case.entries))
        yield side.writer, file if whole else "Python reads other bits"
    except UNREADABLE as error:
        yield side.writer, f"{type(error).__name__}: {error}"
    route = case.writer(form)
    if route:
        verdict, artifact = case.write(form, route)
        right = verdict is PASS and _has_its_bits(case, side.read(artifact, case.entries))
        yield dotnet_writer(route), artifact if right else f"{verdict.kind}: {verdict.detail}"
    if exportsd and form in EXPORTS:
        yield Writer.EXPORTSD, _exported(form, case, exportsd)


def _exported(form: Format, case: GoldenCase, script: Script) -> Path | str:
    """The file of exportsd.py, which is golden if it is the oracle's, or why it is not."""
    file, oracle = case.folder / "exportsd.written", case.folder / "exportsd.oracle"
    try:
        EXPORTS[form](script, case.case, case.entries, file)
    except ScriptRaised as raised:
        return str(raised)
    PYTHON[form].write(oracle, case.case, case.entries)
    return file if file.read_bytes() == oracle.read_bytes() else "the oracle writes other bytes"


def _has_its_bits(case: GoldenCase, found: StateDict) -> bool:
    return first(compare(case.entries, found), VALUES) is PASS


def dotnet_writer(route: str) -> Writer:
    """The package whose method a route calls."""
    return Writer.PYBRIDGE if route.startswith("pybridge-") else Writer.TORCHSHARP


def changes(old: Path, new: Path) -> Iterator[str]:
    """A sentence for each file of ``new`` that ``old`` lacks, or has otherwise, and for each that only ``old`` has.

    Folders of writers that ``new`` does not have are of other versions, and stay.
    """
    before, after = ({folder.name: manifest for folder, manifest in read_corpus(root).items()} for root in (old, new))
    for name, manifest in after.items():
        known = before[name].by_file if name in before else {}
        found = manifest.by_file
        for file in sorted(known.keys() | found.keys()):
            if file not in found:
                yield f"{name}/{file}: goes"
            elif file not in known:
                yield f"{name}/{file}: new"
            elif differing(known[file].tensors, found[file].tensors):
                yield f"{name}/{file}: the case's bits have changed"
            elif known[file].tensors != found[file].tensors:
                yield f"{name}/{file}: the manifest lists its tensors in another order"
            elif found[file].format in FIXED and known[file].sha256 != found[file].sha256:
                yield f"{name}/{file}: {manifest.writer} writes other bytes for the same bits"


def replace(old: Path, new: Path, tell: Callable[[str], None]) -> None:
    """Put the folders of ``new`` in the place of those of ``old``.

    A zip archive whose bits are as they were stays: its bytes depend on the clock.
    """
    kept = read_corpus(old)
    for folder, manifest in read_corpus(new).items():
        target = old / folder.name
        before = kept[target].by_file if target in kept else {}
        files: list[GoldenFile] = []
        for each in manifest.files:
            same = before.get(each.file)
            if same and each.format not in FIXED and same.tensors == each.tensors:
                shutil.copy2(target / each.file, folder / each.file)
                files.append(same)
            else:
                files.append(each)
        write_manifest(folder, msgspec.structs.replace(manifest, files=tuple(files)))
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder, target)
        tell(f"wrote {target.name}: {len(files)} files and {MANIFEST}")
