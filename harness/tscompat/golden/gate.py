"""The gate: every reader reads every golden file bit for bit, and every writer still writes the golden bytes.

May import every room above it in ARCHITECTURE.md's table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tscompat.catalogue import Case
from tscompat.codec import FormatError
from tscompat.dotnet_side.client import Client
from tscompat.dotnet_side.errors import PeerDied
from tscompat.routes import judging
from tscompat.routes.formats import STATE_DICT, TENSOR, UNREADABLE
from tscompat.routes.route import PYTHON_TO_DOTNET
from tscompat.values.tensors import flipped
from tscompat.values.verdict import Kind, Verdict, VerdictId
from tscompat.verdicts.divergences import Divergences, Judgement

from .corpus import dotnet_writer
from .jobs import GoldenCase, selected
from .manifest import Format, GoldenError, GoldenFile, Manifest, Writer, differing, golden_folder, tensors_of
from .tables import FIXED, PYTHON, ROUTES_OF


class Finding(NamedTuple):
    """What one reader or writer did with one golden file."""

    file: str
    """The path below cases/golden."""
    what: str
    """In words: ``read by TorchSharp (dat-stream)``."""
    verdict: Verdict
    judgement: Judgement


class Golden(NamedTuple):
    """A golden file, and who wrote it."""

    path: Path
    writer: Writer
    file: GoldenFile


def check(
    corpus: Mapping[Path, Manifest], cases: Mapping[str, Case], divergences: Divergences, peer: Client, scratch: Path
) -> Iterator[Finding]:
    """Check all golden files, case by case. ``scratch`` is an empty folder.

    Before the first file of a format each of its readers must see one changed byte (``_prove``). Raises GoldenError
    where one does not; PeerBroken where no peer can be had, or our own code in it fails.
    """
    by_case: dict[tuple[str, Format], list[Golden]] = {}
    for folder, manifest in corpus.items():
        for each in manifest.files:
            golden = Golden(folder / each.file, manifest.writer, each)
            by_case.setdefault((each.case, each.format), []).append(golden)
    for form in dict.fromkeys(form for _, form in by_case):
        golden = next((each.path.read_bytes() for each in by_case.get((PROOF, form), [])), b"")
        if golden:
            _prove(form, GoldenCase.of(cases[PROOF], scratch, peer), golden)
    for (case_id, form), goldens in by_case.items():
        if case_id in cases:
            yield from _of_case(form, GoldenCase.of(cases[case_id], scratch, peer), goldens, divergences)
        else:
            verdict = Verdict(Kind.NAMES, f"there is no case {case_id!r} now: its id must not change")
            yield from (Finding(_name(each), "its case", verdict, divergences.judge("", verdict)) for each in goldens)


def refuse_missing(corpus: Mapping[Path, Manifest], cases: Mapping[str, Case]) -> None:
    """Raises GoldenError where a writer has no folder, or a case of TorchSharp's own format no file."""
    writers = {*Writer} - {manifest.writer for manifest in corpus.values()}
    there = {(each.format, each.case) for manifest in corpus.values() for each in manifest.files}
    files = [
        f"{form}/{case.id}"
        for form, case in selected(cases)
        if PYTHON[form].writer is Writer.ORACLE and (form, case.id) not in there  # the others cannot write each dtype
    ]
    missing = [*sorted(writers), *files]
    if missing:
        raise GoldenError(
            f"{golden_folder()}: found nothing of {', '.join(missing[:5])}{', …' if len(missing) > 5 else ''}: take it "
            "from git again, or write it: tscompat bless --golden"
        )


PROOF = "shape/0-d/f32"
"""A case of one tensor, which every writer writes and every reader reads."""


