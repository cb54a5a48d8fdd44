"""The pytest plugin of the matrix: its options, its fixture, and where xdist comes in.

May import matrix, upstream, routes. ``controller`` holds what the run's first process does, ``worker`` what each
worker does.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Generator, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
import pytest

from tscompat.catalogue import load_catalogue
from tscompat.dotnet_side.build import DEFAULT, Versions
from tscompat.dotnet_side.client import WithoutDotnet
from tscompat.dotnet_side.process import Peer, PeerKeeper, inside
from tscompat.python_side import scripts
from tscompat.resources.folders import data_folder
from tscompat.routes import ROUTES, verdict_ids
from tscompat.values.verdict import VerdictId
from tscompat.verdicts.divergences import Divergences

from .controller import start
from .scheduling import CaseScheduling
from .setting import Setting
from .worker import Worker

RUNS = {"default": {"default"}, "full": {"default", "full"}, "large": {"large"}}
"""What each run takes (``Case.run``)."""
WORKER = {"default": 4 << 30, "full": 11 << 30, "large": sys.maxsize}
"""Bytes of the machine's memory for each worker with its peer and its files in shared memory. Two took 7 GiB in a
default run and 18 to 20 in a full one; in a large run a second one would take what the first has looked at."""
SETTING = pytest.StashKey[Setting]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of a run; ``tscompat run`` speaks them for a person."""
    group = parser.getgroup("tscompat")
    group.addoption("--tscompat-out", default="results", help="the output folder")
    group.addoption("--tscompat-route", action="append", default=[], help="only this route (may be given again)")
    group.addoption("--tscompat-run", choices=RUNS, default="default", help="which cases")
    group.addoption("--tscompat-torchsharp", default=None, help="another version of the package TorchSharp")
    group.addoption("--tscompat-libtorch", default=None, help="the version of libtorch that goes with it")
    group.addoption("--tscompat-no-dotnet", action="store_true", help="without .NET")
    group.addoption("--tscompat-device", action="append", default=[], help="only this device (may be given again)")
    for name in scripts.FUNCTIONS:
        group.addoption(f"--tscompat-{name}", default="", help=f"the path to upstream's {name}.py")


def selected_ids(config: pytest.Config) -> Iterator[VerdictId]:
    """The verdicts that the options leave."""
    routes: list[str] = config.option.tscompat_route
    devices: list[str] = config.option.tscompat_device
    run = config.option.tscompat_run
    cases = {name: case for name, case in load_catalogue().items() if case.run in RUNS[run]}
    for verdict_id in verdict_ids(cases):
        if run == "default" and verdict_id.route in cases[verdict_id.case].full_routes:
            continue
        if (not routes or verdict_id.route in routes) and (not devices or verdict_id.device in devices):
            yield verdict_id


def pytest_configure(config: pytest.Config) -> None:
    """The first process starts the run; a worker takes over its setting."""
    told: dict[str, Any] | None = getattr(config, "workerinput", None)
    if told is not None:
        config.stash[SETTING] = Setting(**told["tscompat"])
        return
    for unknown in set(config.option.tscompat_route) - ROUTES.keys():
        raise pytest.UsageError(f"unknown route {unknown!r}; there are {', '.join(ROUTES)}")
    if not config.option.collectonly:
        workers = getattr(config.option, "numprocesses", None) or 1
        versions = Versions(config.option.tscompat_torchsharp, config.option.tscompat_libtorch)
        without = config.option.tscompat_no_dotnet
        if without and versions != DEFAULT:
            raise pytest.UsageError("--no-dotnet has no version of TorchSharp or libtorch: leave one of them out")
        out = Path(config.option.tscompat_out).absolute()
        paths = {name: path for name in scripts.FUNCTIONS if (path := config.getoption(f"tscompat_{name}"))}
        controller = start(None if without else versions, config.option.tscompat_run, paths, out, workers)
        config.stash[SETTING] = controller.setting
        config.pluginmanager.register(controller)
        config.add_cleanup(controller.clean)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell an xdist worker the setting."""
    node.workerinput["tscompat"] = asdict(node.config.stash[SETTING])


@pytest.hookimpl(optionalhook=True, wrapper=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> Generator[None, int, int]:
    """One a core, as far as memory goes."""
    cores = yield
    return max(1, min(cores, psutil.virtual_memory().total // WORKER[config.option.tscompat_run]))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> CaseScheduling:
    """A case at a time."""
    return CaseScheduling(config, log)


def keeper(publish: Path, folder: Path, memory_limit: int) -> PeerKeeper:
    """A client that starts real peers."""
    return PeerKeeper(lambda: Peer(inside(publish), folder / "peer.log", memory_limit))


@pytest.fixture(scope="session")
def worker(request: pytest.FixtureRequest, worker_id: str) -> Generator[Worker, None, None]:
    """The worker's bench, with a peer of its own."""
    setting = request.config.stash[SETTING]
    folder = Path(setting.run_folder, worker_id)
    folder.mkdir()
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(folder / "inductor")
    peer = keeper(Path(setting.publish), folder, setting.memory_limit) if setting.publish else WithoutDotnet()
    divergences = Divergences.load(data_folder("cases") / "divergences", setting.running)
    gc.freeze()  # tens of thousands of items, which the collections after large cases need not look at
    bench = Worker(load_catalogue(), folder, setting, peer, divergences, scripts.load_all(setting.scripts))
    yield bench
    bench.close()
