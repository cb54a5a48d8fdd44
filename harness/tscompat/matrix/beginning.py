"""The beginning of a run, which needs no torch: builds the .NET side and starts a first peer while torch is imported.

May import every room above it in ARCHITECTURE.md's table.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from filelock import BaseFileLock, FileLock

from tscompat.catalogue import CatalogueError
from tscompat.dotnet_side.cache import Publish
from tscompat.dotnet_side.choice import Choice
from tscompat.dotnet_side.errors import BuildError, PeerBroken
from tscompat.dotnet_side.process import Peer, inside
from tscompat.dotnet_side.replacement import chosen
from tscompat.python_side.scripts import ScriptUnusable
from tscompat.resources.folders import fast_folder
from tscompat.resources.memory import total_memory
from tscompat.results.file import ResultsError
from tscompat.results.lock import FolderInUse, lock
from tscompat.verdicts.divergences import DivergencesError

MEMORY = 0.75
"""The share of the memory that all peers together may take."""
_PREFIX = "tscompat-run-"
_LOCK = ".lock"
_SECONDS_TO_LOCK = 600
"""A younger folder without a held lock may be one whose process, alive by its number, is about to take it."""


@dataclass(frozen=True)
class Beginning:
    """What a run has before torch is imported: the .NET build, the run folder, a first peer."""

    started: float
    """The time of ``time.monotonic``, in seconds."""
    publish: Publish | None
    """None in a run without .NET."""
    output_lock: BaseFileLock
    """Keeps other runs out of the output folder."""
    run_folder: Path
    run_lock: BaseFileLock
    """Shows that the run folder is in use."""
    peer: Future[Peer] | None
    """The first peer, which shows that peers can be had; None without .NET. A run without workers decides with it."""

    @property
    def dotnet_device(self) -> str | None:
        """As in ``Setting``. Waits for the first peer, and raises PeerBroken if it does not start."""
        return self.peer.result().versions["device"] if self.peer else None

    def end(self) -> None:
        """End the first peer and remove the run folder."""
        if self.peer and self.peer.exception() is None:
            self.peer.result().close()
        self.run_lock.release()
        shutil.rmtree(self.run_folder, ignore_errors=True)
        self.output_lock.release()


COULD_NOT_RUN = (
    *(BuildError, CatalogueError, DivergencesError, FolderInUse, PeerBroken),
    *(ResultsError, ScriptUnusable, OSError, ImportError),
)


@contextmanager
def could_not_run() -> Generator[None, None, None]:
    """Turns each error of ``COULD_NOT_RUN`` into a pytest.UsageError of one sentence: the run cannot begin."""
    try:
        yield
    except COULD_NOT_RUN as error:
        raise pytest.UsageError(f"could not run: {error}") from error


BEGINNING = pytest.StashKey[Beginning]()


def begin(out: Path, choice: Choice | None, run: str) -> Beginning:
    """Build, make the run folder, start the first peer. Without ``choice`` there is no .NET.

    The run folder of a default run is in ``fast_folder`` (shared memory, if there is room), of the others on disk.
    Raises BuildError where nothing can be built, what is given cannot be used or what was built has changed, OSError
    where the folder cannot be made.
    """
    started = time.monotonic()
    output_lock = lock(out)
    publish = chosen(choice, progress=_tell) if choice else None
    folder, run_lock = make_run_folder(fast_folder() if run == "default" else Path(tempfile.gettempdir()))
    peer = None
    if publish:
        limit = int(total_memory() * MEMORY)
        peer = ThreadPoolExecutor(1).submit(Peer, inside(publish.folder), folder / "peer.log", limit)
    return Beginning(started, publish, output_lock, folder, run_lock, peer)


def _tell(text: str) -> None:
    print(text, flush=True)


def make_run_folder(base: Path) -> tuple[Path, BaseFileLock]:
    """Make one folder for all of a run's files, and hold its lock, after removing those of dead runs. Raises OSError.

    The lock shows that a run is alive in another container, too, which shares ``base`` and has its own process ids.
    """
    for old in base.glob(f"{_PREFIX}*"):
        pid = old.name.removeprefix(_PREFIX).split("-")[0]
        with suppress(OSError):  # another user's, or in use
            if pid.isdigit() and psutil.pid_exists(int(pid)) and time.time() - old.stat().st_mtime < _SECONDS_TO_LOCK:
                continue
            lock = FileLock(old / _LOCK, blocking=False)
            lock.acquire()
            lock.release()
            shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=base))
    lock = FileLock(folder / _LOCK)
    lock.acquire()
    return folder, lock
