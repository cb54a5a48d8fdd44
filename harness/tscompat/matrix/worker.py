"""A worker's half of the matrix: one case on the bench at a time, and one peer.

May import catalogue, codec, peer, upstream, routes, divergences, results. The items of a case follow each other
(scheduling.py), so its bits are made once and its expected_file is written once for all routes and directions.
"""

from __future__ import annotations

import gc
import shutil
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import psutil

from tscompat.catalogue import Case
from tscompat.codec import encode_state_dict
from tscompat.dotnet_side.process import PeerBroken, PeerDied, PeerKeeper
from tscompat.python_side import torch_tensors
from tscompat.python_side.models import native
from tscompat.python_side.scripts import Script
from tscompat.resources.whole import write_whole
from tscompat.results.record import UNEXPECTED, Record
from tscompat.routes import ROUTES, Job
from tscompat.routes.route import MUCH_GARBAGE, PYTHON_TO_DOTNET
from tscompat.values.tensors import StateDict
from tscompat.values.verdict import Kind, Verdict, VerdictId
from tscompat.verdicts.divergences import Divergences, Outcome

from .setting import Setting

LEAST_FREE = 16 << 20
"""With fewer bytes free in the run folder, a refusal may be the disk's and not TorchSharp's."""

MOST_KEPT = 1 << 28
"""A larger file is not kept beside the results."""
MOST_LEFT = 1 << 30
"""Bytes that a peer may hold between two cases. TorchSharp's tensors wait for a finalizer, and libtorch keeps some."""
LARGE = 1 << 30
"""What a case with more bytes needs is looked at first."""


@dataclass(frozen=True)
class Carried:
    """What one journey of a case gave: its verdicts by check, and where the time went (seconds)."""

    verdicts: Mapping[str, Verdict]
    seconds: float
    dotnet_seconds: float
    artifact: Path
    log: str = ""
    """What the peer's log says of its death."""


@dataclass
class CurrentCase:
    """The case in work: its bits, its files, the journeys made so far."""

    case: Case
    folder: Path
    entries: StateDict
    carried: dict[tuple[str, str, str], Carried] = field(default_factory=dict[tuple[str, str, str], Carried])
    making: float = 0.0
    """Seconds that its bits and its expected_file took; charged to its first journey."""

    @property
    def expected_file(self) -> Path:
        return self.folder / "expected.dat"

    def clear(self) -> None:
        """Remove what earlier journeys left."""
        for file in self.folder.iterdir():
            if file != self.expected_file:
                with suppress(PermissionError):  # Windows removes no file that is still mapped: it goes with the folder
                    shutil.rmtree(file) if file.is_dir() else file.unlink()


class Finding(NamedTuple):
    """A verdict's record, and the part of its seconds that was spent inside .NET."""

    record: Record
    dotnet_seconds: float = 0.0


