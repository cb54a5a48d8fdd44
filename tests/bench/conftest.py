"""Shows the benchmarks' times as ratios at the end of a run, beside the wanted ratios. Nothing here fails a run."""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

import pytest

from bench.fixture import Benchmark

OURS = "tscompat"


class Row(NamedTuple):
    """What one benchmark measured."""

    group: str
    name: str
    seconds: float
    """The fastest round."""
    wanted: str
    """The bound of the ratio or, for memory, of the number; empty without one."""
    mebibytes: float | None
    """Memory above the tensors themselves; None unless it is measured."""


ROWS = pytest.StashKey[list[Row]]()


@pytest.fixture(autouse=True)
def collected(benchmark: Benchmark, request: pytest.FixtureRequest) -> Generator[None]:
    """Keep what the benchmark measured: its group, and ``name``, ``wanted`` and ``mebibytes`` of its extra_info."""
    yield
    if benchmark.stats:
        info = benchmark.extra_info
        row = Row(benchmark.group, info["name"], benchmark.stats["min"], info.get("wanted", ""), info.get("mebibytes"))
        request.config.stash.setdefault(ROWS, []).append(row)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print each rival's time divided by ours, and the memory that was measured."""
    rows = config.stash.get(ROWS, list[Row]())
    ours = {row.group: row.seconds for row in rows if row.name == OURS}
    if rows:
        terminalreporter.section("fastest rounds: theirs / ours")
    for group, name, seconds, wanted, mebibytes in rows:
        if mebibytes is not None:
            measured = f"{mebibytes:8.1f} MiB"
        elif group in ours:
            measured = f"{seconds / ours[group]:8.2f}    "
        else:
            continue
        terminalreporter.line(f"{group:42}{name:20}{1000 * seconds:10.1f} ms{measured}   {wanted}".rstrip())
