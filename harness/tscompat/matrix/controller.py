"""The run's controller: collects the reports, writes results.json, decides the exit code.

May import every room above it in ARCHITECTURE.md's table. It is a plugin of pytest in the run's first process, which
starts the workers or, with ``-n 0``, is the only one. Workers get its ``Setting``.
"""

from __future__ import annotations

import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
from _pytest.junitxml import xml_key

from tscompat.catalogue import load_catalogue
from tscompat.dotnet_side.errors import PeerBroken
from tscompat.python_side import scripts
from tscompat.python_side.scripts import Script
from tscompat.resources.command import tidy_up_undisturbed
from tscompat.resources.folders import data_folder
from tscompat.resources.memory import total_memory
from tscompat.resources.repeat import repeat
from tscompat.results.environment import Environment
from tscompat.results.file import NOTHING_DECIDED, ResultsError, ResultsFile, Timing, load_results
from tscompat.results.record import UNEXPECTED, Record
from tscompat.routes import verdict_ids
from tscompat.values.verdict import Kind, Verdict, VerdictId
from tscompat.verdicts.coverage import BLESS
from tscompat.verdicts.divergences import Divergences, Judgement, Outcome

from .beginning import BEGINNING, MEMORY, Beginning
from .environment import environment
from .keyword import MODULE, item_name
from .selection import Selection
from .setting import Setting

RECORD = "tscompat-record"
DOTNET_SECONDS = "tscompat-dotnet-seconds"
BROKEN = "tscompat-broken"
DEATHS = "tscompat-deaths"
"""Names of a report's user properties, by which a worker sends the controller what it found. Under DEATHS a worker also
sends, at its end, the deaths that show only then."""
DEATH = "tscompat-death"
"""The name of the user property that marks the controller's own report of such a death."""

NONE = "[]"
NAME = "tscompat-controller"
"""The controller's name among pytest's plugins."""

SHORT_OF_MEMORY = "if this system is short of memory, run with fewer workers (-n 1)"
SHOWN_GONE = 3
COULD_NOT_RUN = 2
INTERRUPTED = 130


