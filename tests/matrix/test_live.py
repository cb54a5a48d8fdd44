"""What a run shows while it goes: counts, time left, where each worker is."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from itertools import count
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from rich.console import Console

from records import FAILURE, a_record
from tscompat.matrix import live
from tscompat.matrix.live import LONGEST, Lines, Progress, Screen, Watch, watch
from tscompat.results.record import Record
from tscompat.values.verdict import Kind, Verdict
from tscompat.verdicts.divergences import Outcome

RECORDS = [a_record(route, case) for route in ("dat", "tensor") for case in ("a/1", "a/2")]
IDS = [record.id for record in RECORDS]
KNOWN = msgspec.structs.replace(RECORDS[0], outcome=Outcome.DIVERGENCE)


def progress(*records: Record, clock: Callable[[], float] = lambda: 0.0, ids: Sequence[str] = IDS) -> Progress:
    made = Progress(ids, clock)
    for record in records:
        made.add(record)
    return made


def test_what_is_done_and_what_is_left_is_counted_by_route() -> None:
    found = progress(KNOWN, *RECORDS[1:3])
    assert (found.done, found.total) == (3, 4)
    assert (found.counts["dat"], found.left) == (
        {Outcome.DIVERGENCE: 1, Outcome.PASSED: 1},
        {"dat": 0, "tensor": 1},
    )
    assert found.sums == {Outcome.DIVERGENCE: 1, Outcome.PASSED: 2}


def test_what_another_thread_reads_gets_no_route_while_it_does() -> None:
    of = progress()
    before = [*of.counts]
    of.add(RECORDS[-1])
    assert before == [*of.counts] == ["dat", "tensor"]


def test_long_cases_are_more_of_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "seconds_of", {"a/1": 9.0, "a/2": 1.0}.__getitem__)
    assert progress(RECORDS[0]).share == 0.45
    assert progress(*RECORDS).share == 1.0


def test_the_time_left_goes_by_the_work() -> None:
    clock = count(100.0, 30.0)
    half = progress(*RECORDS[:2], clock=lambda: next(clock))
    assert half.seconds_left == 30.0


def test_at_first_the_time_left_is_not_known() -> None:
    assert progress().seconds_left is None


def test_a_run_of_nothing_is_not_divided_by() -> None:
    assert progress(ids=()).share == 0.0


def test_a_line_has_all_numbers() -> None:
    clock = count(0.0, 61.0)
    found = progress(KNOWN, RECORDS[1], clock=lambda: next(clock))
    assert found.sentence() == " 50% 2 of 4 verdicts, 1 passed, 1 known divergences, 1:01 left"


class Terminal:
    def __init__(self, width: int = 100, height: int = 30) -> None:
        self.out = StringIO()
        self.console = Console(file=self.out, width=width, height=height, color_system=None)

    def lines(self, thing: object = None) -> list[str]:
        if thing is not None:
            self.console.print(thing)
        return [line.rstrip() for line in self.out.getvalue().splitlines()]


def screen(terminal: Terminal, of: Progress, at: Mapping[str, str]) -> Screen:
    return Screen(terminal.console, of, lambda: at)


def test_a_terminal_has_a_row_a_route_and_each_worker() -> None:
    terminal = Terminal()
    shown = screen(terminal, progress(KNOWN, RECORDS[2]), {"gw1": IDS[3], "gw0": IDS[1]})
    head, *rows = terminal.lines(shown.view())
    assert " ".join(head.split()[1:]) == "50% of the work 2 of 4 verdicts 0:00 left"
    assert [row.split() for row in rows] == [
        ["route", "passed", "known", "divergences", "failures", "not", "run", "left"],
        ["dat", "1", "1"],
        ["tensor", "1", "1"],
        ["all", "1", "1", "2"],
        ["gw0:", IDS[1]],
        ["gw1:", IDS[3]],
    ]


def test_routes_that_are_done_are_one_row() -> None:
    terminal = Terminal()
    rows = terminal.lines(screen(terminal, progress(*RECORDS[:3]), {}).view())[2:]
    assert [row.split() for row in rows] == [["tensor", "1", "1"], ["1", "route", "done", "2"], ["all", "3", "1"]]


def test_as_many_routes_stand_there_as_fit() -> None:
    ids = [a_record(f"r-{number}").id for number in range(20)]
    terminal = Terminal(height=12)
    rows = [row.split() for row in terminal.lines(screen(terminal, progress(ids=ids), {"gw0": ids[0]}).view())]
    assert len(rows) <= 12
    assert [row[0] for row in rows if row[0].startswith("r-")] == [f"r-{number}" for number in range(5)]
    assert ["15", "routes", "more", "15"] in rows


def test_how_long_a_worker_is_at_a_case_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [10.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    at = {"gw0": IDS[0]}
    terminal, seen = Terminal(), list[str]()
    shown = screen(terminal, progress(), at)
    for seconds, verdict_id in ((10.0, IDS[0]), (14.9, IDS[0]), (20.0, IDS[1])):
        now[0], at["gw0"] = seconds, verdict_id
        seen.append(terminal.lines(shown.view())[-1])
    assert seen == [f"gw0: {IDS[0]}", f"gw0: {IDS[0]} (4 s)", f"gw0: {IDS[1]}"]


@pytest.mark.parametrize("kind", ["lines", "screen"])
def test_an_unexpected_verdict_is_shown_at_once(kind: str) -> None:
    terminal = Terminal()
    view = Lines(terminal.console, progress()) if kind == "lines" else screen(terminal, progress(), {})
    view.unexpected(FAILURE)
    assert terminal.lines() == [
        f"unexpected: {FAILURE.id}",
        "  bits: element [1] is 0x7fc1, expected 0x7f81",
    ]


def test_of_a_long_detail_the_beginning_is_shown() -> None:
    terminal = Terminal(width=40)
    long = a_record(verdict=Verdict(Kind.BITS, "x" * 500 + "\n[markup]"))
    Lines(terminal.console, progress()).unexpected(long)
    assert terminal.lines()[1] == "  " + ("bits: " + "x" * 500)[: LONGEST - 1] + "…"


def test_a_log_gets_a_line_every_few_seconds_and_one_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.setattr(live, "SECONDS_BETWEEN_LINES", 0.001)
    terminal = Terminal(width=10)
    lines = Lines(terminal.console, progress(*RECORDS))
    lines.begin()
    while len(terminal.lines()) < 3:
        pass
    lines.end()
    assert {*terminal.lines()} == {"100% 4 of 4 verdicts, 4 passed, 0:00 left"}


def test_what_has_not_begun_can_end() -> None:
    terminal = Terminal()
    Lines(terminal.console, progress()).end()
    screen(terminal, progress(), {}).end()
    assert terminal.lines() == ["  0% 0 of 4 verdicts"]


def test_github_gets_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    terminal = Terminal()
    lines = Lines(terminal.console, progress())
    lines.begin()
    lines.end()
    assert terminal.lines() == ["::group::Progress", "  0% 0 of 4 verdicts", "::endgroup::"]


class Seen:
    """A view that notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    def begin(self) -> None:
        self.asked.append("begin")

    def unexpected(self, record: Record) -> None:
        self.asked.append(record)

    def end(self) -> None:
        self.asked.append("end")


