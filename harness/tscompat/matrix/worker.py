"""Decides verdicts in a worker process, one case at a time, with one peer.

May import every room above it in ARCHITECTURE.md's table. The items of a case follow each other (scheduling.py), so its
bits are made once and its expected file is written once for all routes and directions.
"""

from __future__ import annotations

import errno
import gc
import shutil
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec

from tscompat.catalogue import Case, Model, TensorSpec
from tscompat.codec import encode_state_dict
from tscompat.dotnet_side.client import WITHOUT_DOTNET, Client
from tscompat.dotnet_side.errors import PeerBroken, PeerDied
from tscompat.python_side import torch_tensors
from tscompat.python_side.models import native
from tscompat.python_side.scripts import Script
from tscompat.resources.memory import available_memory
from tscompat.resources.stamps import Stamp, stamps
from tscompat.resources.whole import write_whole
from tscompat.results.record import UNEXPECTED, Record
from tscompat.routes import ROUTES, Job
from tscompat.routes.proof import why_unproven
from tscompat.routes.route import DOTNET_TO_PYTHON, MUCH_GARBAGE, PYTHON_TO_DOTNET
from tscompat.values.tensors import StateDict
from tscompat.values.verdict import Kind, Verdict, VerdictId
from tscompat.verdicts.divergences import Divergences, Judgement, Outcome

from .setting import Setting

LEAST_FREE = 16 << 20
"""With fewer bytes free in the run folder, the full disk may be the cause of a refusal, and not TorchSharp."""

EXHAUSTED = {
    **dict.fromkeys([errno.ENOSPC, errno.EDQUOT], "free some space"),
    **dict.fromkeys([errno.EMFILE, errno.ENFILE], "allow more open files (ulimit -n)"),
    errno.ENOMEM: "run with fewer workers (-n 1)",
}
"""What a machine can run out of, and what to do. No further verdict could be decided."""

MOST_KEPT = 1 << 28
"""Bytes. A larger file is not kept beside the results."""
MOST_LEFT = 1 << 30
"""Bytes. A peer that holds more between two cases is ended: TorchSharp's tensors wait for a finalizer, and libtorch
keeps some of the memory that it has freed."""
LARGE = 1 << 30
"""Bytes. Cases of this size or more are checked against free memory and disk first."""


@dataclass(frozen=True)
class Transferred:
    """What one transfer of a case gave: its verdicts by check, and where the time went (seconds)."""

    verdicts: Mapping[str, Verdict]
    seconds: float
    dotnet_seconds: float
    artifact: Path
    log: str = ""
    """The end of the peer's log, if the peer died."""


@dataclass
class CurrentCase:
    """The case in work: its tensors, their bits, its files, the transfers made so far."""

    case: Case
    specs: tuple[TensorSpec, ...]
    folder: Path
    entries: StateDict = field(default_factory=StateDict)
    transfers: dict[tuple[str, str, str], Transferred] = field(default_factory=dict[tuple[str, str, str], Transferred])
    made: list[Stamp] = field(default_factory=list[Stamp])
    """The stamp of its expected file."""
    making: float = 0.0
    """Seconds to make its bits and write its expected file; charged to its first transfer that does not crash."""

    @property
    def expected_file(self) -> Path:
        return self.folder / "expected.dat"

    @property
    def nbytes(self) -> int:
        """Bytes of its tensors' elements."""
        return sum(spec.nbytes for spec in self.specs)

    def make(self) -> None:
        """Make its bits and write its expected file."""
        start = time.perf_counter()
        self.entries = native.entries_of(self.case, self.specs)
        write_whole(self.expected_file, encode_state_dict(self.entries))
        self.made = stamps(self.expected_file)
        self.making = time.perf_counter() - start

    def is_made(self) -> bool:
        """Whether its expected file is there, as it was made."""
        return bool(self.made) and stamps(self.expected_file) == self.made

    def clear(self) -> None:
        """Remove the files of earlier transfers."""
        for file in self.folder.iterdir():
            if file != self.expected_file:
                with suppress(PermissionError):  # Windows cannot remove a mapped file yet: its folder is removed later
                    shutil.rmtree(file) if file.is_dir() else file.unlink()


