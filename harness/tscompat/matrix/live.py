"""What a run shows while it goes: one live view on a terminal, else a line every few seconds.

May import values, verdicts, results. A run with -v has pytest's own lines instead, one with -q its dots.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from threading import Event, Thread
from typing import Any, Protocol

import pytest
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tscompat.results.record import Record
from tscompat.results.table import LOOKS, counted
from tscompat.values.verdict import VerdictId
from tscompat.verdicts.divergences import Outcome

from .cost import seconds_of

SECONDS_BETWEEN_LINES = 5.0
LONGEST = 100
"""The characters of an unexpected verdict's detail that are shown at once."""
_EARLY = 0.02
"""Before this part of the work is done, the time that is left is not known."""
_BAR = "cyan"
"""Its color states nothing of the verdicts: that is what the columns are for."""
_AROUND = 6
"""The lines of the view that are no row of a route or a worker."""


class Progress:
    """What is done, and what is left."""

    def __init__(self, ids: Sequence[str], clock: Callable[[], float] = time.monotonic) -> None:
        """``ids`` are the verdicts to decide, in order."""
        self._clock = clock
        self._began = clock()
        parsed = [VerdictId.parse(each) for each in ids]
        sizes = Counter(each.case for each in parsed)
        self._weights = {name: seconds_of(name) / size for name, size in sizes.items()}
        self._work = sum(map(seconds_of, sizes)) or 1.0
        self._done_work = 0.0
        self.total = len(ids)
        self.left = Counter(each.route for each in parsed)
        """The verdicts that are left, by route."""
        self.counts = {route: Counter[Outcome]() for route in self.left}
        """What is decided, by route. Another thread reads it, so no route comes later."""

    @property
    def done(self) -> int:
        """How many verdicts are decided."""
        return self.total - self.left.total()

    @property
    def sums(self) -> Counter[Outcome]:
        """What is decided, of all routes."""
        return self.sums_of(self.counts)

    def sums_of(self, routes: Iterable[str]) -> Counter[Outcome]:
        """What is decided, of these routes."""
        of_routes = [self.counts[route] for route in routes]
        return Counter({each: number for each in Outcome if (number := sum(found[each] for found in of_routes))})

    @property
    def share(self) -> float:
        """The part of the work that is done, from 0 to 1: long cases count for more."""
        return min(1.0, self._done_work / self._work)

    @property
    def seconds_left(self) -> float | None:
        """None as long as that cannot be known."""
        if self.share < _EARLY:
            return None
        return (self._clock() - self._began) * (1 - self.share) / self.share

    def add(self, record: Record) -> None:
        """Count a verdict."""
        self.counts[record.route][record.outcome] += 1
        self.left[record.route] -= 1
        self._done_work += self._weights.get(record.case, 0.0)

    def sentence(self) -> str:
        """All in one line."""
        sums = self.sums
        found = [f"{sums[each]} {words}" for each, (_, _, words) in LOOKS.items() if sums[each]]
        numbers = f"{self.done} of {self.total} verdicts"
        left = self.seconds_left
        time_left = [] if left is None else [f"{_minutes(left)} left"]
        return ", ".join([f"{self.share:4.0%} {numbers}", *found, *time_left])


class View(Protocol):
    """Shows a run that goes on."""

    def begin(self) -> None:
        """Called before the first verdict."""
        ...

    def unexpected(self, record: Record) -> None:
        """Called at each verdict that nobody expects."""
        ...

    def end(self) -> None:
        """Called after the last verdict."""
        ...


