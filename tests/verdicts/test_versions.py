"""Which version is older."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tscompat.verdicts.versions import nearest, order

ASCENDING = [
    *(
        "0.9.0-RC",
        "0.9.0",
        "0.99.1",
        "0.107.0-alpha",
        "0.107.0-alpha.2",
        "0.107.0-alpha.10",
        "0.107.0-alpha.x",
        "0.107.0-rc",
    ),
    *("0.107.0", "0.107.0.1", "0.107.1", "0.108.0-dev", "0.108.0", "1.0.0"),
]


@pytest.mark.parametrize(("older", "newer"), [*pairwise(ASCENDING)])
def test_versions_of_nuget_are_ordered_by_numbers_and_a_pre_release_comes_before_its_release(
    older: str, newer: str
) -> None:
    assert order(older) < order(newer)


def test_pythons_pre_release_comes_before_its_release() -> None:
    assert order("2.13.0") < order("2.14.0a0+git123") < order("2.14.0rc1") < order("2.14.0")


def test_what_follows_a_plus_makes_no_other_version() -> None:
    assert order("2.13.0+cpu") == order("2.13.0")


def test_a_name_may_stand_before_it() -> None:
    assert order("TorchSharp 0.107.0") == order("0.107.0")


@pytest.mark.parametrize(("version", "found"), [("2.1", "2.9"), ("2.9", "2.9"), ("2.10", "2.9"), ("2.11", "2.10")])
def test_the_nearest_is_the_newest_before_or_else_the_oldest(version: str, found: str) -> None:
    assert nearest(version, ["2.10", "2.9"]) == found