def test_the_view_is_there_while_verdicts_are_decided() -> None:
    view, of = Seen(), progress()
    plugin = Watch(view, of)
    loop = plugin.pytest_runtestloop()
    next(loop)
    plugin.saw(RECORDS[1])
    plugin.saw(msgspec.structs.replace(RECORDS[0], outcome=Outcome.FAILED))
    with pytest.raises(KeyboardInterrupt):
        loop.throw(KeyboardInterrupt())
    assert [getattr(each, "id", each) for each in view.asked] == ["begin", IDS[0], "end"]
    assert of.done == 2


def test_without_a_verdict_there_is_no_view() -> None:
    view = Seen()
    loop = Watch(view, progress()).pytest_runtestloop()
    next(loop)
    with pytest.raises(StopIteration):
        next(loop)
    assert view.asked == []


def test_pytest_counts_without_a_letter() -> None:
    hook = Watch(Seen(), progress()).pytest_report_teststatus()
    next(hook)
    with pytest.raises(StopIteration) as ended:
        hook.send(("xfailed", "x", "XFAIL"))
    assert ended.value.value == ("xfailed", "", "")


@pytest.mark.parametrize(("terminal", "kind"), [(True, Screen), (False, Lines)])
def test_a_terminal_has_the_view_and_a_pipe_has_lines(
    terminal: bool, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    file: Any = StringIO()
    file.isatty = lambda: terminal
    config: Any = SimpleNamespace(get_terminal_writer=lambda: SimpleNamespace(_file=file))
    assert isinstance(watch(config, IDS, dict[str, str])._view, kind)  # pyright: ignore[reportPrivateUsage]
