"""docs/hostile.md: the counts of given records."""

from __future__ import annotations

import pytest

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


@pytest.fixture
def page() -> str:
    return hostile_page(
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


def test_verdicts_are_counted_by_reader_and_class(page: str) -> None:
    assert "| hostile-load | cut |  | 2 |  |  |  |  |  |\n" in page
    assert "| hostile-tensor | cut |  |  |  |  |  |  | 1 |\n" in page


def test_they_are_summed_by_reader(page: str) -> None:
    assert "| hostile-load | 1 | 2 |  |  |  |  |  |\n" in page


def test_files_and_version_are_named(page: str) -> None:
    assert "TorchSharp 9.9 and PyBridge 8.8 meet 3 files" in page


def test_faults_come_by_danger(page: str) -> None:
    assert "* `wrong` (taken, wrong 1): It is wrong.\n* `half` (half loaded 2, next load 1): It is half.\n" in page


def fault(name: str, kind: Kind, check: str) -> Record:
    verdict_id = VerdictId("hostile-load", "python-to-dotnet", "cpu", f"hostile/tensor/a/{name}/mixed", check)
    return Record.of("", verdict_id, "mixed", Verdict(kind), Judgement(Outcome.DIVERGENCE, name, f"{name}."))


def test_the_next_load_comes_before_what_is_less_dangerous() -> None:
    kinds = {
        **{"fine": Kind.BYTES, "odd": Kind.REFUSED, "much": Kind.MEMORY},
        **{"gone": Kind.CRASH, "half": Kind.BITS, "wrong": Kind.ACCEPTED},
    }
    records = [*(fault(name, kind, "refusal") for name, kind in kinds.items()), fault("next", Kind.BITS, "after")]
    lines = hostile_page({"TorchSharp": "", "TorchSharp.PyBridge": ""}, records).splitlines()
    names = [line.split("`")[1] for line in lines if line.startswith("* `")]
    assert names == ["wrong", "half", "gone", "next", "much", "odd", "fine"]
    assert "* `gone` (process gone 1): gone." in lines


def test_each_kind_of_verdict_that_a_load_can_have_is_ranked() -> None:
    ranked = [kind for danger in DANGERS for kind in danger.kinds]
    assert len(ranked) == len({*ranked}) == 8