def _prove(form: Format, case: GoldenCase, golden: bytes) -> None:
    """Raises GoldenError for a reader that does not see one changed byte of an element.

    In ``golden``, the case's golden file, it is the last byte. A zip archive is written anew with one; if it cannot be
    written, there is no proof, and the writer's own finding says so.
    """
    file = case.folder / "proof.written"
    if form in FIXED:
        file.write_bytes(golden[:-1] + bytes([golden[-1] ^ 1]))
    else:
        with suppress(*UNREADABLE):
            PYTHON[form].write(file, case.case, flipped(case.entries, -1))
        if not file.exists():
            return
    readers = {str(PYTHON[form].writer): partial(_read, form, case, file)}
    readers |= {route: partial(case.read, form, route, file) for route in case.readers(form)}
    for reader, read in readers.items():
        case.peer.start(f"proof of {form}, {reader}")
        with suppress(PeerDied):  # its readings die too, and say so
            if read().kind is Kind.PASS:
                raise GoldenError(f"{form}, read by {reader}: one byte of a file was changed, and that was not seen")
    file.unlink()


def _of_case(form: Format, case: GoldenCase, goldens: Sequence[Golden], divergences: Divergences) -> Iterator[Finding]:
    for golden in goldens:
        others = differing(golden.file.tensors, tensors_of(case.entries))
        if others:
            verdict = Verdict(Kind.BITS, f"the case has other bits now: {', '.join(map(repr, others))}")
            yield Finding(_name(golden), "its case", verdict, divergences.judge("", verdict))
            continue
        for what, matrix_id, decide in _tasks(form, case, golden):
            case.peer.start(f"{_name(golden)}, {what}")
            try:
                verdict = decide()
            except PeerDied as died:
                verdict = Verdict(died.kind, died.detail)
            yield Finding(_name(golden), what, verdict, divergences.judge(matrix_id, verdict))


def _tasks(form: Format, case: GoldenCase, golden: Golden) -> Iterator[tuple[str, str, Callable[[], Verdict]]]:
    """What is to be done with a golden file: in words, an id of the matrix, and the function.

    A known divergence of that id is expected. Only a reader of .NET has one: a file is golden because its writer wrote
    the case's bits and Python reads them, so all else must pass.
    """
    side, route = PYTHON[form], case.writer(form)
    yield f"read by {side.writer}", "", partial(_read, form, case, golden.path)
    for name in case.readers(form):
        same = VerdictId(name, PYTHON_TO_DOTNET, "cpu", case.case.id, "bits")
        yield f"read by {dotnet_writer(name)} ({name})", str(same), partial(case.read, form, name, golden.path)
    if golden.writer == side.writer:
        yield f"written by {side.writer}", "", partial(_by_python, form, case, golden.path)
    elif route and golden.writer == dotnet_writer(route):
        yield f"written by {golden.writer} ({route})", "", partial(_by_dotnet, form, case, golden.path, route)


def _by_python(form: Format, case: GoldenCase, golden: Path) -> Verdict:
    file = case.folder / "python.written"
    try:
        PYTHON[form].write(file, case.case, case.entries)
    except UNREADABLE as error:
        return Verdict(Kind.REFUSED, judging.raised(error, case.job(ROUTES_OF[form][0])))
    return _same(form, case, golden, file)


def _by_dotnet(form: Format, case: GoldenCase, golden: Path, route: str) -> Verdict:
    verdict, file = case.write(route)
    if verdict.kind in (Kind.REFUSED, Kind.NOT_RUN) or not file.is_file():
        return verdict
    same = _same(form, case, golden, file)
    return verdict if same.kind is Kind.PASS else same  # where .NET broke a rule, the bytes do not matter


def _same(form: Format, case: GoldenCase, golden: Path, written: Path) -> Verdict:
    """Whether a file that was written now has the golden bytes; of a zip archive, whether it has the bits."""
    if form not in FIXED:
        return _read(form, case, written)
    fields = {Format.DAT: STATE_DICT.fields, Format.TENSOR: TENSOR.fields}.get(form)
    return judging.same_file(lambda: [golden.read_bytes()], fields, written)


def _read(form: Format, case: GoldenCase, file: Path) -> Verdict:
    """Have Python read a file, and compare what it holds with the case's bits."""
    job = case.job(ROUTES_OF[form][0])
    try:
        return judging.held(PYTHON[form].read(file, case.entries), job)
    except (*UNREADABLE, FormatError) as error:
        return judging.unreadable(error, job)


def _name(golden: Golden) -> str:
    return (
        golden.path.relative_to(golden_folder()).as_posix()
        if golden.path.is_relative_to(golden_folder())
        else golden.path.name
    )
