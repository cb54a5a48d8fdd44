"""Patterns over verdict ids."""

import pytest

from tscompat.verdicts.patterns import Patterns

ID = "dat/dotnet-to-python/cpu/shape/rank-9/c32/bits"


@pytest.mark.parametrize(
    "pattern",
    [
        ID,
        "*",
        "dat/*",
        "dat*/*/bits",
        "*/c32/*",
        "*/c*/*",
        "*/shape/rank-9/*",
        "*/cpu/*/c32/bits",
        "d*/rank-9/*s",
    ],
)
def test_a_pattern_matches(pattern: str) -> None:
    assert Patterns([pattern]).matching(ID) == {pattern}


@pytest.mark.parametrize(
    "pattern",
    [
        "dat",
        "dat/*/c64/bits",
        "*/c32",
        "c32/*",
        "*/bits/c32/*",
        "*/rank-/*",
        "dat/*/C32/bits",
        "*/shape.rank-9/*",
        "*/c32/*/bits",
    ],
)
def test_a_pattern_does_not_match(pattern: str) -> None:
    assert Patterns([pattern]).matching(ID) == set()


def test_all_that_match_are_found_and_no_other() -> None:
    patterns = Patterns(["*/c32/*", "*/c64/*", "*/shape/*", "*s", "dat/*/bytes"])
    assert patterns.matching(ID) == {"*/c32/*", "*/shape/*", "*s"}
