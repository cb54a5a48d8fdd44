"""A worker's half of the matrix: one case on the bench at a time, and one peer.

May import catalogue, codec, peer, routes, divergences, results. The items of a case follow each other (scheduling.py),
so its bits are made once and its envelope is written once for all routes and directions.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tscompat import torch_side
from tscompat.catalogue import Case, make
from tscompat.codec import write_state_dict
from tscompat.divergences import Divergences, Outcome
from tscompat.peer.process import PeerDied, PeerKeeper
from tscompat.results.record import Record
from tscompat.routes import ROUTES, Job
from tscompat.tensors import StateDict
from tscompat.verdict import Kind, Verdict, VerdictId


@dataclass(frozen=True)
class Carried:
    """What one journey of a case gave: its verdicts by check, and where the time went (seconds)."""

    verdicts: Mapping[str, Verdict]
    seconds: float
    dotnet_seconds: float
    artifact: Path


@dataclass
class OnTheBench:
    """The case in work: its bits, its files, the journeys made so far."""

    case: Case
    folder: Path
    entries: StateDict
    carried: dict[tuple[str, str, str], Carried] = field(default_factory=dict[tuple[str, str, str], Carried])

    @property
    def envelope(self) -> Path:
        return self.folder / "expected.dat"


class Finding(NamedTuple):
    """A verdict's record, and the part of its seconds that was spent inside .NET."""

    record: Record
    dotnet_seconds: float = 0.0


class Workbench:
    """Decides verdicts."""

    def __init__(
        self, cases: Mapping[str, Case], folder: Path, out: Path, peer: PeerKeeper, divergences: Divergences
    ) -> None:
        self._cases = cases
        self._folder = folder
        self._out = out
        self._peer = peer
        self._divergences = divergences
        self._bench: OnTheBench | None = None

    def decide(self, verdict_id: VerdictId) -> Finding:
        """Decide one verdict. A journey's time is charged to the first check that asks for it.

        Raises PeerBroken when no peer can be had.
        """
        case = self._cases[verdict_id.case]
        reason = why_not(verdict_id.device)
        if reason:
            return Finding(self._record(verdict_id, case, Verdict(Kind.NOT_RUN, reason)))
        bench = self._bring(case)
        journey = verdict_id[:3]
        fresh = journey not in bench.carried
        if fresh:
            start = time.perf_counter()
            artifact = bench.folder / f"{'.'.join(journey)}.dat"
            try:
                bench.carried[journey] = self._carry(bench, verdict_id, artifact)
            except PeerDied as died:
                verdict = Verdict(died.kind, died.detail)
                return Finding(self._record(verdict_id, case, verdict, time.perf_counter() - start, artifact))
        carried = bench.carried[journey]
        verdict = carried.verdicts[verdict_id.check]
        record = self._record(verdict_id, case, verdict, carried.seconds if fresh else 0.0, carried.artifact)
        return Finding(record, carried.dotnet_seconds if fresh else 0.0)

    def close(self) -> None:
        """Let the peer and the files go."""
        self._peer.close()
        if self._bench:
            shutil.rmtree(self._bench.folder, ignore_errors=True)

    def _bring(self, case: Case) -> OnTheBench:
        if self._bench is None or self._bench.case is not case:
            if self._bench:
                shutil.rmtree(self._bench.folder, ignore_errors=True)
            folder = self._folder / case.id.replace("/", ".")
            folder.mkdir(parents=True, exist_ok=True)
            self._bench = OnTheBench(case, folder, make(case))
            write_state_dict(self._bench.envelope, self._bench.entries)
        return self._bench

    def _carry(self, bench: OnTheBench, verdict_id: VerdictId, artifact: Path) -> Carried:
        route = ROUTES[verdict_id.route]
        writer, _, reader = verdict_id.device.partition("-")
        job = Job(
            case=bench.case,
            route=route.name,
            writer_device=writer,
            reader_device=reader or writer,
            entries=bench.entries,
            envelope=bench.envelope,
            artifact=artifact,
            peer=self._peer,
        )
        start = time.perf_counter()
        verdicts = route.directions[verdict_id.direction](job)
        return Carried(verdicts, time.perf_counter() - start, job.dotnet_seconds, artifact)

    def _record(
        self,
        verdict_id: VerdictId,
        case: Case,
        verdict: Verdict,
        seconds: float = 0.0,
        artifact: Path | None = None,
    ) -> Record:
        judgement = self._divergences.judge(str(verdict_id), verdict)
        failed = judgement.outcome is Outcome.FAILED
        return Record(
            id=verdict_id,
            dtype=case.dtype,
            verdict=verdict,
            judgement=judgement,
            seconds=seconds,
            files=self._keep(verdict_id, artifact) if failed else (),
            rerun=f"tscompat run -k {verdict_id}" if failed else "",
        )

    def _keep(self, verdict_id: VerdictId, artifact: Path | None) -> tuple[str, ...]:
        """Copy the expected and the actual file of an unexpected verdict into the output folder."""
        assert self._bench is not None
        folder = Path("unexpected", *str(verdict_id).split("/"))
        kept: list[str] = []
        for name, file in (("expected.dat", self._bench.envelope), ("actual.dat", artifact)):
            if file is not None and file.exists():
                (self._out / folder).mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, self._out / folder / name)
                kept.append((folder / name).as_posix())
        return tuple(kept)


def why_not(device: str) -> str | None:
    """Why a device cannot be had here; None if it can."""
    if "cuda" in device and torch_side.cuda_version() is None:
        return "no CUDA device"
    return None
