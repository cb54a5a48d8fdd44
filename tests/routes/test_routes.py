"""The tables of routes and verdict ids."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace

import pytest

from tscompat.catalogue import CatalogueError, load_catalogue
from tscompat.routes import ROUTES, verdict_ids
from tscompat.values.verdict import VerdictId

IDS = list(verdict_ids(load_catalogue()))


def test_ids_are_unique() -> None:
    assert len(set(IDS)) == len(IDS)


def test_ids_are_made_of_letters_digits_and_few_signs() -> None:
    assert all(re.fullmatch(r"[A-Za-z0-9./+-]+", str(each)) for each in IDS)


def test_an_id_splits_into_what_it_was_made_of() -> None:
    assert [VerdictId.parse(str(each)) for each in IDS] == IDS


def test_a_full_run_on_the_cpu_decides_enough() -> None:
    assert sum(each.device == "cpu" for each in IDS) >= 1500


def test_every_case_has_routes_that_take_its_subject() -> None:
    for case in load_catalogue().values():
        for name in case.routes:
            assert isinstance(case.subject, ROUTES[name].subjects), f"{case.id} on {name}"


def test_a_route_names_the_subject_that_it_does_not_take() -> None:
    with pytest.raises(CatalogueError, match="arch/mlp/f32: the route load takes no Model"):
        ROUTES["load"].checks_of(load_catalogue()["arch/mlp/f32"], "python-to-dotnet")


def test_a_route_that_is_not_there_is_refused_with_the_case_that_names_it() -> None:
    case = replace(load_catalogue()["arch/mlp/f32"], routes=("dat", "dot"))
    with pytest.raises(CatalogueError, match="arch/mlp/f32: found the route 'dot'; expected one of dat, "):
        list(verdict_ids({case.id: case}))


def test_each_check_that_a_case_asks_for_is_made_by_one_of_its_routes() -> None:
    """A check that no route makes, in any dtype of the case, would be dropped in silence."""
    made: defaultdict[str, set[str]] = defaultdict(set)
    for case in load_catalogue().values():
        made[case.id.rpartition("/")[0]] |= {
            check
            for name in case.routes
            for direction in ROUTES[name].directions
            for check in ROUTES[name].checks_of(case, direction)
        }
    for case in load_catalogue().values():
        assert case.checks <= made[case.id.rpartition("/")[0]], case.id


def test_ids_come_case_by_case_route_by_route_and_check_by_check() -> None:
    case = replace(load_catalogue()["role/both/bf16"], routes=("dat", "pybridge-pickle"), devices=("cpu", "cuda"))
    there, back = "python-to-dotnet", "dotnet-to-python"
    assert [(each.route, each.direction, each.device, each.check) for each in verdict_ids({case.id: case})] == [
        *(("dat", there, device, check) for device in ("cpu", "cuda") for check in ("bytes", "bits")),
        *(("dat", back, device, check) for device in ("cpu", "cuda") for check in ("bytes", "bits", "order")),
        *(("pybridge-pickle", there, device, "bits") for device in ("cpu", "cuda")),
        *(("pybridge-pickle", back, device, check) for device in ("cpu", "cuda") for check in ("bits", "order")),
    ]
    assert {each.case for each in verdict_ids({case.id: case})} == {case.id}


def test_a_route_that_is_not_there_is_refused_with_all_that_are() -> None:
    case = replace(load_catalogue()["arch/mlp/f32"], routes=("dot",))
    with pytest.raises(CatalogueError) as refused:
        list(verdict_ids({case.id: case}))
    assert str(refused.value).endswith(f"expected one of {', '.join(ROUTES)}")
