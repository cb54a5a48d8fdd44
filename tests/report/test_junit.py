"""JUnit's XML."""

from __future__ import annotations

from typing import cast
from xml.etree.ElementTree import Element, fromstring

import msgspec
import pytest

from records import FAILURE, a_record
from results.made import BOTH, DIVERGENCE, NOT_RUN, changed, of_new
from tscompat.report.junit import RUN, junit
from tscompat.results.file import Results


def suites(results: Results) -> dict[str, Element]:
    return {suite.attrib["name"]: suite for suite in fromstring(junit(results))}


def parts(suite: Element) -> dict[str, list[tuple[str, str]]]:
    """By name, the parts of each test: their tags and messages."""
    return {test.attrib["name"]: [(part.tag, part.attrib["message"]) for part in test] for test in suite}


def test_each_verdict_is_a_test_of_its_route() -> None:
    of = suites(changed(a_record(), FAILURE, DIVERGENCE, NOT_RUN, a_record("load")))
    assert [*of] == [RUN, "dat", "load"]
    counts = {"name": "dat", "tests": "4", "failures": "1", "errors": "0", "skipped": "2"}
    assert of["dat"].attrib == counts
    found = parts(of["dat"])
    assert found[a_record().id] == []
    assert found[FAILURE.id] == [("failure", FAILURE.reason)]
    assert found[DIVERGENCE.id][0][1].startswith("known divergence no-c32: ")
    assert found[NOT_RUN.id] == [("skipped", "no CUDA device")]


def test_a_failure_states_what_was_found_and_the_command() -> None:
    failure = suites(changed(FAILURE))["dat"].find("testcase/failure")
    assert cast("Element", failure).text == f"{FAILURE.detail}\nagain: {FAILURE.rerun}"


def test_a_problem_of_the_run_is_an_error() -> None:
    run = suites(changed(a_record(), problems=("no proof",)))[RUN]
    assert run.attrib["errors"] == "1"
    assert [part for test in parts(run).values() for part in test] == [
        ("error", "Not as expected: the run has 1 problem.")
    ]


@pytest.mark.parametrize("results", [changed(a_record(), complete=False), changed(NOT_RUN)], ids=["stopped", "nothing"])
def test_a_run_that_stopped_or_decided_nothing_is_an_error(results: Results) -> None:
    run = suites(results)[RUN]
    assert run.attrib["errors"] == "1"
    assert run.find("testcase/error") is not None


def test_a_failure_alone_is_no_error_of_the_run() -> None:
    assert suites(changed(FAILURE))[RUN].attrib["errors"] == "0"


def test_each_environment_has_suites_of_its_own() -> None:
    record = a_record()
    of = suites(msgspec.structs.replace(BOTH, verdicts=(record, of_new(record))))
    assert [*of] == [RUN, "TorchSharp 0.107.0: dat", "TorchSharp 0.108.0-dev: dat"]
    tests = [test.attrib["classname"] for suite in of.values() for test in suite]
    assert len({*tests}) == 3


def test_a_run_without_a_problem_is_none() -> None:
    assert suites(changed(a_record()))[RUN].attrib["errors"] == "0"


def test_characters_that_xml_cannot_hold_are_escaped() -> None:
    record = msgspec.structs.replace(NOT_RUN, detail="a\x00b\x1bc\ud800".encode(errors="replace").decode() + "\ufffe")
    assert parts(suites(changed(record))["dat"])[record.id] == [("skipped", "a\\x00b\\x1bc?\\xfffe")]
