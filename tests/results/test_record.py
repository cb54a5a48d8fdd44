"""A record and its JSON."""

import json
from collections.abc import Callable

from tscompat.results.record import Record


def test_a_failure_comes_back_as_it_was(failure: Record) -> None:
    assert Record.from_json(json.loads(json.dumps(failure.as_json()))) == failure


def test_a_pass_comes_back_as_it_was(make_record: Callable[..., Record]) -> None:
    assert Record.from_json(json.loads(json.dumps(make_record().as_json()))) == make_record()


def test_a_pass_says_no_more_than_it_must(make_record: Callable[..., Record]) -> None:
    assert make_record().as_json() == {
        "id": "dat/python-to-dotnet/cpu/pattern/all/bf16/bits",
        "route": "dat",
        "direction": "python-to-dotnet",
        "device": "cpu",
        "case": "pattern/all/bf16",
        "check": "bits",
        "dtype": "bf16",
        "verdict": "pass",
        "detail": "",
        "seconds": 0.25,
        "outcome": "passed",
    }
