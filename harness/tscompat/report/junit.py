"""Makes JUnit's XML of a run: a test for each verdict. May import verdicts, results.

A known divergence and what was not run are skipped tests, as pytest writes an expected failure.
"""

from __future__ import annotations

import re
from collections import defaultdict
from xml.etree.ElementTree import Element, SubElement, tostring

from tscompat.results.end import green, sentence
from tscompat.results.file import Results
from tscompat.results.record import Record
from tscompat.results.table import shown_names
from tscompat.verdicts.divergences import Outcome

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""The characters that XML 1.0 cannot hold (its production 2, Char)."""
RUN = "the run"


def junit(results: Results) -> bytes:
    """The XML: a suite for each route in each environment, and one for the run as a whole, which fails where it has a
    problem, stopped early or decided nothing.
    """
    suites = Element("testsuites", name="torchsharp-compat")
    names = shown_names(results)
    by_route: defaultdict[str, list[Record]] = defaultdict(list)
    for record in results.verdicts:
        by_route[": ".join(filter(None, (names[record.environment], record.route)))].append(record)
    failed = any(record.outcome is Outcome.FAILED for record in results.verdicts)
    wrong = bool(results.problems) or not results.complete or not (failed or green(results))
    whole = _suite(suites, RUN, 1, errors=int(wrong))
    test = SubElement(whole, "testcase", classname=RUN, name="comes to its end without a problem", time="0")
    if wrong:
        _part(test, "error", sentence(results).plain, "\n".join(results.problems))
    for route, records in sorted(by_route.items()):
        outcomes = [record.outcome for record in records]
        skipped = sum(each in (Outcome.DIVERGENCE, Outcome.NOT_RUN) for each in outcomes)
        suite = _suite(suites, route, len(records), failures=outcomes.count(Outcome.FAILED), skipped=skipped)
        for record in records:
            _test(suite, record, names[record.environment])
    return tostring(suites, encoding="utf-8", xml_declaration=True)


def _test(suite: Element, record: Record, environment: str) -> None:
    name = ".".join(filter(None, (environment, record.route, record.direction, record.device)))
    test = SubElement(suite, "testcase", classname=name, name=record.id, time=f"{record.seconds:.3f}")
    if record.outcome is Outcome.FAILED:
        _part(test, "failure", record.reason or record.verdict, f"{record.detail}\nagain: {record.rerun}")
    elif record.outcome is Outcome.DIVERGENCE:
        _part(test, "skipped", f"known divergence {record.divergence}: {record.reason}", record.detail)
    elif record.outcome is Outcome.NOT_RUN:
        _part(test, "skipped", record.detail, "")


def _suite(suites: Element, name: str, tests: int, *, failures: int = 0, errors: int = 0, skipped: int = 0) -> Element:
    suite = SubElement(suites, "testsuite", name=name)
    for what, number in (("tests", tests), ("failures", failures), ("errors", errors), ("skipped", skipped)):
        suite.set(what, str(number))
    return suite


def _part(test: Element, tag: str, message: str, text: str) -> None:
    SubElement(test, tag, message=_valid(message)).text = _valid(text)


def _valid(words: str) -> str:
    return _NOT_XML.sub(lambda found: f"\\x{ord(found[0]):02x}", words)
