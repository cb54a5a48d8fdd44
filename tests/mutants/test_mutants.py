"""What the session makes of mutmut's files: the mutants, their reasons, the page."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import pytest

from mutants.mutant import DIED, FATES, KILLED, NO_TEST, SURVIVED, TIMEOUT, Mutant, changed, excluded, read_mutants
from mutants.page import counted, page, share
from mutants.plugin import forget
from mutants.reasons import FILE, read_reasons, without_reason, without_survivor
from mutants.rooms import ROOMS
from mutants.scratch import TOP, copy
from tscompat.codec import writer

MUTATED = '''
class Sum:
    def of(self, a): # wrapped
        pass
    def xǁSumǁof__mutmut_orig(self, a):
        """A sum."""
        b = 1
        return a + b
    def xǁSumǁof__mutmut_1(self, a):
        """A sum."""
        b = 2
        return a + b
def x_plain__mutmut_orig(a=1):
    return a
def x_plain__mutmut_1(a=2):
    return a
'''
SPANS = {"xǁSumǁof__mutmut_orig": (5, 8), "xǁSumǁof__mutmut_1": (9, 12)} | {
    "x_plain__mutmut_orig": (13, 14),
    "x_plain__mutmut_1": (15, 16),
}
METHOD, FUNCTION = "tscompat.values.sums.xǁSumǁof__mutmut_1", "tscompat.values.sums.x_plain__mutmut_1"


def written(folder: Path, **fates: int | None) -> list[Mutant]:
    """The mutants of a file, as mutmut leaves it."""
    (folder / "sums.py").write_text(MUTATED, encoding="utf-8")
    (folder / "sums.py.spans").write_text(json.dumps({"version": 1, "spans": SPANS}), encoding="utf-8")
    exit_codes = {METHOD: fates.get("method", 1), FUNCTION: fates.get("function", 1)}
    (folder / "sums.py.meta").write_text(json.dumps({"exit_code_by_key": exit_codes}), encoding="utf-8")
    return list(read_mutants(folder, "sums.py"))


def mutant(fate: str = SURVIVED, file: str = "values/sums.py", change: str = "b = 1 [1 -> 2]") -> Mutant:
    return Mutant(file, "Sum.of", change, fate)


# what mutmut has written


def test_a_mutant_of_a_method_has_its_class_and_its_change(tmp_path: Path) -> None:
    assert written(tmp_path)[0] == Mutant("sums.py", "Sum.of", "b = 1 [1 -> 2]", KILLED)


def test_a_default_that_is_changed_is_shown(tmp_path: Path) -> None:
    assert written(tmp_path)[1] == Mutant("sums.py", "plain", "def(a=1): [1 -> 2]", KILLED)


@pytest.mark.parametrize(
    ("exit_code", "fate"),
    [(0, SURVIVED), (1, KILLED), (2, KILLED), (4, KILLED), (33, NO_TEST), (-24, TIMEOUT), (-9, DIED), (-11, DIED)],
)
def test_an_exit_code_is_a_fate(tmp_path: Path, exit_code: int, fate: str) -> None:
    assert written(tmp_path, method=exit_code)[0].fate == fate


def test_a_mutant_that_was_not_tried_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"x_plain__mutmut_1 has not been tried"):
        written(tmp_path, function=None)


def test_a_line_with_a_pragma_counts_as_a_survivor() -> None:
    source = "a = 1\n    b = 2  # pragma: no mutate\n"
    assert list(excluded(source, "sums.py")) == [Mutant("sums.py", "line 2", "b = 2  # pragma: no mutate", SURVIVED)]


def test_a_file_without_functions_has_no_mutants(tmp_path: Path) -> None:
    assert list(read_mutants(tmp_path, "__init__.py")) == []


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ("f(a, b)", "f(a, )", "f(a, b) [b -> ]"),
        ("f(aa)", "f(a)", "f(aa) [aa -> a]"),
        ("x = 11", "x = 111", "x = 11 [11 -> 111]"),
        ("a + a", "a - a", "a + a [+ -> -]"),
        ("a > b", "a >= b", "a > b [> -> >=]"),
        ('"x"', '"XXxXX"', '"x" [x -> XXxXX]'),
    ],
)
def test_a_change_is_the_line_and_what_is_replaced(old: str, new: str, change: str) -> None:
    assert changed(["before", old, "after"], ["before", new, "after"]) == change


def test_a_change_of_several_lines_is_in_one(tmp_path: Path) -> None:
    assert changed(["f(", "a,", "b)"], ["f(", "None,", "b)"]) == "a, [a -> None]"
    assert changed(["f(", "a,", "b)"], ["None"]) == "f( a, b) [f( a, b) -> None]"


# reasons


def test_a_survivor_without_a_reason_is_a_problem() -> None:
    one, other = mutant(), mutant(NO_TEST, change="other")
    assert list(without_reason([one, other], {one.key: "why"})) == [
        "survives without a reason (no test): values/sums.py Sum.of: other"
    ]


def test_a_reason_without_a_survivor_is_a_problem() -> None:
    assert list(without_survivor([mutant()], {mutant().key: "why", "gone": "why"})) == [
        "does not survive, and has a reason: gone"
    ]


def test_two_reasons_for_a_mutant_are_refused(tmp_path: Path) -> None:
    (tmp_path / "survivors.toml").write_text('reason = [{why = "a", mutants = ["x"]}, {why = "b", mutants = ["x"]}]')
    with pytest.raises(ValueError, match=r"survivors\.toml has two reasons for x"):
        read_reasons(tmp_path / "survivors.toml")


def test_each_reason_is_for_a_file_of_a_room() -> None:
    package = TOP / "harness" / "tscompat"
    assert [key for key in read_reasons(FILE) if not (package / key.split()[0]).is_file()] == []


# the page


def test_who_dies_or_does_not_end_is_seen_and_who_is_not_tested_is_not() -> None:
    assert [fate for fate in FATES if mutant(fate).seen] == [KILLED, TIMEOUT, DIED]
    assert share([mutant(fate) for fate in FATES]) == 60.0


def test_what_needs_dotnet_counts_only_where_a_test_without_it_reaches() -> None:
    inside = [mutant(fate, "dotnet_side/inside/calls.py") for fate in FATES]
    assert [each.fate for each in counted(inside)] == [KILLED, SURVIVED, TIMEOUT, DIED]
    assert len(counted([mutant(NO_TEST)])) == 1


def test_the_page_has_a_row_for_each_room_and_for_all() -> None:
    text = page([mutant(), mutant(KILLED), mutant(KILLED, "codec/reader.py")], {}, 12.3, "mutmut 3")
    assert "12 minutes: 3 mutants" in text
    assert "| **values** | 2 | 1 | 1 | 0 | 0 | 0 | 50.0 |" in text
    assert "| **codec** | 1 | 1 | 0 | 0 | 0 | 0 | 100.0 |" in text
    assert "| **all** | 3 | 2 | 1 | 0 | 0 | 0 | 66.7 |" in text


def test_the_page_lists_survivors_below_their_reason_and_counts_equal_ones() -> None:
    tick = mutant(change="`")
    text = page([mutant(), mutant(), tick], {mutant().key: "It is equivalent."}, 1, "mutmut 3")
    assert f"It is equivalent.\n\n* 2 `{mutant().key}`" in text
    assert f"**no reason**\n\n* 1 ``{tick.key}``" in text


# the run


def test_every_room_has_tests() -> None:
    assert [room for room, globs in ROOMS.items() for each in globs if not list(TOP.glob(each))] == []


def test_the_copy_has_the_package_below_src_with_its_data(tmp_path: Path) -> None:
    copy(tmp_path / "copy")
    package = tmp_path / "copy" / "src" / "tscompat"
    assert (package / "values" / "compare.py").is_file()
    assert (package / "_data" / "cases" / "dtypes.toml").is_file()
    assert (tmp_path / "copy" / "tests" / "conftest.py").is_file()


@pytest.mark.parametrize(
    ("mutant", "kept"),
    [("stats", 0), ("tscompat.values.compare.x_first__mutmut_1", 0), ("tscompat.routes.dat.x_load__mutmut_1", 1)],
    ids=["all-functions", "of-a-first-room", "of-the-last-room"],
)
def test_what_functions_have_cached_of_a_mutants_results_is_forgotten(
    monkeypatch: pytest.MonkeyPatch, mutant: str, kept: int
) -> None:
    cached = functools.cache(int)
    monkeypatch.setattr(writer, "cached", cached, raising=False)
    cached(1)
    forget(mutant)
    assert cached.cache_info().currsize == kept
