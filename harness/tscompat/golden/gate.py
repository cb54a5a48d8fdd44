"""The gate: every reader reads every golden file bit for bit, and every writer still writes the golden bytes.

May import every room above it in ARCHITECTURE.md's table.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tscompat.catalogue import Case
from tscompat.dotnet_side.client import Client
from tscompat.dotnet_side.errors import PeerDied
from tscompat.python_side.scripts import Script
from tscompat.routes.formats import UNREADABLE
from tscompat.values.tensors import flipped
from tscompat.values.verdict import Kind, Verdict
from tscompat.verdicts.divergences import Divergences, Judgement

from .jobs import GoldenCase, selected
from .manifest import HASHES_ONLY, Format, GoldenError, Manifest, Writer, differing, golden_folder, path_of, tensors_of
from .tables import FIXED, PYTHON
from .tasks import Golden, readings, writing


class Finding(NamedTuple):
    """What one reader or writer did with one golden file."""

    golden: Golden
    what: str
    """In words: ``read by TorchSharp (dat-stream)``."""
    verdict: Verdict
    judgement: Judgement
    written: Path | None = None
    """The file that a writer wrote, until the next finding is asked for; None if there is none."""


def check(
    corpus: Mapping[Path, Manifest],
    cases: Mapping[str, Case],
    divergences: Divergences,
    peer: Client,
    scratch: Path,
    scripts: Mapping[str, Script] | None = None,
    part: str = "",
) -> Iterator[Finding]:
    """Check the golden files whose path below cases/golden has ``part`` in it, case by case.

    ``scratch`` is an empty folder, ``scripts`` upstream's, by name; what needs one that is not there is not run. Before
    the first file of a format each of its readers must see one changed byte (``_prove``). Raises GoldenError where one
    does not, and where no file is chosen; PeerBroken where no peer can be had, or our own code in it fails.
    """
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(scratch / "inductor")
    goldens = [Golden(path_of(corpus, folder, each), of, each) for folder, of in corpus.items() for each in of.files]
    by_case: dict[tuple[str, Format], list[Golden]] = {}
    for golden in goldens:
        if part in golden.name:
            by_case.setdefault((golden.file.case, golden.file.format), []).append(golden)
    if not by_case:
        raise GoldenError(f"no golden file has {part!r} in its path, which is like oracle-1/dat/role/both/f32.dat")
    for form in dict.fromkeys(form for _, form in by_case):
        case_id = PROOF.get(form, ONE_TENSOR)
        golden = next((each for each in goldens if (each.file.format, each.file.case) == (form, case_id)), None)
        if golden and case_id in cases:
            _prove(GoldenCase.of(cases[case_id], scratch, peer), golden, scripts or {})
    for (case_id, _), of_case in by_case.items():
        case = GoldenCase.of(cases[case_id], scratch, peer) if case_id in cases else None
        for golden in of_case:
            others = differing(golden.file.tensors, tensors_of(case.entries)) if case else []
            if case and not others:
                yield from _of_file(case, golden, divergences, scripts or {})
                continue
            verdict = Verdict(Kind.NAMES, f"there is no case {case_id!r} now: its id must not change")
            if others:
                verdict = Verdict(Kind.BITS, f"the case has other bits now: {', '.join(map(repr, others))}")
            yield Finding(golden, "its case", verdict, divergences.judge("", verdict))


def refuse_missing(corpus: Mapping[Path, Manifest], cases: Mapping[str, Case]) -> None:
    """Raises GoldenError where a writer has no folder, a case of TorchSharp's own format no file, or a format not the
    file with which its readers are proven.
    """
    writers = {*Writer} - {manifest.writer for manifest in corpus.values()}
    there = {(each.format, each.case) for manifest in corpus.values() for each in manifest.files}
    files = [
        f"{form}/{case.id}"
        for form, case in selected(cases)
        if PYTHON[form].writer is Writer.ORACLE and (form, case.id) not in there  # the others cannot write each dtype
    ]
    proofs = [f"{form}/{case}" for form in Format if (form, case := PROOF.get(form, ONE_TENSOR)) not in there]
    missing = [*sorted(writers), *files, *proofs]
    if missing:
        raise GoldenError(
            f"{golden_folder()}: found nothing of {', '.join(missing[:5])}{', …' if len(missing) > 5 else ''}: take it "
            "from git again, or write it: tscompat bless --golden"
        )


ONE_TENSOR = "shape/0-d/f32"
"""A case of one tensor, which every writer writes and every reader reads."""
PROOF = {Format.OPTIMIZER: "optim/adamax/f32"}
"""The case with which the readers of a format are proven, if it is another. The last byte of its file is an element's.
"""


def _prove(case: GoldenCase, golden: Golden, scripts: Mapping[str, Script]) -> None:
    """Raises GoldenError for a reader that does not see one changed byte of an element.

    In ``golden``, the case's golden file, it is the last byte. A zip archive is written anew with one; if it cannot be
    written, there is no proof, which the writer's own finding states.
    """
    form, file = golden.file.format, case.folder / "proof.written"
    if form in FIXED:
        data = golden.path.read_bytes()
        file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    else:
        with suppress(*UNREADABLE):
            PYTHON[form].write(file, case.case, flipped(case.entries, -1))
        if not file.exists():
            return
    for task in readings(case, golden._replace(path=file), scripts):
        case.peer.start(f"proof of {form}, {task.what}")
        with suppress(PeerDied):  # its readings die too, and say so
            if task.decide().kind is Kind.PASS:
                raise GoldenError(f"{form}, {task.what}: one byte of a file was changed, and that was not seen")
    file.unlink()


def _of_file(
    case: GoldenCase, golden: Golden, divergences: Divergences, scripts: Mapping[str, Script]
) -> Iterator[Finding]:
    tasks = [] if golden.manifest.writer in HASHES_ONLY else [*readings(case, golden, scripts)]
    tasks += filter(None, [writing(case, golden, scripts)])
    for task in tasks:
        if task.written:
            task.written.unlink(missing_ok=True)
        case.peer.start(f"{golden.name}, {task.what}")
        try:
            verdict = task.decide()
        except PeerDied as died:
            verdict = Verdict(died.kind, died.detail)
        written = task.written if task.written and task.written.is_file() else None
        judgement = divergences.judge(task.matrix_id, verdict, scripts_only=task.scripts_only)
        yield Finding(golden, task.what, verdict, judgement, written)
