"""The hooks of pytest and xdist that the matrix implements. May import resources, and the rest of the matrix.

``controller`` holds what the run's first process does, ``worker`` what each worker does.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tscompat.resources.memory import total_memory

from .beginning import BEGINNING, could_not_run
from .controller import DEATHS, NAME, Controller, start
from .live import watch
from .scheduling import CaseScheduling
from .selection import Selection, select
from .setting import IDS, SETTING, VERBOSITY, Setting
from .test_matrix import DECIDING, Matrix

WORKER = {"default": 4 << 30, "full": 11 << 30, "large": sys.maxsize}
"""Bytes of memory for each worker, with its peer and its files in shared memory. Two workers took 7 GiB in a default
run and 18 to 20 in a full one. A large run has one: a second would take the memory that the first has found free."""
SELECTION = pytest.StashKey[Selection]()
SCHEDULING = pytest.StashKey[CaseScheduling]()


def prepare(config: pytest.Config) -> None:
    """Select the run's verdicts, before xdist asks how many workers to start."""
    beginning = config.stash.get(BEGINNING, None)  # a run that only collects has none
    expected = None if config.option.tscompat_no_dotnet else "cpu"
    config.stash[SELECTION] = select(config, beginning.dotnet_device if beginning else expected)


@pytest.hookimpl(optionalhook=True, wrapper=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> Generator[None, int, int]:
    """One worker per core, as far as memory allows; none for a single case, which the first process decides itself."""
    cores = yield
    cases = {each.case for each in config.stash[SELECTION].ids}
    if len(cases) <= 1:
        return 0
    return max(1, min(cores, len(cases), total_memory() // WORKER[config.option.tscompat_run]))


def pytest_configure(config: pytest.Config) -> None:
    """Start the controller in the first process; in a worker, keep the setting and the ids that it sent."""
    given: dict[str, Any] | None = getattr(config, "workerinput", None)
    if given is not None:
        config.stash[SETTING] = Setting(**given["tscompat"])
        config.stash[IDS] = given["tscompat-ids"]
        return
    if config.option.collectonly:
        config.stash[IDS] = list(map(str, config.stash[SELECTION].ids))
        return
    with could_not_run():
        controller = start(config, config.stash[SELECTION])
    config.stash[IDS] = controller.ids
    config.stash[SETTING] = controller.setting
    config.pluginmanager.register(controller, NAME)


def pytest_sessionstart(session: pytest.Session) -> None:
    """In the first process, show the run as it goes."""
    config = session.config
    controller: Controller | None = config.pluginmanager.get_plugin(NAME)
    if controller and config.stash.get(VERBOSITY, None) == 0:
        shown = watch(config, controller.ids, lambda: _at(config, controller))
        controller.saw = shown.saw
        config.pluginmanager.register(shown)


def _at(config: pytest.Config, controller: Controller) -> Mapping[str, str]:
    """The id at which each worker is; without workers, the first process."""
    if SCHEDULING in config.stash:
        return config.stash[SCHEDULING].at()
    return {"at": controller.ids[controller.reports]} if controller.reports < len(controller.ids) else {}


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Send an xdist worker the setting and the ids."""
    node.workerinput["tscompat"] = asdict(node.config.stash[SETTING])
    node.workerinput["tscompat-ids"] = node.config.stash[IDS]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config) -> CaseScheduling:
    """Have xdist give out whole cases."""
    config.stash[SCHEDULING] = CaseScheduling(config)
    return config.stash[SCHEDULING]


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> Matrix:
    """Collect ``Matrix`` in place of test_matrix.py, the one module."""
    return Matrix.from_parent(parent, path=module_path)  # pyright: ignore[reportUnknownMemberType]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """End this process's peer, and send the controller the deaths that show only now."""
    config = session.config
    deaths = msgspec.json.encode(config.stash[DECIDING].close() if DECIDING in config.stash else ()).decode("utf-8")
    output: dict[str, Any] | None = getattr(config, "workeroutput", None)
    controller: Controller | None = config.pluginmanager.get_plugin(NAME)
    if output is not None:
        output[DEATHS] = deaths
    elif controller:
        controller.peers_died(deaths)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool:
    """Run an item in one phase instead of three: it has no setup and no teardown, and each phase costs a report."""
    call = pytest.CallInfo[None].from_call(
        lambda: item.ihook.pytest_runtest_call(item=item), "call", (pytest.exit.Exception, KeyboardInterrupt)
    )
    item.ihook.pytest_runtest_logreport(report=item.ihook.pytest_runtest_makereport(item=item, call=call))
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
