"""A record and its JSON."""

import json
from typing import Any

import msgspec
import pytest

from records import ENVIRONMENT, FAILURE, a_record
from tscompat.results.record import Record
from tscompat.values.verdict import FirstDifference, Kind, Verdict, VerdictId
from tscompat.verdicts.divergences import Judgement, Outcome


def written(record: Record) -> dict[str, Any]:
    return json.loads(msgspec.json.encode(record))


@pytest.mark.parametrize("record", [a_record(), FAILURE], ids=["pass", "failure"])
def test_a_record_comes_back_as_it_was(record: Record) -> None:
    assert msgspec.json.decode(msgspec.json.encode(record), type=Record) == record


def test_a_pass_says_no_more_than_it_must() -> None:
    assert written(a_record()) == {
        "environment": ENVIRONMENT.key,
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


def test_a_failure_has_what_was_found_and_what_it_means() -> None:
    document = written(FAILURE)
    assert {key: document[key] for key in ("verdict", "outcome", "divergence")} == {
        "verdict": "bits",
        "outcome": "failed",
        "divergence": "nan-payload",
    }


def test_a_record_has_all_that_is_given() -> None:
    verdict_id = VerdictId("dat", "python-to-dotnet", "cpu", "pattern/all/bf16", "bits")
    judgement = Judgement(Outcome.FAILED, "name", "why")
    record = Record.of("key", verdict_id, "bf16", Verdict(Kind.BITS, "..."), judgement, 1 / 3, ("a", "b"), "again")
    assert (record.seconds, record.files, record.rerun) == (0.333333, ("a", "b"), "again")


def test_a_record_of_which_little_is_given_took_no_time_and_has_no_files() -> None:
    verdict_id = VerdictId("dat", "python-to-dotnet", "cpu", "pattern/all/bf16", "bits")
    record = Record.of("key", verdict_id, "bf16", Verdict(Kind.PASS), Judgement(Outcome.PASSED))
    assert (record.seconds, record.files, record.rerun) == (0.0, (), "")


def test_a_difference_says_no_more_than_is_known() -> None:
    verdict = Verdict(Kind.ORDER, "...", FirstDifference(None, "order", 3, None, None))
    assert written(a_record(verdict=verdict))["difference"] == {"field": "order", "offset": 3}


def test_a_name_that_is_no_text_is_escaped_in_the_detail() -> None:
    record = a_record(verdict=Verdict(Kind.NAMES, "the name is '\udcff', expected '日本'"))
    assert record.detail == "the name is '\\udcff', expected '日本'"


def test_a_name_that_is_no_text_is_escaped_in_the_difference() -> None:
    verdict = Verdict(Kind.NAMES, "...", FirstDifference("\udcff", "name", None, "日本", "\udcff"))
    assert written(a_record(verdict=verdict))["difference"] == {
        "entry": "\\udcff",
        "field": "name",
        "expected": "日本",
        "found": "\\udcff",
    }


def test_an_id_that_is_not_its_parts_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the id is 'dat/.*', its parts are 'tensor/"):
        msgspec.structs.replace(a_record(), route="tensor")
