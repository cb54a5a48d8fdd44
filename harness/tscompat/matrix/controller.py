"""The run's controller: builds the .NET side, owns the run folder, hears every report, writes results.json.

May import catalogue, peer, upstream, routes, divergences, results. It is a pytest plugin of the process that has no
xdist parent (the only process with ``-n 0``); workers get its ``Setting``.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from tscompat.catalogue import CatalogueError, load_catalogue
from tscompat.dotnet_side.build import Publish, Versions, ensure_built
from tscompat.dotnet_side.errors import BuildError
from tscompat.dotnet_side.process import Peer, PeerBroken, inside
from tscompat.python_side.scripts import Script, ScriptUnusable, load_all
from tscompat.resources.folders import data_folder, fast_folder
from tscompat.results.file import ResultsFile, Timing
from tscompat.results.record import UNEXPECTED, Record
from tscompat.routes import verdict_ids
from tscompat.values.verdict import Kind, Verdict, VerdictId
from tscompat.verdicts.divergences import Divergences, DivergencesError, Judgement, Outcome

from .environment import environment, running
from .setting import Setting

RECORD = "tscompat-record"
DOTNET_SECONDS = "tscompat-dotnet-seconds"
BROKEN = "tscompat-broken"
"""The user properties of a report, in which a worker tells the controller what it found."""

COULD_NOT_RUN = 2
INTERRUPTED = 130
COULD_NOT_START = (BuildError, CatalogueError, DivergencesError, PeerBroken, ScriptUnusable, OSError)
_PREFIX = "tscompat-run-"


class Controller:
    """Registered with pytest as a plugin; its methods are hooks."""

    def __init__(
        self,
        publish: Publish | None,
        run_folder: Path,
        out: Path,
        workers: int,
        again: str,
        scripts: Mapping[str, Script],
    ) -> None:
        memory_limit = int(psutil.virtual_memory().total * 0.75 / workers)
        versions: Mapping[str, str] = {}
        if publish:
            peer = Peer(inside(publish.folder), run_folder / "peer.log", memory_limit)
            peer.close()
            versions = peer.versions
        found = environment(publish, versions, scripts)
        self.setting = Setting(
            environment=found.key,
            run_folder=str(run_folder),
            out=str(out),
            publish=str(publish.folder) if publish else None,
            running=running(publish, scripts),
            memory_limit=memory_limit,
            scripts={name: str(script.path) for name, script in scripts.items()},
            again=again,
        )
        self._started = time.monotonic()
        self._cores = workers
        self._seconds = 0.0
        self._dotnet_seconds = 0.0
        self._records = 0
        self._failed = False
        self._answered = False
        self._broken = ""
        self._interrupted = False
        self._divergences = Divergences.load(data_folder("cases") / "divergences", self.setting.running)
        if (out / "results.json").exists():
            shutil.rmtree(out / UNEXPECTED, ignore_errors=True)
        self._results = ResultsFile(out / "results.json", found)

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Remember the session, to be able to end it."""
        self._session = session

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take a verdict in."""
        told: dict[str, Any] = dict(report.user_properties)
        if BROKEN in told:
            self._stop(told[BROKEN])
        elif report.failed and (RECORD not in told or report.when == "teardown"):
            self._broken = self._broken or f"the harness itself failed at {report.nodeid}: see the report above"
        elif RECORD in told and report.when in ("call", "???"):
            record = msgspec.json.decode(told[RECORD], type=Record)
            self._results.add(record)
            self._records += 1
            self._failed |= record.outcome is Outcome.FAILED
            self._answered |= record.outcome is not Outcome.NOT_RUN
            self._seconds += record.seconds
            self._dotnet_seconds += told.get(DOTNET_SECONDS, 0.0)

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: pytest.TestReport) -> None:
        """An xdist worker died: that is the verdict of the item that it was at."""
        verdict_id = VerdictId.parse(crashitem.split("[", 1)[1].removesuffix("]"))
        record = Record.of(
            self.setting.environment,
            verdict_id,
            load_catalogue()[verdict_id.case].dtype,
            Verdict(Kind.CRASH, "the worker died"),
            Judgement(Outcome.FAILED, reason="unexpected: crash of the worker itself"),
            rerun=f"{self.setting.again} -k {verdict_id}",
        )
        report.user_properties.append((RECORD, msgspec.json.encode(record).decode("utf-8")))

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Tell Ctrl-C from pytest's own ways to stop."""
        self._interrupted = excinfo.type is KeyboardInterrupt

    def _stop(self, reason: str) -> None:
        """End the run early: no peer can be had, so every further item would only wait for one in vain."""
        self._broken = reason
        distributing: Any = self._session.config.pluginmanager.getplugin("dsession")
        (distributing or self._session).shouldstop = reason

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Close results.json and say how the run ended."""
        problems: list[str] = self._divergences.stale([str(each) for each in verdict_ids(load_catalogue())])
        stopped = exitstatus == pytest.ExitCode.INTERRUPTED and self._failed  # -x, --maxfail
        if stopped or (problems and exitstatus == pytest.ExitCode.OK):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if not self._answered:
            problems.append("no verdict was decided: nothing that was selected could be run")
            session.exitstatus = COULD_NOT_RUN
        if self._broken:
            problems.append(self._broken)
            session.exitstatus = COULD_NOT_RUN
        if self._interrupted:
            session.exitstatus = INTERRUPTED
        complete = self._answered and self._records == session.testscollected and not self._broken
        timing = Timing(
            harness_seconds=round(self._seconds - self._dotnet_seconds, 3),
            torchsharp_seconds=round(self._dotnet_seconds, 3),
            wall_seconds=round(time.monotonic() - self._started, 3),
            cores=self._cores,
        )
        self._results.finish(complete, timing, problems)

    def clean(self) -> None:
        """Remove the run folder."""
        shutil.rmtree(self.setting.run_folder, ignore_errors=True)


def start(versions: Versions | None, run: str, scripts: Mapping[str, str], out: Path, workers: int) -> Controller:
    """Load the scripts, build, try a peer. Without ``versions`` there is no .NET.

    ``run`` is the run's cases; files of all but the default ones go to disk.
    Raises pytest.UsageError with one sentence when the run cannot start.
    """
    run_folder: Path | None = None
    try:
        load_catalogue()
        loaded = load_all(scripts)
        publish = ensure_built(versions, progress=lambda text: print(text, flush=True)) if versions else None
        run_folder = make_run_folder(fast_folder() if run == "default" else Path(tempfile.gettempdir()))
        return Controller(publish, run_folder, out, workers, again(versions, run, scripts), loaded)
    except BaseException as error:
        if run_folder:
            shutil.rmtree(run_folder, ignore_errors=True)
        if isinstance(error, COULD_NOT_START):
            raise pytest.UsageError(f"could not run: {error}") from error
        raise


def again(versions: Versions | None, run: str, scripts: Mapping[str, str]) -> str:
    """The command that starts such a run of these: as a person started this one, through nox or without."""
    nox = Path(sys.prefix).parent.name == ".nox"
    quoted = subprocess.list2cmdline if os.name == "nt" else shlex.join
    paths = {name: quoted([path]) for name, path in scripts.items()}
    packages = asdict(versions) if versions else {}
    return " ".join(
        [
            "nox --" if nox else "tscompat run",
            *([] if run == "default" else [f"--{run}"]),
            *([] if versions else ["--no-dotnet"]),
            *(f"--{key} {value}" for key, value in {**packages, **paths}.items() if value),
        ]
    )


def make_run_folder(base: Path) -> Path:
    """One folder for all of a run's files; sweeps those of dead runs first."""
    for old in base.glob(f"{_PREFIX}*"):
        pid = old.name.removeprefix(_PREFIX).split("-")[0]
        with suppress(OSError):
            # A container that shares the folder has other process ids: what is young may be alive.
            if pid.isdigit() and not psutil.pid_exists(int(pid)) and time.time() - old.stat().st_mtime > 3600:
                shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=base))