class Controller:
    """Registered with pytest as a plugin; its methods are hooks."""

    def __init__(
        self,
        beginning: Beginning,
        selection: Selection,
        loaded: Mapping[str, Script],
        out: Path,
        workers: int,
        again: str,
        *,
        strict: bool = False,
        resume: bool = False,
    ) -> None:
        """``strict`` makes a problem of each divergence that was assumed to go on and is gone. With ``resume`` the
        verdicts that the output folder's results.json has are kept.

        Raises PeerBroken where no peer can be had, ResultsError for results that cannot be resumed, DivergencesError
        and OSError where files cannot be used."""
        self._started = beginning.started
        self._strict = strict
        self._gone: defaultdict[str, list[str]] = defaultdict(list)
        """The ids that passed, by the divergence that was assumed there."""
        self._cores = max(1, workers)
        self._seconds = 0.0
        self._dotnet_seconds = 0.0
        self.reports = 0
        """How many verdicts have been decided."""
        self.saw: Callable[[Record], None] = lambda record: None
        """Called for each of them."""
        self._failed = False
        self._died = False
        self._answered = False
        self._broken = ""
        self._interrupted = False
        publish = beginning.publish
        versions = beginning.peer.result().versions if beginning.peer else {}
        found = environment(publish, versions, loaded, again)
        if workers and beginning.peer and (died := beginning.peer.result().close()):
            raise PeerBroken(f"{died.detail} at its exit, without a call\n{died.log}")
        self.setting = Setting(
            run_folder=str(beginning.run_folder),
            out=str(out),
            publish=str(publish.folder) if publish else None,
            dotnet_device=versions.get("device"),
            environment=found.key,
            running=found.running,
            memory_limit=int(total_memory() * MEMORY / self._cores),
            scripts={name: str(script.path) for name, script in loaded.items()},
            again=again,
        )
        self._cases = load_catalogue()
        divergences = Divergences.load(data_folder("cases") / "divergences", self.setting.running)
        ids = [str(each) for each in verdict_ids(self._cases)]
        self._stale = ThreadPoolExecutor(1).submit(divergences.stale, ids)
        file = out / "results.json"
        kept = decided(file, found, selection) if resume and file.exists() else []
        if file.exists() and not kept:
            shutil.rmtree(out / UNEXPECTED, ignore_errors=True)
        self._results = ResultsFile(file, found, selection.part, kept)
        for record in kept:
            self._note(record)
        done = {record.id for record in kept}
        self.ids = [each for each in map(str, selection.ids) if each not in done]
        """The verdicts to decide, in order."""
        self._empty = not self.ids and bool(kept or selection.part)
        for verdict_id, reason in selection.not_run.items():
            verdict = Verdict(Kind.NOT_RUN, reason)
            self._results.add(self._record(verdict_id, verdict, Judgement(Outcome.NOT_RUN)))
        self._not_run = selection.not_run

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Keep the session, to be able to stop it. Add the verdicts without an item to pytest's JUnit file."""
        self._session = session
        junit = session.config.stash.get(xml_key, None)
        if junit:
            for verdict_id, reason in self._not_run.items():
                name = item_name(str(verdict_id))
                junit.pytest_runtest_logreport(
                    pytest.TestReport(
                        nodeid=f"{MODULE}::{name}",
                        location=(MODULE, None, name),
                        keywords={},
                        outcome="skipped",
                        longrepr=(MODULE, 0, reason),
                        when="call",
                    )
                )

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add the report's verdict to the results, or stop the run if the worker cannot go on."""
        found: dict[str, Any] = dict(report.user_properties)
        self.peers_died(found.get(DEATHS, NONE))
        if BROKEN in found:
            self._stop(found[BROKEN])
        elif RECORD in found:
            record = msgspec.json.decode(found[RECORD], type=Record)
            self._add(record)
            self.reports += 1
            self._note(record)
            self.saw(record)
            self._seconds += record.seconds
            self._dotnet_seconds += found.get(DOTNET_SECONDS, 0.0)
        elif report.failed and DEATH not in found:
            crash: Any = getattr(report.longrepr, "reprcrash", None)
            words = crash.message.partition("\n")[0] if crash else "see the report above"
            self._broken = self._broken or f"the harness itself failed at {report.nodeid}: {words}"

    def _add(self, record: Record) -> None:
        """Add a verdict to the results; stop the run where they cannot be written."""
        try:
            self._results.add(record)
        except OSError as error:
            self._stop(str(error))

    def _note(self, record: Record) -> None:
        """Note what decides how the run ends."""
        self._failed |= record.outcome is Outcome.FAILED
        self._answered |= record.outcome is not Outcome.NOT_RUN
        if record.outcome is Outcome.PASSED and record.divergence:
            self._gone[record.divergence].append(record.id)

    def peers_died(self, deaths: str) -> None:
        """Add the records of deaths after an answer, as JSON: each replaces its verdict, and is an error for pytest."""
        for record in msgspec.json.decode(deaths, type=list[Record]):
            self._add(record)
            self._failed = self._died = True
            name = item_name(record.id)
            report = pytest.TestReport(
                nodeid=f"{MODULE}::{name}",
                location=(MODULE, None, name),
                keywords={},
                outcome="failed",
                longrepr=f"{record.verdict}: {record.detail}\nagain: {record.rerun}",
                when="teardown",
                user_properties=[(DEATH, record.id)],
            )
            self._session.config.hook.pytest_runtest_logreport(report=report)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take the deaths that a worker has sent at its end; one that died itself has sent none."""
        self.peers_died(getattr(node, "workeroutput", {}).get(DEATHS, NONE))

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: pytest.TestReport) -> None:
        """An xdist worker died: give the item at which it died the verdict ``crash``."""
        verdict_id = VerdictId.parse(crashitem.split("[", 1)[1].removesuffix("]"))
        record = self._record(
            verdict_id,
            Verdict(Kind.CRASH, "the worker died"),
            Judgement(Outcome.FAILED, reason=f"unexpected: crash of the worker itself: {SHORT_OF_MEMORY}"),
            rerun=f"{self.setting.again} -k {verdict_id}",
        )
        report.user_properties.append((RECORD, msgspec.json.encode(record).decode("utf-8")))

    def _record(self, verdict_id: VerdictId, verdict: Verdict, judgement: Judgement, rerun: str = "") -> Record:
        """The record of a verdict that no worker has decided."""
        dtype = self._cases[verdict_id.case].dtype
        return Record.of(self.setting.environment, verdict_id, dtype, verdict, judgement, rerun=rerun)

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note whether it was Ctrl-C, and not one of pytest's own ways to stop."""
        self._interrupted = excinfo.type is KeyboardInterrupt
        if self._interrupted:
            tidy_up_undisturbed()

    def _stop(self, reason: str) -> None:
        """End the run early: no further item could be decided (no peer can be had, or the run folder is full)."""
        self._broken = reason
        distributing: Any = self._session.config.pluginmanager.getplugin("dsession")
        (distributing or self._session).shouldstop = reason

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write results.json for the last time and set the exit code."""
        problems = self._stale.result()
        if self._strict:
            problems.extend(gone(name, ids) for name, ids in sorted(self._gone.items()))
        if self._empty and exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            session.exitstatus = exitstatus = pytest.ExitCode.OK
        stopped = exitstatus == pytest.ExitCode.INTERRUPTED and self._failed  # -x, --maxfail
        if stopped or ((problems or self._died or self._failed) and exitstatus == pytest.ExitCode.OK):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if self._broken:
            problems.append(self._broken)
        elif not (self._answered or self._empty or self._interrupted):
            problems.append(NOTHING_DECIDED)
        if self._broken or not (self._answered or self._empty):
            session.exitstatus = COULD_NOT_RUN
        if self._interrupted:
            session.exitstatus = INTERRUPTED
        ended = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)
        complete = ended and self.reports == session.testscollected and not self._broken
        timing = Timing(
            harness_seconds=round(self._seconds - self._dotnet_seconds, 3),
            torchsharp_seconds=round(self._dotnet_seconds, 3),
            wall_seconds=round(time.monotonic() - self._started, 3),
            cores=self._cores,
        )
        self._results.finish(complete, timing, problems)


def start(config: pytest.Config, selection: Selection) -> Controller:
    """Load the scripts and wait for the first peer.

    Raises ScriptUnusable and what the constructor raises.
    """
    option = config.option
    paths = {name: path for name in scripts.FUNCTIONS if (path := config.getoption(f"tscompat_{name}"))}
    return Controller(
        config.stash[BEGINNING],
        selection,
        scripts.load_all(paths),
        Path(option.tscompat_out).absolute(),
        getattr(option, "numprocesses", None) or 0,
        again(option.tscompat_run, option.tscompat_no_dotnet, {**chosen(option), **paths}),
        strict=option.tscompat_strict,
        resume=option.tscompat_resume,
    )


def decided(file: Path, environment: Environment, selection: Selection) -> list[Record]:
    """The verdicts of an earlier run that stay.

    Raises ResultsError for a run on something else, or with verdicts that this one does not select.
    """
    results = load_results(file)
    words = "resume it with the options and on the versions that it had, or leave out --resume"
    if [*results.environments] != [environment.key] or results.part != selection.part:
        raise ResultsError(f"{file}: found another run than this one: {words}")
    if differs := results.environments[environment.key].differs(environment):
        raise ResultsError(f"{file}: found a run that decides otherwise ({differs}): run it anew, without --resume")
    kept = [record for record in results.verdicts if record.outcome is not Outcome.NOT_RUN]
    ids = set(map(str, selection.ids))
    others = [record.id for record in kept if record.id not in ids]
    if others:
        found = f"found verdicts that this run does not select, {len(others)} in number, the first {others[0]}"
        raise ResultsError(f"{file}: {found}: {words}")
    return kept


def gone(name: str, ids: Sequence[str]) -> str:
    """The problem that --strict makes of a divergence that was assumed to go on and is gone at these ids."""
    more = f" and {len(ids) - SHOWN_GONE} more" if len(ids) > SHOWN_GONE else ""
    return (
        f"gone, and --strict allows none: '{name}' did not happen at {', '.join(ids[:SHOWN_GONE])}{more}: if upstream "
        f"has corrected it, {BLESS} after a run without --strict names this version in the entries that go on, and "
        "nothing is assumed of it any more"
    )


def chosen(option: Any) -> Mapping[str, str]:
    """The options that choose a TorchSharp, by name. A run has one of each."""
    return {
        "torchsharp": "".join(option.tscompat_torchsharp),
        "libtorch": "".join(option.tscompat_libtorch),
        "nuget-source": option.tscompat_nuget_source,
        "torchsharp-dll": option.tscompat_torchsharp_dll,
        "native": option.tscompat_native,
    }


def again(run: str, no_dotnet: bool, given: Mapping[str, str]) -> str:
    """The command that starts a run of this kind with the options that were given."""
    words = [] if run == "default" else [f"--{run}"]
    words += ["--no-dotnet"] if no_dotnet else []
    return repeat("run", [*words, *(word for name, value in given.items() if value for word in (f"--{name}", value))])