class Worker:
    """Decides verdicts."""

    def __init__(
        self,
        cases: Mapping[str, Case],
        folder: Path,
        setting: Setting,
        peer: PeerKeeper,
        divergences: Divergences,
        scripts: Mapping[str, Script],
    ) -> None:
        self._cases = cases
        self._folder = folder
        self._out = Path(setting.out)
        self._again = setting.again
        self._peer = peer
        self._divergences = divergences
        self._scripts = scripts
        self._bench: CurrentCase | None = None

    def decide(self, verdict_id: VerdictId) -> Finding:
        """Decide one verdict. A journey's time is charged to the first check that asks for it.

        Raises PeerBroken when no peer can be had.
        """
        case = self._cases[verdict_id.case]
        reason = why_not(verdict_id, case, self._scripts)
        if reason is None and not self._has(case):
            self._close_current()
            reason = too_large(case, self._folder)
        if reason:
            return Finding(self._record(verdict_id, case, Verdict(Kind.NOT_RUN, reason)))
        self._peer.start()
        bench = self._open(case)
        journey = verdict_id[:3]
        if journey in bench.carried:
            carried = bench.carried[journey]
            return Finding(self._record(verdict_id, case, carried.verdicts[verdict_id.check], carried))
        bench.clear()
        artifact = bench.folder / f"{'.'.join(journey)}.dat"
        start = time.perf_counter()
        try:
            carried = self._carry(bench, verdict_id, artifact)
        except PeerDied as died:
            verdict = Verdict(died.kind, died.detail)
            checks = ROUTES[verdict_id.route].checks(case, verdict_id.direction)
            carried = Carried(dict.fromkeys(checks, verdict), time.perf_counter() - start, 0.0, artifact, died.log)
            if died.kind is Kind.CRASH:  # who knows who killed it: the next check carries the case again
                return Finding(self._record(verdict_id, case, verdict, carried, carried.seconds))
        bench.carried[journey] = carried
        seconds = carried.seconds + bench.making
        bench.making = 0.0
        record = self._record(verdict_id, case, carried.verdicts[verdict_id.check], carried, seconds)
        return Finding(record, carried.dotnet_seconds)

    def close(self) -> None:
        """Let the peer and the files go."""
        self._peer.close()
        self._close_current()

    def _has(self, case: Case) -> bool:
        return self._bench is not None and self._bench.case.id == case.id

    def _close_current(self) -> None:
        """Let the case in work go, with its bits and its files, before the next one's are made."""
        if self._bench:
            shutil.rmtree(self._bench.folder, ignore_errors=True)
            self._bench = None
            self._peer.renew(MOST_LEFT)

    def _open(self, case: Case) -> CurrentCase:
        if self._bench is None:
            folder = self._folder / case.id.replace("/", ".")
            folder.mkdir(parents=True, exist_ok=True)
            start = time.perf_counter()
            resolved = native.resolve(case)
            self._bench = CurrentCase(resolved, folder, native.entries(resolved))
            write_whole(self._bench.expected_file, encode_state_dict(self._bench.entries))
            self._bench.making = time.perf_counter() - start
        return self._bench

    def _carry(self, bench: CurrentCase, verdict_id: VerdictId, artifact: Path) -> Carried:
        route = ROUTES[verdict_id.route]
        writer, reader = devices(verdict_id)
        job = Job(
            case=bench.case,
            route=route.name,
            writer_device=writer,
            reader_device=reader,
            entries=bench.entries,
            expected_file=bench.expected_file,
            artifact=artifact,
            peer=self._peer,
            script=self._scripts.get(route.script),
        )
        start = time.perf_counter()
        try:
            verdicts = route.directions[verdict_id.direction](job)
        finally:
            if bench.case.nbytes > MUCH_GARBAGE:
                gc.collect()
        if any(verdict.kind is Kind.REFUSED for verdict in verdicts.values()):
            free = shutil.disk_usage(bench.folder).free
            if free < LEAST_FREE:
                raise PeerBroken(f"the run folder has {free} bytes left: free some space")
        return Carried(verdicts, time.perf_counter() - start, job.dotnet_seconds, job.artifact)

    def _record(
        self, verdict_id: VerdictId, case: Case, verdict: Verdict, carried: Carried | None = None, seconds: float = 0.0
    ) -> Record:
        judgement = self._divergences.judge(str(verdict_id), verdict)
        record = Record(verdict_id, case.dtype, verdict, judgement, seconds)
        if judgement.outcome is not Outcome.FAILED or carried is None:
            return record
        again = f"{self._again} -k {verdict_id}"
        return replace(record, files=self._keep(verdict_id, carried, again), rerun=again)

    def _keep(self, verdict_id: VerdictId, carried: Carried, again: str) -> tuple[str, ...]:
        """Keep what an unexpected verdict leaves: the expected and the actual file, the command, a dead peer's log."""
        assert self._bench is not None
        folder = Path(UNEXPECTED, *str(verdict_id).split("/"))
        (self._out / folder).mkdir(parents=True, exist_ok=True)
        told, kept = [again], list[str]()
        for name, file in _files(expected=self._bench.expected_file, actual=carried.artifact):
            if file.stat().st_size > MOST_KEPT:
                told.append(f"{name} is not kept: it has {file.stat().st_size} bytes")
            else:
                (self._out / folder / name).parent.mkdir(exist_ok=True)
                shutil.copyfile(file, self._out / folder / name)
                kept.append((folder / name).as_posix())
        (self._out / folder / "again.txt").write_text("\n".join(told) + "\n", encoding="utf-8")
        if carried.log:
            (self._out / folder / "peer.log").write_text(carried.log, encoding="utf-8")
            kept.append((folder / "peer.log").as_posix())
        return tuple(kept)


def _files(**paths: Path) -> Iterator[tuple[str, Path]]:
    """The files that are there, with the names under which they are kept; shards are a folder."""
    for name, path in paths.items():
        if path.is_dir():
            yield from ((f"{name}/{part.name}", part) for part in sorted(path.iterdir()))
        elif path.is_file():
            yield f"{name}.dat", path


def devices(verdict_id: VerdictId) -> tuple[str, str]:
    """The writer's and the reader's device: ``cuda-cpu`` is the one and the other, ``cuda`` both."""
    writer, _, reader = verdict_id.device.partition("-")
    return writer, reader or writer


def why_not(verdict_id: VerdictId, case: Case, scripts: Collection[str]) -> str | None:
    """Why this cannot be run here; None if it can."""
    if case.model and case.model.only:
        return f"only {case.model.only} has it"
    script = ROUTES[verdict_id.route].script
    if script and script not in scripts:
        return f"no path to {script}.py"
    if "cuda" not in verdict_id.device:
        return None
    if torch_tensors.cuda_version() is None:
        return "no CUDA device"
    writer, reader = devices(verdict_id)
    if (reader if verdict_id.direction == PYTHON_TO_DOTNET else writer) == "cuda":
        return "TorchSharp is here with the CPU build of libtorch"
    return None


def too_large(case: Case, folder: Path) -> str | None:
    """What a large case needs that this machine does not have; None if it has it.

    Memory: the case's bits, torch's tensors, .NET's twice (one module's state dict into another), and one tensor more;
    17.9 GiB were measured for 4.5. Disk: the expected_file and an artifact.
    """
    if case.nbytes < LARGE:
        return None
    memory = 4 * case.nbytes + max(spec.nbytes for spec in case.tensors)
    disk = 2 * case.nbytes + LEAST_FREE
    for need, there, what in (
        (memory, psutil.virtual_memory().available, "of memory"),
        (disk, shutil.disk_usage(folder).free, "in the temporary folder"),
    ):
        if there < need:
            return f"needs {need / 2**30:.1f} GiB {what}, {there / 2**30:.1f} are free"
    return None
