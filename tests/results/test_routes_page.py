"""docs/routes.md: the word in a cell, and the routes that are named, for given records."""

from collections.abc import Sequence

import pytest

from records import PASSED, a_record
from tscompat.results.record import Record
from tscompat.results.routes_page import NEEDS, routes_page
from tscompat.verdicts.divergences import Judgement, Outcome

KNOWN = Judgement(Outcome.DIVERGENCE, "no-c32", "There is no complex32. So it cannot be read.")
NOT_RUN = Judgement(Outcome.NOT_RUN)
BACK = "dotnet-to-python"


VERSIONS = {"TorchSharp": "0.107.0", "TorchSharp.PyBridge": "1.4.4", "torch": "2.13", "safetensors": "0.8"}
FORMATS = {"torchscript_operators": "10", "export_schema": "8.20"}


def page(*records: Record) -> list[str]:
    return routes_page(VERSIONS, FORMATS, records).splitlines()


def row(lines: Sequence[str], route: str) -> list[str]:
    """The first table's row of a route."""
    return [cell.strip() for cell in next(line for line in lines if line.startswith(f"| {route}")).split("|")[2:-1]]


@pytest.mark.parametrize(
    ("judgements", "word"),
    [
        ((PASSED, PASSED), "yes"),
        ((PASSED, KNOWN), "part"),
        ((PASSED, Judgement(Outcome.FAILED)), "part"),
        ((KNOWN,), "no"),
        ((NOT_RUN,), "not run"),
        ((NOT_RUN, PASSED), "yes, where run"),
    ],
)
def test_a_cell_sums_up_its_records(judgements: Sequence[Judgement], word: str) -> None:
    assert row(page(*(a_record(judgement=each) for each in judgements)), "dat python to dotnet") == [word]


def test_the_order_of_the_records_does_not_matter() -> None:
    records = [
        a_record(route=route, judgement=judgement) for route in ("tensor", "dat") for judgement in (PASSED, KNOWN)
    ]
    assert page(*records) == page(*reversed(records))


def test_the_directions_are_rows_of_their_own() -> None:
    lines = page(a_record(), a_record(judgement=KNOWN, direction=BACK))
    assert row(lines, "dat python to dotnet") + row(lines, "dat dotnet to python") == ["yes", "no"]


def test_the_bytes_of_the_file_do_not_count() -> None:
    assert row(page(a_record(), a_record(judgement=KNOWN, check="bytes")), "dat python to dotnet") == ["yes"]


def test_another_device_does_not_count() -> None:
    assert row(page(a_record(), a_record(judgement=NOT_RUN, device="cuda")), "dat python to dotnet") == ["yes"]


def test_the_verdicts_of_each_route_are_counted_by_check() -> None:
    lines = page(
        a_record(), a_record(judgement=KNOWN), a_record(check="order"), a_record(route="schema", check="names")
    )
    assert lines[-2:] == ["| dat | bits 2, order 1 |", "| schema | names 1 |"]


def test_a_route_without_values_has_no_row() -> None:
    lines = page(a_record(), a_record(route="schema", check="names"))
    assert not any(line.startswith("| schema python") for line in lines)


def test_a_need_names_the_routes_that_bring_all_of_it() -> None:
    lines = page(a_record(case="name/utf8/f32"), a_record("tensor", "name/utf8/f32", judgement=KNOWN))
    assert f"* *names*, {NEEDS[0].words}: dat" in lines


def test_where_no_route_brings_all_the_best_is_named() -> None:
    lines = page(*[a_record(case="name/utf8/f32")] * 9, a_record(case="name/utf8/f32", judgement=KNOWN))
    assert f"* *names*, {NEEDS[0].words}: all but a few by dat" in lines


def test_where_no_route_brings_most_of_it_none_is_named() -> None:
    lines = page(*[a_record(case="name/utf8/f32"), a_record(case="name/utf8/f32", judgement=KNOWN)] * 5)
    assert f"* *names*, {NEEDS[0].words}: no route transfers most of it" in lines


def test_several_routes_are_named_in_a_list_and_no_route_that_is_not_tried_with_it() -> None:
    routes = ("dat", "tensor")
    most = [a_record(route, "tied/a/f32", judgement=each) for route in routes for each in (PASSED,) * 9 + (KNOWN,)]
    lines = page(a_record("other"), *(a_record(route, "name/utf8/f32") for route in routes), *most)
    needs = {need.column: need.words for need in NEEDS}
    assert f"* *names*, {needs['names']}: dat, tensor" in lines
    assert f"* *tied*, {needs['tied']}: all but a few by dat, tensor" in lines


def test_a_route_that_is_not_tried_with_a_dtype_has_a_dash_and_dtypes_stand_in_the_order_of_a_person() -> None:
    lines = page(
        a_record(case="pattern/all/c128", dtype="c128"),
        a_record("tensor", "pattern/all/c64", dtype="c64", judgement=NOT_RUN),
    )
    assert row(lines, "dat python to dotnet") == ["–", "yes"]
    assert row(lines, "tensor python to dotnet") == ["not run", "–"]


def test_a_fault_stands_in_a_sentence() -> None:
    assert "* `no-c32`: There is no complex32." in page(a_record(judgement=KNOWN))


def test_a_verdict_that_is_otherwise_than_its_divergence_is_no_known_fault() -> None:
    lines = page(a_record(judgement=Judgement(Outcome.FAILED, "no-c32", "kind changed")))
    assert not any("no-c32" in line for line in lines)


def test_the_versions_are_named() -> None:
    text = " ".join(page(a_record()))
    assert all(version in text for version in (*VERSIONS.values(), *FORMATS.values()))
