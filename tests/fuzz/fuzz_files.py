"""Changed files through TorchSharp and the oracle at once: `nox -s fuzz`.

A finding is a verdict that no known divergence of hostile files explains, or a file that keeps the format and arrives
with other bits. It is made as small as deleting bytes makes it, and printed as a row for cases/hostile/. FUZZ_SECONDS
sets how long it runs, FUZZ_SEED which files it makes.
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, Self

import pytest

from fuzz.mutate import mutated, seeds
from tscompat.catalogue import Case, Hostile, load_catalogue
from tscompat.codec import FormatError
from tscompat.codec.errors import Problems
from tscompat.dotnet_side.errors import PeerDied
from tscompat.dotnet_side.messages import HostileLoaded
from tscompat.dotnet_side.process import PeerKeeper
from tscompat.resources.folders import data_folder
from tscompat.routes import ROUTES, Job
from tscompat.routes.hostile import CLEAR, READ, digests
from tscompat.routes.route import PYTHON_TO_DOTNET
from tscompat.values.verdict import PASS, Kind, Verdict
from tscompat.verdicts.divergence import Divergence
from tscompat.verdicts.entries import read_entries

SECONDS = float(os.environ.get("FUZZ_SECONDS", "120"))
SEED = int(os.environ.get("FUZZ_SEED", "0"))
READERS = {
    "hostile-load": "state-dict",
    "hostile-load-lax": "state-dict",
    "hostile-tensor": "tensor",
    "hostile-tensor-into": "tensor",
    "hostile-optimizer": "optimizer",
}
"""Routes, and the kind of file that they read."""
MOST_FINDINGS = 5


class Known(NamedTuple):
    """What the known divergences of hostile files explain, whichever entries a verdict names."""

    errors: re.Pattern[str]
    """What TorchSharp throws."""
    accepted: frozenset[str]
    """The clauses that it does not hold."""
    deaths: re.Pattern[str]

    @classmethod
    def read(cls) -> Self:
        tables = [
            table.expected
            for table in Divergence.of(read_entries(data_folder("cases") / "divergences"))
            if any(re.match("hostile-(?!pybridge)", pattern) for pattern in table.expected.ids)
        ]
        errors = {
            re.split(", then |next load: |too much memory: ", each.message.removeprefix("^"))[-1] for each in tables
        }
        clear = {f"{re.escape(name)}: " for name in CLEAR}
        clauses = {clause for each in tables for clause in re.findall(r"the file breaks ([\w.\\]+)", each.message)}
        deaths = [each.message.removeprefix("^") for each in tables if each.undefined and each.kind in DEATHS]
        return cls(
            re.compile("|".join(clear | {each for each in errors if each.startswith("System")})),
            frozenset(clause.replace("\\", "") for clause in clauses),
            re.compile("|".join(deaths)),
        )

    def explains(self, verdict: Verdict, clauses: Collection[str]) -> bool:
        """Whether a verdict is explained. ``clauses`` are those that the file breaks, as far as a reader can go on."""
        if verdict.kind in DEATHS and self.deaths.match(verdict.detail):
            return "dtype.code" in clauses
        if verdict.kind in (Kind.ACCEPTED, Kind.BYTES):
            return not self.accepted.isdisjoint(clauses)
        error = thrown(verdict.detail)
        return bool(self.errors.match(error)) or error.endswith("has other bits")


def thrown(words: str) -> str:
    """The part of a verdict's words, or of a table's message, that is TorchSharp's."""
    return re.split(", then |next load: |too much memory: ", words)[-1]


DEATHS = (Kind.CRASH, Kind.TIMEOUT, Kind.MEMORY)


class Witness:
    """The peer, with its last answer."""

    def __init__(self, peer: PeerKeeper) -> None:
        self._peer = peer
        self.answer: Any = None

    def ask(self, call: Any, seconds: float) -> Any:
        self.answer = None
        self.answer = self._peer.ask(call, seconds)
        return self.answer


