"""What the divergences cover, what is stale, and covered.json."""

import json
import shutil
from pathlib import Path

import pytest

from tscompat.catalogue import load_catalogue
from tscompat.resources.folders import data_folder
from tscompat.routes import verdict_ids
from tscompat.values.verdict import Kind
from tscompat.verdicts.coverage import Change, Covered, Row, Survey, changes, read_covered, write_covered
from tscompat.verdicts.divergence import Divergence
from tscompat.verdicts.divergences import Divergences, DivergencesError
from verdicts.entry import SCRIPT, VERSION, divergence

CASES = data_folder("cases")
REFUSED = "dat/dotnet-to-python/cpu/shape/rank-9/c32/bits"
OTHER = "dat/dotnet-to-python/cpu/shape/rank-9/f32/bits"
ONE: Covered = {"no-c32": [Row(Kind.REFUSED, {"dat": 1})]}


def faults(*known: Divergence, ids: tuple[str, ...] = (REFUSED, OTHER)) -> list[str]:
    return list(Survey(known, ids).faults())


def covered(*known: Divergence, ids: tuple[str, ...] = (REFUSED, OTHER)) -> Covered:
    return Survey(known, ids).covered()


# what is covered


def test_the_ids_are_counted_by_route() -> None:
    ids = (REFUSED, REFUSED.replace("cpu", "cuda"), REFUSED.replace("dat/", "dat-stream/"), OTHER)
    known = divergence(ids=["*/c32/bits"])
    assert covered(known, ids=ids) == {"no-c32": [Row(Kind.REFUSED, {"dat": 2, "dat-stream": 1})]}


def test_an_id_that_is_excepted_is_not_covered() -> None:
    assert covered(divergence(ids=["dat/*"], unless=["*/f32/*"])) == ONE


def test_an_id_that_two_patterns_of_one_table_match_counts_once() -> None:
    assert covered(divergence(ids=["dat/*/c32/bits", "*/rank-9/c32/*"])) == ONE


def test_an_entry_for_another_version_counts_too() -> None:
    assert covered(divergence(versions=("TorchSharp 0.106.0",))) == ONE


def test_the_ids_of_an_entry_are_those_of_all_its_tables() -> None:
    known = [divergence(), divergence("other", ids=["dat/*/f32/bits"])]
    survey = Survey(known, (REFUSED, OTHER))
    assert ([*survey.ids("no-c32")], [*survey.ids("other")]) == ([REFUSED], [OTHER])


# faults


def test_what_fits_has_no_fault() -> None:
    assert faults(divergence()) == []


def test_a_pattern_that_matches_nothing_is_a_fault() -> None:
    known = divergence(ids=["dat/*/c32/bits", "dat/gone/*"])
    assert faults(known) == ["divergence 'no-c32': the pattern 'dat/gone/*' covers no verdict id"]


def test_a_pattern_of_which_all_is_excepted_is_a_fault() -> None:
    known = divergence(ids=["*/c32/*", "*/f32/*"], unless=["*/f32/bits"])
    assert faults(known) == ["divergence 'no-c32': the pattern '*/f32/*' covers no verdict id"]


def test_an_exception_that_takes_nothing_away_is_a_fault() -> None:
    known = divergence(unless=["*/f32/*"])
    assert faults(known) == ["divergence 'no-c32': unless '*/f32/*' excludes no id"]


def test_two_entries_for_one_id_are_a_fault() -> None:
    other = divergence("second", (VERSION, "TorchSharp 0.108.0"))
    assert faults(divergence(), other) == [f"divergences 'no-c32' and 'second' both cover 1: {REFUSED}"]


def test_a_long_list_of_ids_is_cut() -> None:
    ids = tuple(f"dat/a/b/{number}/c32/bits" for number in range(4))
    both = divergence(), divergence("second")
    assert faults(*both, ids=ids)[0].endswith("4: " + ", ".join(ids[:3]) + ", …")
    assert faults(*both, ids=ids[:3])[0].endswith("3: " + ", ".join(ids[:3]))


def test_two_entries_for_one_id_may_be_of_different_versions() -> None:
    assert faults(divergence(), divergence("second", ("TorchSharp 0.108.0",))) == []


def test_two_entries_of_one_script_for_one_id_are_a_fault() -> None:
    known = [divergence(name, (SCRIPT,)) for name in ("one", "other")]
    assert faults(*known) == [f"divergences 'one' and 'other' both cover 1: {REFUSED}"]


def test_entries_of_two_packages_for_one_id_are_a_fault() -> None:
    assert faults(divergence(), divergence("second", ("torch 2.13",))) != []


