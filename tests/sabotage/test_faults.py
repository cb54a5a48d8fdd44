"""The table of faults is sound, and the session accepts no run in which a fault is not seen as its row states."""

from __future__ import annotations

from collections import Counter

import pytest

from sabotage import page
from sabotage.fault import THE_RUN, Fault
from sabotage.page import LEAST, Seen, kinds, unneeded
from sabotage.table import FAULTS
from tscompat.catalogue import load_catalogue
from tscompat.matrix.keyword import keyword
from tscompat.routes import verdict_ids

FAULT = Fault("name", "answer", "it does", ("bits", "bytes"), "dat/")


@pytest.fixture(scope="module")
def ids() -> list[str]:
    default = {name: case for name, case in load_catalogue().items() if case.run == "default"}
    return [str(each) for each in verdict_ids(default)]


def test_no_two_faults_have_one_name() -> None:
    assert [name for name, times in Counter(fault.name for fault in FAULTS).items() if times > 1] == []


def test_each_fault_selects_the_checks_that_must_see_it(ids: list[str]) -> None:
    for fault in FAULTS:
        selects = keyword(fault.select)
        case = fault.select.split()[-1]
        there = {each.rsplit("/", 1)[1] for each in ids if case in each and selects(each)}
        assert {*fault.checks} - {THE_RUN} <= there, fault.name
        assert there, fault.name


def test_each_kind_of_check_must_see_some_faults() -> None:
    must = Counter(check for fault in FAULTS for check in fault.checks)
    assert {check: must[check] for check in kinds() if must[check] < LEAST and check not in page.IMPLIED} == {}


def test_a_fault_that_its_checks_see_is_no_problem() -> None:
    assert Seen(FAULT, 1, ("bytes", "order", "bits"), "").problem == ""


@pytest.mark.parametrize(
    ("code", "checks", "begins"),
    [
        (0, (), "name survives (exit code 0; seen by none)"),
        (1, ("bits",), "name is not seen by bytes (exit code 1; seen by bits)"),
        (2, (THE_RUN,), "name is not seen by bits, bytes (exit code 2; seen by the run)"),
        (2, ("bits", "bytes"), "name is not seen as it must be (exit code 2; seen by bits, bytes)"),
    ],
)
def test_what_is_a_problem(code: int, checks: tuple[str, ...], begins: str) -> None:
    assert Seen(FAULT, code, checks, "").problem.startswith(begins)


def test_a_check_that_sees_too_little_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "kinds", lambda: ["bits", "bytes"])
    both, alone = Seen(FAULT, 1, ("bits", "bytes"), ""), Seen(FAULT, 1, ("bits",), "")
    assert list(unneeded([both, both, alone])) == [
        "bytes sees 2 faults; expected 3 or more",
        "bytes sees no fault that no other kind of check sees",
    ]
