"""The badge."""

from __future__ import annotations

import json

import pytest

from records import FAILURE, a_record
from results.made import BOTH, DIVERGENCE, RESULTS, changed
from tscompat.report.badge import badge
from tscompat.results.file import Part, Results


@pytest.mark.parametrize(
    ("results", "message", "color"),
    [
        (changed(a_record(), DIVERGENCE), "1 passed, 1 known divergences", "brightgreen"),
        (changed(FAILURE), "1 unexpected, 0 passed, 0 known divergences", "red"),
        (changed(a_record(), problems=("no",)), "not as expected, 1 passed, 0 known divergences", "red"),
        (changed(a_record(), part=Part.of("1/2", [])), "shard 1/2: 1 passed, 0 known divergences", "brightgreen"),
    ],
    ids=["green", "red", "problem", "shard"],
)
def test_it_says_how_the_run_ended(results: Results, message: str, color: str) -> None:
    made = json.loads(badge(results))
    assert made == {"schemaVersion": 1, "label": "TorchSharp 0.107.0", "message": message, "color": color}


def test_all_versions_are_named() -> None:
    assert json.loads(badge(BOTH))["label"] == "TorchSharp 0.107.0, 0.108.0-dev"
    assert json.loads(badge(RESULTS))["color"] == "red"  # nothing was decided
