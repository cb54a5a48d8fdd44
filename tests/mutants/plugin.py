"""A plugin of pytest for the tests of a mutant: ``-p mutants.plugin``.

mutmut forks a process for each mutant, out of one that has run all tests. So what functions have cached there, made by
the code without a mutant, is forgotten first. And while mutmut learns which test reaches which function, each test
begins without what another one has cached.
"""

from __future__ import annotations

import functools
import os
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

from .rooms import NET, SLOW

EXAMPLES = 25
"""How many examples hypothesis draws for a mutant: always the same ones."""


def pytest_configure(config: pytest.Config) -> None:
    """Give each process a temporary folder of its own, and hypothesis a seed."""
    config.option.basetemp = Path(tempfile.mkdtemp(dir=os.environ["TMPDIR"]))
    settings.register_profile("mutants", derandomize=True, database=None, deadline=None, max_examples=EXAMPLES)
    settings.load_profile("mutants")
    forget()


def pytest_runtest_setup() -> None:
    if os.environ.get("MUTANT_UNDER_TEST") == "stats":
        forget()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what needs .NET and what is slow."""
    items[:] = [item for item in items if not NET & {*getattr(item, "fixturenames", ())} and _name(item) not in SLOW]


def _name(item: pytest.Item) -> str:
    return item.name.partition("[")[0]


def forget() -> None:
    """Clear all caches of functions in tscompat's modules."""
    for name, module in list(sys.modules.items()):
        if name.startswith("tscompat."):
            for each in vars(module).values():
                if isinstance(each, functools._lru_cache_wrapper):  # pyright: ignore[reportPrivateUsage]
                    each.cache_clear()
