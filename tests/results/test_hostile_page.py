"""docs/hostile.md: the counts of given records."""

from __future__ import annotations

from tscompat.results.hostile_page import DANGERS, hostile_page
from tscompat.results.record import Record
from tscompat.values.verdict import Kind, Verdict, VerdictId
from tscompat.verdicts.divergences import Judgement, Outcome

CAUSES = {Kind.ACCEPTED: "wrong", Kind.BITS: "half"}


def record(route: str, case: str, kind: Kind, check: str = "refusal") -> Record:
    verdict_id = VerdictId(route, "python-to-dotnet", "cpu", f"hostile/state-dict/{case}/mixed", check)
    name = CAUSES.get(kind)
    judgement = Judgement(Outcome.DIVERGENCE, name, f"It is {name}. More.") if name else Judgement(Outcome.PASSED)
    return Record.of("", verdict_id, "mixed", Verdict(kind), judgement)


PAGE = hostile_page(
    {"TorchSharp": "9.9", "TorchSharp.PyBridge": "8.8"},
    [
        record("hostile-load", "cut/1", Kind.BITS),
        record("hostile-load", "cut/2", Kind.BITS),
        record("hostile-load", "cut/2", Kind.BITS, "after"),
        record("hostile-load", "long/1", Kind.ACCEPTED),
        record("hostile-tensor", "cut/1", Kind.PASS),
        record("hostile-tensor", "cut/1", Kind.PASS, "after"),
        record("dat", "cut/9", Kind.BITS),
    ],
)


def test_verdicts_are_counted_by_reader_and_class() -> None:
    assert "| hostile-load | cut |  | 2 |  |  |  |  |  |\n" in PAGE
    assert "| hostile-tensor | cut |  |  |  |  |  |  | 1 |\n" in PAGE


def test_they_are_summed_by_reader() -> None:
    assert "| hostile-load | 1 | 2 |  |  |  |  |  |\n" in PAGE


def test_files_and_version_are_named() -> None:
    assert "TorchSharp 9.9 and PyBridge 8.8 meet 3 files" in PAGE


def test_faults_come_by_danger() -> None:
    assert "* `wrong` (taken, wrong 1): It is wrong.\n* `half` (half loaded 2, next load 1): It is half.\n" in PAGE


def test_each_kind_of_verdict_that_a_load_can_have_is_ranked() -> None:
    ranked = [kind for danger in DANGERS for kind in danger.kinds]
    assert len(ranked) == len({*ranked}) == 8