class Finding(NamedTuple):
    """A verdict's record, and the part of its seconds that was spent inside .NET."""

    record: Record
    dotnet_seconds: float = 0.0
    deaths: tuple[Record, ...] = ()
    """Peers that died after the answer for an earlier verdict, which showed only now: records of those verdicts."""


class Worker:
    """Decides verdicts."""

    def __init__(
        self,
        cases: Mapping[str, Case],
        folder: Path,
        setting: Setting,
        peer: Client,
        divergences: Divergences,
        scripts: Mapping[str, Script],
    ) -> None:
        self._cases = cases
        self._folder = folder
        self._out = Path(setting.out)
        self._environment = setting.environment
        self._again = setting.again
        self._dotnet = setting.dotnet_device
        self._peer = peer
        self._divergences = divergences
        self._scripts = scripts
        self._current: CurrentCase | None = None
        self._proofs: dict[tuple[str, str], str | None] = {}
        """By route and direction: why it is not proven to read or write; None if it is."""

    def decide(self, verdict_id: VerdictId) -> Finding:
        """Decide one verdict. A transfer's time is charged to the first check that asks for it.

        Raises PeerBroken when no peer can be had, our own code in it fails, or something of ``EXHAUSTED`` is used up.
        """
        try:
            finding = self._decided(verdict_id)
        except OSError as error:
            if error.errno not in EXHAUSTED:
                raise
            raise PeerBroken(f"{error}: {EXHAUSTED[error.errno]}") from error
        return finding._replace(deaths=self._deaths())

    def _decided(self, verdict_id: VerdictId) -> Finding:
        case = self._cases[verdict_id.case]
        reason = why_not(verdict_id, case, self._scripts, self._dotnet)
        if reason:
            return Finding(self._record(verdict_id, case, Verdict(Kind.NOT_RUN, reason)))
        current = self._open(case)
        if not current.entries and current.specs:
            reason = too_large(current.specs, self._folder)
            if reason:
                return Finding(self._record(verdict_id, case, Verdict(Kind.NOT_RUN, reason)))
        self._peer.start(str(verdict_id))
        key = verdict_id[:3]
        if key in current.transfers:
            known = current.transfers[key]
            return Finding(self._record(verdict_id, case, known.verdicts[verdict_id.check], known))
        if ROUTES[verdict_id.route].needs_bits and not current.is_made():
            current.make()
        unproven = self._unproven(verdict_id)
        current.clear()
        checks = ROUTES[verdict_id.route].checks_of(case, verdict_id.direction)
        start, before = time.perf_counter(), self._peer.dotnet_seconds
        artifact = current.folder / f"{'.'.join(key)}.dat"
        try:
            done = self._transfer(current, verdict_id, artifact)
        except PeerDied as died:
            verdict = Verdict(died.kind, died.detail)
            done = Transferred(dict.fromkeys(checks, verdict), time.perf_counter() - start, 0.0, artifact, died.log)
            if died.kind is Kind.CRASH:  # the cause is unknown: the next check transfers the case again
                return Finding(self._record(verdict_id, case, verdict, done, done.seconds))
        if unproven and all(done.verdicts[check].kind is Kind.PASS for check in checks):
            raise PeerBroken(
                f"{verdict_id.route}/{verdict_id.direction} passes {case.id}, but the overload "
                f"{ROUTES[verdict_id.route].overload} is not proven: one element of a proof differs, and {unproven}"
            )
        current.transfers[key] = done
        seconds = done.seconds + current.making
        current.making = 0.0
        record = self._record(verdict_id, case, done.verdicts[verdict_id.check], done, seconds)
        return Finding(record, self._peer.dotnet_seconds - before)

    def close(self) -> tuple[Record, ...]:
        """End the peer, and remove the current case's files. Returns the records of deaths that show only now."""
        self._peer.close()
        self._close_current()
        return self._deaths()

    def _deaths(self) -> tuple[Record, ...]:
        """A record for each death that no call has reported; it replaces that of the verdict before the death."""
        deaths = self._peer.deaths[:]
        self._peer.deaths.clear()
        return tuple(self._death(VerdictId.parse(purpose), died) for purpose, died in deaths)

    def _death(self, verdict_id: VerdictId, died: PeerDied) -> Record:
        again = f"{self._again} -k {verdict_id}"
        return Record.of(
            self._environment,
            verdict_id,
            self._cases[verdict_id.case].dtype,
            Verdict(died.kind, f"{died.detail} after its answer"),
            Judgement(Outcome.FAILED, reason="unexpected: crash after the verdict"),
            files=self._keep_log(self._unexpected(verdict_id), died.log, again),
            rerun=again,
        )

    def _open(self, case: Case) -> CurrentCase:
        """Make ``case`` the current one and return it. If another is current, its bits and files are removed first."""
        if self._current is None or self._current.case.id != case.id:
            self._close_current()
            self._current = CurrentCase(case, native.specs_of(case), self._folder / case.id.replace("/", "."))
            self._current.folder.mkdir(parents=True, exist_ok=True)
            if self._current.nbytes > MUCH_GARBAGE:
                gc.collect()
                gc.freeze()  # keeps torch's objects out of each collection of this case, which saves 0.1 s
        return self._current

    def _close_current(self) -> None:
        if self._current:
            shutil.rmtree(self._current.folder, ignore_errors=True)
            self._current = None
            self._peer.renew(MOST_LEFT)

    def _unproven(self, verdict_id: VerdictId) -> str | None:
        """Why the verdict's route is not proven to read or write in .NET, found out before its first transfer."""
        key = verdict_id.route, verdict_id.direction
        if key not in self._proofs and self._dotnet:
            route = ROUTES[verdict_id.route]
            script = self._scripts.get(route.script)
            self._proofs[key] = why_unproven(route, verdict_id.direction, self._peer, self._folder / "proof", script)
        return self._proofs.get(key)

    def _transfer(self, current: CurrentCase, verdict_id: VerdictId, artifact: Path) -> Transferred:
        route = ROUTES[verdict_id.route]
        writer, reader = devices(verdict_id)
        job = Job(
            case=current.case,
            subject=current.case.subject,
            specs=current.specs,
            entries=current.entries,
            expected_file=current.expected_file,
            artifact=artifact,
            overload=route.overload,
            writer_device=writer,
            reader_device=reader,
            peer=self._peer,
            script=self._scripts.get(route.script),
        )
        start, before = time.perf_counter(), self._peer.dotnet_seconds
        try:
            transfer = route.directions[verdict_id.direction](job)
        finally:
            if current.nbytes > MUCH_GARBAGE:
                gc.collect()
        if any(verdict.kind is Kind.REFUSED for verdict in transfer.verdicts.values()):
            free = shutil.disk_usage(current.folder).free
            if free < LEAST_FREE:
                raise PeerBroken(f"the run folder has {free} bytes left: free some space")
        seconds = time.perf_counter() - start
        return Transferred(transfer.verdicts, seconds, self._peer.dotnet_seconds - before, transfer.artifact)

    def _record(
        self,
        verdict_id: VerdictId,
        case: Case,
        verdict: Verdict,
        transfer: Transferred | None = None,
        seconds: float = 0.0,
    ) -> Record:
        judgement = self._divergences.judge(str(verdict_id), verdict)
        record = Record.of(self._environment, verdict_id, case.dtype, verdict, judgement, seconds)
        if judgement.outcome is not Outcome.FAILED or transfer is None:
            return record
        again = f"{self._again} -k {verdict_id}"
        return msgspec.structs.replace(record, files=self._keep(verdict_id, transfer, again), rerun=again)

    def _keep(self, verdict_id: VerdictId, transfer: Transferred, again: str) -> tuple[str, ...]:
        """Keep an unexpected verdict's files: the expected and the actual one, the command, a dead peer's log."""
        assert self._current is not None
        folder = self._unexpected(verdict_id)
        lines, kept = [again], list[str]()
        for name, file in _files(expected=self._current.expected_file, actual=transfer.artifact):
            if file.stat().st_size > MOST_KEPT:
                lines.append(f"{name} is not kept: it has {file.stat().st_size} bytes, more than {MOST_KEPT}")
            else:
                (self._out / folder / name).parent.mkdir(exist_ok=True)
                shutil.copyfile(file, self._out / folder / name)
                kept.append((folder / name).as_posix())
        return (*kept, *self._keep_log(folder, transfer.log, *lines))

    def _unexpected(self, verdict_id: VerdictId) -> Path:
        """The folder for an unexpected verdict's files, relative to the output folder; made if it is not there."""
        folder = Path(UNEXPECTED, *str(verdict_id).split("/"))
        (self._out / folder).mkdir(parents=True, exist_ok=True)
        return folder

    def _keep_log(self, folder: Path, log: str, *lines: str) -> tuple[str, ...]:
        """Write the command that runs a verdict again, and the end of a dead peer's log, if there is one."""
        (self._out / folder / "again.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        if not log:
            return ()
        (self._out / folder / "peer.log").write_text(log, encoding="utf-8")
        return ((folder / "peer.log").as_posix(),)


def _files(**paths: Path) -> Iterator[tuple[str, Path]]:
    """The files that exist, with the names under which they are kept; shards are a folder."""
    for name, path in paths.items():
        if path.is_dir():
            yield from ((f"{name}/{part.name}", part) for part in sorted(path.iterdir()))
        elif path.is_file():
            yield f"{name}.dat", path


def devices(verdict_id: VerdictId) -> tuple[str, str]:
    """The writer's and the reader's device: ``cuda-cpu`` gives cuda and cpu, ``cuda`` gives cuda for both."""
    writer, _, reader = verdict_id.device.partition("-")
    return writer, reader or writer


def why_not(verdict_id: VerdictId, case: Case, scripts: Collection[str], dotnet: str | None) -> str | None:
    """Why this cannot be run here; None if it can. ``dotnet`` is as ``Setting.dotnet_device``."""
    if isinstance(case.subject, Model) and case.subject.only:
        return f"only {case.subject.only} has this module"
    script = ROUTES[verdict_id.route].script
    if script and script not in scripts:
        return f"no path to {script}.py"
    if not dotnet and verdict_id.direction == DOTNET_TO_PYTHON:
        return WITHOUT_DOTNET
    if "cuda" not in verdict_id.device:
        return None
    if torch_tensors.cuda_version() is None:
        return "no CUDA device"
    writer, reader = devices(verdict_id)
    if dotnet == "cpu" and (reader if verdict_id.direction == PYTHON_TO_DOTNET else writer) == "cuda":
        return "TorchSharp has the CPU build of libtorch here (--native DIR gives it another)"
    return None


def too_large(specs: Sequence[TensorSpec], folder: Path) -> str | None:
    """What a large case needs that this machine does not have; None if nothing is missing.

    Memory: the case's bits, torch's tensors, two copies in .NET (dat-state-dict loads one module's into another), and
    one tensor more. Measured: 17.9 GiB for a case of 4.5 GiB. Disk: the expected file and an artifact.
    """
    nbytes = sum(spec.nbytes for spec in specs)
    if nbytes < LARGE:
        return None
    memory = 4 * nbytes + max(spec.nbytes for spec in specs)
    disk = 2 * nbytes + LEAST_FREE
    for need, there, what in (
        (memory, available_memory(), "of memory"),
        (disk, shutil.disk_usage(folder).free, "in the temporary folder"),
    ):
        if there < need:
            return f"needs {need / 2**30:.1f} GiB {what}, {there / 2**30:.1f} are free"
    return None
