"""A plugin of pytest for the tests of a mutant: ``-p mutants.plugin``.

mutmut learns first which test reaches which function, and then forks a process for each mutant. What the code without
the mutant has left there is taken away: what functions have cached, and, for a function that runs when its module is
imported, all our modules.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

from .rooms import BEHIND_THE_PEER, LAST, NET, SLOW

EXAMPLES = 25
"""How many examples hypothesis draws for a mutant: always the same ones."""
_at_import: set[str] = set()
"""The functions that run when their modules are imported, by mutmut's names. The forked processes have them too."""


def pytest_configure(config: pytest.Config) -> None:
    """Give each process a temporary folder of its own, and hypothesis a seed."""
    config.option.basetemp = Path(tempfile.mkdtemp(dir=os.environ["TMPDIR"]))
    settings.register_profile("mutants", derandomize=True, database=None, deadline=None, max_examples=EXAMPLES)
    settings.load_profile("mutants")
    mutant = os.environ["MUTANT_UNDER_TEST"]
    forget(mutant)
    if mutant == "stats":
        import_mutated(Path("src"))
        _at_import.update(hits())
        hits().clear()
    elif mutant.partition("__mutmut_")[0] in _at_import:
        unload(Path.cwd())


def pytest_collection_finish() -> None:
    """What test modules call is no part of the first test."""
    hits().clear()


def pytest_runtest_setup() -> None:
    """While mutmut learns, no test profits from what another one has cached, and each reaches what runs at import."""
    if os.environ["MUTANT_UNDER_TEST"] == "stats":
        forget("stats")
        hits().update(_at_import)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what needs .NET and what is slow."""
    items[:] = [item for item in items if not NET & {*getattr(item, "fixturenames", ())} and _name(item) not in SLOW]


def _name(item: pytest.Item) -> str:
    return item.name.partition("[")[0]


def hits() -> set[str]:
    """The functions that were called since the last test, by mutmut's names. mutmut fills the set and empties it."""
    from mutmut.state import state  # pyright: ignore

    return state()._stats  # pyright: ignore


def import_mutated(source: Path) -> None:
    """Import the modules that have mutants, except those that need .NET."""
    for meta in sorted(source.rglob("*.py.meta")):
        name = meta.relative_to(source).with_name(meta.name.removesuffix(".py.meta"))
        if not any(f"/{room}/" in name.as_posix() for room in BEHIND_THE_PEER):
            importlib.import_module(".".join(name.parts).removesuffix(".__init__"))


def forget(mutant: str) -> None:
    """Clear the caches of all functions that the mutant may have to do with."""
    last = tuple(f"tscompat.{room.replace('/', '.')}." for room in LAST)
    prefixes = last if mutant.startswith(last) else ("tscompat.",)
    for name, module in list(sys.modules.items()):
        if f"{name}.".startswith(prefixes):
            for each in vars(module).values():
                if isinstance(each, functools._lru_cache_wrapper):  # pyright: ignore[reportPrivateUsage]
                    each.cache_clear()


def unload(folder: Path) -> None:
    """Forget the modules whose files lie in the folder, so that they are imported again."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and folder in Path(file).parents:
            del sys.modules[name]
