"""What a run without a CUDA device is expected to find, from the catalogue and the divergences alone.

May import every room above it in ARCHITECTURE.md's table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tscompat.catalogue import Model, load_catalogue
from tscompat.resources.folders import data_folder
from tscompat.results.record import Record
from tscompat.routes import verdict_ids
from tscompat.values.verdict import Kind, Verdict
from tscompat.verdicts.divergences import Divergences, Judgement, Outcome
from tscompat.verdicts.entries import newest_versions, read_entries

CPU = "cpu"


def declared_versions() -> Mapping[str, str]:
    """The newest version of each package and script that an entry of ``cases/divergences/`` names, by name."""
    return newest_versions(read_entries(data_folder("cases") / "divergences"))


def expected_records(versions: Mapping[str, str]) -> Iterator[Record]:
    """The expected record of each verdict on the CPU, with these versions; without details and times."""
    running = [f"{name} {version}" for name, version in versions.items()]
    divergences = Divergences.load(data_folder("cases") / "divergences", running)
    cases = load_catalogue()
    for verdict_id in verdict_ids(cases):
        case = cases[verdict_id.case]
        entry = next(iter(divergences.expected(str(verdict_id))), None)
        if verdict_id.device != CPU:
            continue
        if isinstance(case.subject, Model) and case.subject.only:
            verdict, judgement = Verdict(Kind.NOT_RUN), Judgement(Outcome.NOT_RUN)
        elif entry:
            verdict, judgement = Verdict(entry.kind), Judgement(Outcome.DIVERGENCE, entry.name, entry.cause)
        else:
            verdict, judgement = Verdict(Kind.PASS), Judgement(Outcome.PASSED)
        yield Record.of("", verdict_id, case.dtype, verdict, judgement)