def test_an_entry_of_a_script_may_cover_an_id_beside_torchsharps() -> None:
    assert faults(divergence(), divergence("second", (SCRIPT,))) == []


# what has changed


def test_equal_numbers_are_no_change() -> None:
    assert changes(ONE, ONE) == []


def test_another_number_is_a_change() -> None:
    more: Covered = {"no-c32": [Row(Kind.REFUSED, {"dat": 3})]}
    assert changes(ONE, more) == [Change("no-c32", 0, Kind.REFUSED, "dat", 1, 3)]


def test_an_entry_without_a_row_is_a_change() -> None:
    assert changes({}, ONE) == [Change("no-c32", 0, Kind.REFUSED, "dat", 0, 1)]


def test_a_row_without_an_entry_is_a_change() -> None:
    assert changes(ONE, {}) == [Change("no-c32", 0, Kind.REFUSED, "dat", 1, 0)]


def test_another_kind_is_a_change() -> None:
    assert changes(ONE, {"no-c32": [Row(Kind.BITS, {"dat": 1})]}) == [
        Change("no-c32", 0, Kind.BITS, "dat", 0, 1),
        Change("no-c32", 0, Kind.REFUSED, "dat", 1, 0),
    ]


def test_a_change_has_examples() -> None:
    ids = tuple(f"dat/a/b/{number}/c32/bits" for number in range(4))
    examples = Survey([divergence()], ids).examples(Change("no-c32", 0, Kind.REFUSED, "dat", 1, 4), 3)
    assert examples == list(ids[:3])


def test_a_route_that_is_covered_no_longer_has_no_examples() -> None:
    assert Survey([divergence()], [REFUSED]).examples(Change("no-c32", 0, Kind.REFUSED, "tensor", 1, 0), 3) == []


def test_a_row_without_an_entry_has_no_examples() -> None:
    assert Survey([], [REFUSED]).examples(Change("no-c32", 0, Kind.REFUSED, "dat", 1, 0), 3) == []


# stale


def test_nothing_is_stale_when_all_fits() -> None:
    assert Divergences([divergence()], [VERSION], ONE).stale([REFUSED, OTHER]) == []


def test_a_fault_is_stale() -> None:
    known = divergence(unless=["*/f32/*"])
    assert Divergences([known], [VERSION], ONE).stale([REFUSED]) == [
        "divergence 'no-c32': unless '*/f32/*' excludes no id"
    ]


def test_other_numbers_than_those_of_the_file_are_stale_in_one_sentence_a_table() -> None:
    recorded: Covered = {"no-c32": [Row(Kind.REFUSED, {"dat": 1, "tensor": 2})]}
    known = divergence(ids=["dat/*"])
    assert Divergences([known], [VERSION], recorded).stale([REFUSED, OTHER]) == [
        "divergence 'no-c32' (refused): covers another number of ids than covered.json has: dat 1 → 2, tensor 2 → 0. "
        "If the change is intended, run: tscompat bless --divergences"
    ]


# covered.json


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(CASES / "covered.schema.json", tmp_path)
    (tmp_path / "divergences").mkdir()
    return tmp_path / "divergences"


def test_what_is_written_is_read_again(folder: Path) -> None:
    two: Covered = {**ONE, "other": [Row(Kind.BITS, {"a": 1, "b": 2}), Row(Kind.BITS, {"a": 3})]}
    write_covered(folder, two)
    assert changes(read_covered(folder), two) == []


def test_a_row_is_a_line(folder: Path) -> None:
    write_covered(folder, ONE)
    lines = (folder / "covered.json").read_text(encoding="utf-8").splitlines()
    assert lines[2] == '    {"kind": "refused", "routes": {"dat": 1}}'


def test_a_file_of_another_form_is_refused(folder: Path) -> None:
    (folder / "covered.json").write_text(json.dumps({"no-c32": [{"kind": "refused"}]}), encoding="utf-8")
    with pytest.raises(DivergencesError, match=r"covered\.json: no-c32 / 0: 'routes' is a required property"):
        read_covered(folder)


def test_the_published_file_fits_the_catalogue() -> None:
    divergences = Divergences.load(CASES / "divergences", [])
    assert divergences.stale(map(str, verdict_ids(load_catalogue()))) == []


@pytest.mark.parametrize(
    ("name", "undefined", "both"), [("no-c32", True, False), ("no-c32", False, True), ("second", True, True)]
)
def test_only_undefined_tables_of_one_entry_may_cover_one_id(name: str, undefined: bool, both: bool) -> None:
    other = divergence(name, undefined=undefined, kind="crash")
    assert bool(faults(divergence(undefined=True), other)) is both
