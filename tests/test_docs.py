"""The page of the roads says what the catalogue and the divergences say: a run is held to these, strict both ways."""

import re
from collections.abc import Iterator
from pathlib import Path

from tscompat.catalogue import load_catalogue
from tscompat.divergences import Divergences, Judgement, Outcome
from tscompat.results.record import Record
from tscompat.results.roads import roads
from tscompat.routes import verdict_ids
from tscompat.verdict import Kind, Verdict

TOP = Path(__file__).parents[1]


def expected(version: str) -> Iterator[Record]:
    """The record that each verdict of a green run with upstream's scripts and without a CUDA device has."""
    cases = load_catalogue()
    folder = TOP / "cases" / "divergences"
    scripts = re.findall("sha256:[0-9a-f]{64}", (folder / "scripts.toml").read_text(encoding="utf-8"))
    divergences = Divergences.load(folder, version, scripts)
    for verdict_id in verdict_ids(cases):
        case = cases[verdict_id.case]
        entry = next(iter(divergences.expected(str(verdict_id))), None)
        verdict = Verdict(entry.kind) if entry else Verdict(Kind.PASS)
        judgement = Judgement(Outcome.DIVERGENCE, entry.name, entry.cause) if entry else Judgement(Outcome.PASSED)
        if "cuda" in verdict_id.device or (case.model and case.model.only):
            verdict, judgement = Verdict(Kind.NOT_RUN), Judgement(Outcome.NOT_RUN)
        yield Record(verdict_id, case.dtype, verdict, judgement, 0.0)


def test_the_page_of_the_roads_is_what_a_green_run_gives() -> None:
    project = (TOP / "dotnet" / "Peer" / "Peer.csproj").read_text(encoding="utf-8")
    (version,) = re.findall("<DefaultTorchSharpVersion>(.*)</", project)
    written = (TOP / "docs" / "roads.md").read_text(encoding="utf-8")
    assert written == roads({"torchsharp": version}, list(expected(version))), "write it again: tscompat roads --help"
