"""The page of the roads says what the catalogue and the divergences say: a run is held to these, strict both ways."""

import re
from collections.abc import Iterator
from pathlib import Path

from tscompat.catalogue import load_catalogue
from tscompat.divergences import Divergences, Judgement, Outcome
from tscompat.matrix.workbench import why_not
from tscompat.results.record import Record
from tscompat.results.roads import roads
from tscompat.routes import verdict_ids
from tscompat.upstream import FUNCTIONS
from tscompat.verdict import Kind, Verdict

TOP = Path(__file__).parents[1]


DIVERGENCES = TOP / "cases" / "divergences"


def versions() -> dict[str, str]:
    """What the page is about: each that an entry names, in the last version that one does."""
    text = "\n".join(file.read_text(encoding="utf-8") for file in sorted(DIVERGENCES.glob("*.toml")))
    lists = re.findall(r"^versions = \[(.*)\]$", text, re.MULTILINE)
    return dict(sorted(found.split(" ") for each in lists for found in re.findall('"([^"]+)"', each)))


def expected() -> Iterator[Record]:
    """The record that each verdict of a green run with upstream's scripts and without a CUDA device has."""
    cases = load_catalogue()
    running = sorted(
        (f"{name} {version}" for name, version in versions().items()), key=lambda each: "sha256" not in each
    )
    divergences = Divergences.load(DIVERGENCES, running)
    for verdict_id in verdict_ids(cases):
        case = cases[verdict_id.case]
        entry = next(iter(divergences.expected(str(verdict_id))), None)
        verdict = Verdict(entry.kind) if entry else Verdict(Kind.PASS)
        judgement = Judgement(Outcome.DIVERGENCE, entry.name, entry.cause) if entry else Judgement(Outcome.PASSED)
        if why_not(verdict_id, case, FUNCTIONS):
            verdict, judgement = Verdict(Kind.NOT_RUN), Judgement(Outcome.NOT_RUN)
        yield Record(verdict_id, case.dtype, verdict, judgement, 0.0)


def test_the_page_of_the_roads_is_what_a_green_run_gives() -> None:
    named = versions()
    environment = {
        "torchsharp": named["TorchSharp"],
        "pybridge": named["TorchSharp.PyBridge"],
        "torch": named["torch"],
        "safetensors": named["safetensors"],
    }
    written = (TOP / "docs" / "roads.md").read_text(encoding="utf-8")
    assert written == roads(environment, list(expected())), "write it again: tscompat roads --help"