class Lines:
    """For a pipe or a log: a line every few seconds. In GitHub's log they are a group, which is closed at first."""

    def __init__(self, console: Console, progress: Progress) -> None:
        self._console, self._progress = console, progress
        self._ended = Event()
        self._thread = Thread(target=self._go_on, daemon=True)
        self._grouped = bool(os.environ.get("GITHUB_ACTIONS"))

    def begin(self) -> None:
        if self._grouped:
            self._print("::group::Progress")
        self._thread.start()

    def unexpected(self, record: Record) -> None:
        self._print("\n".join(_unexpected(record)))

    def end(self) -> None:
        self._ended.set()
        if self._thread.ident is not None:  # Ctrl-C can come before it has started
            self._thread.join()
        self._print(self._progress.sentence())
        if self._grouped:
            self._print("::endgroup::")

    def _go_on(self) -> None:
        while not self._ended.wait(SECONDS_BETWEEN_LINES):
            self._print(self._progress.sentence())

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class Screen:
    """For a terminal: a bar, a row a route, and what each worker is at, drawn anew four times a second."""

    def __init__(self, console: Console, progress: Progress, at: Callable[[], Mapping[str, str]]) -> None:
        """``at`` returns the id at which each worker is."""
        self._console, self._progress, self._at = console, progress, at
        self._since: dict[str, tuple[str, float]] = {}
        self._live = Live(console=console, get_renderable=self.view, refresh_per_second=4, transient=True)

    def begin(self) -> None:
        self._live.start()

    def unexpected(self, record: Record) -> None:
        first, second = _unexpected(record)
        self._console.print(Text(first, LOOKS[Outcome.FAILED][1]), soft_wrap=True)
        self._console.print(Text(second), soft_wrap=True)

    def end(self) -> None:
        self._live.stop()

    def view(self) -> Group:
        """What stands on the terminal now."""
        progress = self._progress
        workers = self._workers()
        head = Table.grid(padding=(0, 2))
        left = progress.seconds_left
        head.add_row(
            ProgressBar(1.0, progress.share, 30, complete_style=_BAR, finished_style=_BAR),
            f"{progress.share:.0%} of the work",
            f"{progress.done} of {progress.total} verdicts",
            "" if left is None else f"{_minutes(left)} left",
        )
        return Group(head, self._routes(self._console.height - _AROUND - len(workers)), *workers)

    def _routes(self, most: int) -> Table:
        """A row for each route that is not done, as many as fit, and rows for the others and for all."""
        progress = self._progress
        table = Table(box=None, padding=(0, 2, 0, 0))
        table.add_column("route")
        for _, style, words in LOOKS.values():
            table.add_column(words, justify="right", style=style)
        table.add_column("left", justify="right")
        going = [route for route, left in progress.left.items() if left]
        for route in going[:most]:
            _row(table, route, progress.counts[route], progress.left[route])
        for words, routes in (("more", going[most:]), ("done", progress.left.keys() - {*going})):
            if routes:
                left = sum(progress.left[route] for route in routes)
                _row(table, f"{counted(len(routes), 'route')} {words}", progress.sums_of(routes), left)
        _row(table, "all", progress.sums, progress.left.total())
        return table

    def _workers(self) -> list[Text]:
        now = time.monotonic()
        lines: list[Text] = []
        for worker, verdict_id in sorted(self._at().items()):
            if self._since.get(worker, ("", 0.0))[0] != verdict_id:
                self._since[worker] = verdict_id, now
            seconds = int(now - self._since[worker][1])
            lines.append(Text(f"{worker}: {verdict_id}" + (f" ({seconds} s)" if seconds else ""), no_wrap=True))
        return lines


def _row(table: Table, name: str, counts: Counter[Outcome], left: int) -> None:
    table.add_row(name, *(str(counts[outcome] or "") for outcome in LOOKS), str(left or ""))


def _unexpected(record: Record) -> tuple[str, str]:
    """The id, and the beginning of what was found."""
    found = " ".join(f"{record.verdict}: {record.detail}".split())
    return f"unexpected: {record.id}", "  " + (found if len(found) <= LONGEST else found[: LONGEST - 1] + "…")


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


class Watch:
    """The plugin of pytest that shows the view while verdicts are decided, in the place of pytest's dots."""

    def __init__(self, view: View, progress: Progress) -> None:
        self._view, self._progress = view, progress
        self._begun = False

    def saw(self, record: Record) -> None:
        """Called for each verdict. The first begins the view: before it, xdist prints what its workers do."""
        if not self._begun:
            self._begun = True
            self._view.begin()
        self._progress.add(record)
        if record.outcome is Outcome.FAILED:
            self._view.unexpected(record)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """End the view with the last verdict."""
        try:
            return (yield)
        finally:
            if self._begun:
                self._view.end()

    @pytest.hookimpl(wrapper=True)
    def pytest_report_teststatus(self) -> Generator[None, Any, Any]:
        """Keep what pytest counts, without its letter."""
        category, _, _ = yield
        return category, "", ""


def watch(config: pytest.Config, ids: Sequence[str], at: Callable[[], Mapping[str, str]]) -> Watch:
    """The view of a run. ``ids`` are the verdicts to decide, ``at`` returns the id at which each worker is."""
    file = config.get_terminal_writer()._file  # pyright: ignore[reportPrivateUsage]: pytest captures sys.stdout
    console = Console(file=file)
    progress = Progress(ids)
    return Watch(Screen(console, progress, at) if console.is_terminal else Lines(console, progress), progress)