class Reader:
    """One reader of the peer, and what it has done with files."""

    def __init__(self, route: str, peer: PeerKeeper, folder: Path) -> None:
        self.route, self.peer, self.folder = route, peer, folder
        kind = READERS[route]
        self.whole = next(
            case.subject.whole
            for case in load_catalogue().values()
            if isinstance(case.subject, Hostile) and case.subject.kind == kind
        )
        self.kind = kind
        self.known = Known.read()
        self.counts: Counter[str] = Counter()

    def verdicts(self, file: bytes, clauses: Sequence[str]) -> Mapping[str, Verdict]:
        """Those of a file that breaks these clauses, or ``{"values": ...}`` of one that keeps the format."""
        case = Hostile(self.kind, self.whole, file, next(iter(clauses), ""), 0)
        witness: Any = Witness(self.peer)
        job = Job[Hostile](
            case=Case(f"hostile/{self.kind}/fuzz/mixed", "", case, (self.route,)),
            subject=case,
            specs=(),
            entries=[],
            expected_file=self.folder / "expected.dat",
            artifact=self.folder / "artifact.dat",
            overload="",
            writer_device="cpu",
            reader_device="cpu",
            peer=witness,
        )
        self.peer.start(self.route)
        try:
            found = ROUTES[self.route].directions[PYTHON_TO_DOTNET](job).verdicts
        except PeerDied as died:
            return {"refusal": Verdict(died.kind, died.detail)}
        if clauses:
            return found
        return {"values": values(digests(READ[self.kind](file, None)), witness.answer), "after": found["after"]}

    def unexplained(self, file: bytes) -> str:
        """The first verdict that no known divergence explains, in words; empty if there is none."""
        clauses = broken(self.kind, file)
        for check, verdict in self.verdicts(file, clauses).items():
            self.counts[verdict.kind] += 1
            if verdict.kind is not Kind.PASS and not self.known.explains(verdict, clauses):
                return f"{check}: {verdict.kind}: {verdict.detail}"
        return ""


def broken(kind: str, file: bytes) -> list[str]:
    """The clauses that a file breaks, as far as a lenient reader can go on."""
    problems = Problems()
    try:
        READ[kind](file, problems)
    except FormatError as error:
        problems.add(error)
    return [error.clause for error in problems.kept]


def values(held: Mapping[str, str], answer: HostileLoaded) -> Verdict:
    """Whether a file that keeps the format has arrived: each entry of the target that it has, unless it was refused."""
    if answer.refused:
        return PASS  # it may not fit the target
    wrong = [name for name in answer.state.keys() & held.keys() if answer.state[name] != held[name]]
    changed = [name for name in answer.changed if name not in held]
    names = ", ".join(map(repr, sorted(wrong) + changed))
    return Verdict(Kind.ACCEPTED, f"the file keeps the format, and {names} has other bits") if names else PASS


def smaller(reader: Reader, file: bytes, words: str) -> bytes:
    """The file without all bytes that the same finding does not need."""
    size = len(file) // 2
    while size:
        at = 0
        while at < len(file):
            less = file[:at] + file[at + size :]
            if reader.unexplained(less) == words:
                file = less
            else:
                at += size
        size //= 2
    return file


@pytest.mark.timeout(0)
@pytest.mark.parametrize("route", READERS)
def test_torchsharp_meets_no_file_otherwise_than_known(route: str, keeper: PeerKeeper, tmp_path: Path) -> None:
    reader = Reader(route, keeper, tmp_path)
    files, random = seeds(READERS[route]), Random(f"{SEED} {route}")
    findings: dict[str, bytes] = {}
    until = time.monotonic() + SECONDS / len(READERS)
    tried = 0
    while time.monotonic() < until and len(findings) < MOST_FINDINGS:
        file = mutated(random, files)
        tried += 1
        words = reader.unexplained(file)
        if words and words not in findings:
            findings[words] = smaller(reader, file, words)
    print(f"\n{route}: {tried} files, {', '.join(f'{kind} {n}' for kind, n in reader.counts.most_common())}")
    rows = [f'{words}\n  put = "{file.hex(" ")}", drop = {len(reader.whole)}' for words, file in findings.items()]
    assert not rows, "\n".join(["", *rows])
