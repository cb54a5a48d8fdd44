"""What is to be done with a golden file: each reader reads it, and its own writer writes it again.

May import every room above it in ARCHITECTURE.md's table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tscompat.codec import FormatError
from tscompat.python_side.scripts import Script, ScriptRaised
from tscompat.routes import judging
from tscompat.routes.formats import UNREADABLE
from tscompat.routes.route import DOTNET_TO_PYTHON, PYTHON_TO_DOTNET, Job
from tscompat.routes.scripts import refused
from tscompat.values.compare import VALUES
from tscompat.values.tensors import Entry
from tscompat.values.verdict import PASS, Kind, Verdict, VerdictId

from .corpus import dotnet_writer
from .jobs import GoldenCase
from .manifest import Format, GoldenFile, Manifest, Writer
from .scripts import EXPORTS, imported
from .tables import FIELDS, FIXED, ORDERED, PYTHON, ROUTES_OF


class Golden(NamedTuple):
    """A golden file."""

    path: Path
    """Where its bytes lie (``path_of``)."""
    manifest: Manifest
    file: GoldenFile

    @property
    def name(self) -> str:
        """Its path below cases/golden, with ``/``."""
        return f"{self.manifest.folder}/{self.file.file}"


class Task(NamedTuple):
    """One thing to do with a golden file."""

    what: str
    """In words: ``read by TorchSharp (dat-stream)``."""
    decide: Callable[[], Verdict]
    matrix_id: str = ""
    """The same in the matrix: a known divergence that covers this id is expected. Empty if it must pass."""
    scripts_only: bool = False
    """Whether a script alone is at work: in the matrix TorchSharp writes the file that the script reads."""
    written: Path | None = None
    """The file that it writes."""


def readings(case: GoldenCase, golden: Golden, scripts: Mapping[str, Script]) -> Iterator[Task]:
    """Python's reader, which must pass; and those that have known divergences: .NET's, and importsd.py."""
    form = golden.file.format
    yield Task(f"read by {PYTHON[form].writer}", partial(_by_python, case, golden))
    for route in case.readers(form):
        decide = partial(case.read, form, route, golden.path)
        same = VerdictId(route, PYTHON_TO_DOTNET, "cpu", case.case.id, "bits")
        yield Task(f"read by {dotnet_writer(route)} ({route})", decide, str(same))
    if form is Format.DAT:
        decide = _with("importsd", scripts, partial(_by_importsd, case, golden))
        same = VerdictId("importsd", DOTNET_TO_PYTHON, "cpu", case.case.id, "bits")
        yield Task("read by importsd", decide, str(same), scripts_only=True)


def writing(case: GoldenCase, golden: Golden, scripts: Mapping[str, Script]) -> Task | None:
    """The file's own writer writes it again, which must pass, since it wrote the case's bits before."""
    form, writer, route = golden.file.format, golden.manifest.writer, case.writer(golden.file.format)
    what = f"written by {writer}"
    if writer == PYTHON[form].writer:
        file = case.folder / "python.written"
        return Task(what, partial(_python_writes, case, golden, file), written=file)
    if writer is Writer.EXPORTSD:
        file = case.folder / "exportsd.written"
        return Task(what, _with("exportsd", scripts, partial(_exportsd_writes, case, golden, file)), written=file)
    if route and writer == dotnet_writer(route):
        decide = partial(_dotnet_writes, case, golden, route)
        return Task(f"{what} ({route})", decide, written=case.job(route).artifact)
    return None


def _with(name: str, scripts: Mapping[str, Script], decide: Callable[[Script], Verdict]) -> Callable[[], Verdict]:
    """The function with the script of this name; without a path to it, the verdict is ``not-run``."""
    script = scripts.get(name)
    return partial(decide, script) if script else partial(Verdict, Kind.NOT_RUN, f"no path to {name}.py")


def _by_python(case: GoldenCase, golden: Golden, written: Path | None = None) -> Verdict:
    """Have Python read the golden file, or one that was written now, and compare what it holds with the golden bits;
    the order too, if the format has one.
    """
    form, job = golden.file.format, _in_order(case, golden.file)
    kinds = {*VALUES, Kind.ORDER} if form in ORDERED else VALUES
    try:
        return judging.held(PYTHON[form].read(written or golden.path, case.entries), job, kinds)
    except (*UNREADABLE, FormatError) as error:
        return judging.unreadable(error, job)


def _by_importsd(case: GoldenCase, golden: Golden, script: Script) -> Verdict:
    job = _in_order(case, golden.file)
    try:
        return judging.held(imported(script, golden.path), job, {*VALUES, Kind.ORDER})
    except ScriptRaised as raised:
        return refused(raised, job)


def _in_order(case: GoldenCase, golden: GoldenFile) -> Job[Any]:
    """A job of Python's, with the case's entries in the order of the manifest."""
    there = dict(case.entries)
    job = case.job(ROUTES_OF[golden.format][0])
    return replace(job, entries=[Entry(each.name, there[each.name]) for each in golden.tensors])


def _python_writes(case: GoldenCase, golden: Golden, file: Path) -> Verdict:
    form = golden.file.format
    try:
        PYTHON[form].write(file, case.case, case.entries)
    except UNREADABLE as error:
        return Verdict(Kind.REFUSED, judging.raised(error, case.job(ROUTES_OF[form][0])))
    return _same(case, golden, file)


def _dotnet_writes(case: GoldenCase, golden: Golden, route: str) -> Verdict:
    verdict, file = case.write(golden.file.format, route)
    if verdict.kind in (Kind.REFUSED, Kind.NOT_RUN) or not file.is_file():
        return verdict
    same = _same(case, golden, file)
    return verdict if same is PASS else same  # where .NET broke a rule, the bytes do not matter


def _exportsd_writes(case: GoldenCase, golden: Golden, file: Path, script: Script) -> Verdict:
    form = golden.file.format
    try:
        EXPORTS[form](script, case.case, case.entries, file)
    except ScriptRaised as raised:
        return refused(raised, case.job(ROUTES_OF[form][0]))
    return _same(case, golden, file)


def _same(case: GoldenCase, golden: Golden, written: Path) -> Verdict:
    """Whether a file that was written now has the golden bytes; of a zip archive, whether it has the bits."""
    form = golden.file.format
    if form not in FIXED:
        return _by_python(case, golden, written)
    return judging.same_file(lambda: [golden.path.read_bytes()], FIELDS.get(form), written)
