"""The type of pytest-benchmark's fixture, whose own class has few annotations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

Result = TypeVar("Result")


class Benchmark(Protocol):
    """What the benchmarks use of ``pytest_benchmark.fixture.BenchmarkFixture``."""

    group: str
    extra_info: dict[str, Any]
    stats: Mapping[str, float] | None
    """None until the benchmark has run."""

    def pedantic(
        self,
        target: Callable[..., Result],
        args: tuple[Any, ...] = (),
        *,
        setup: Callable[[], tuple[tuple[Any, ...], dict[str, object]]] | None = None,
        rounds: int = 1,
        warmup_rounds: int = 0,
    ) -> Result:
        """Run ``target`` in rounds, after ``setup``, which returns its arguments, and return its last result."""
        ...
