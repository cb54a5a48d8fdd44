"""The doubles that tests share: a peer that answers as a test wants, and how a test makes a transfer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from tscompat.dotnet_side.client import CALL_SECONDS, Client
from tscompat.dotnet_side.digest import digest
from tscompat.dotnet_side.errors import Death
from tscompat.dotnet_side.messages import AnyAnswer, AnyCall, Loaded
from tscompat.python_side.scripts import Script
from tscompat.routes import ROUTES, Job, Transfer
from tscompat.values.tensors import StateDict
from tscompat.values.verdict import Kind


class FakePeer:
    """A client that answers as a test wants, and records the calls."""

    def __init__(self, answer: Callable[[AnyCall], AnyAnswer]) -> None:
        self.answer = answer
        self.calls: list[AnyCall] = []
        self.dotnet_seconds = 0.0
        self.deaths: list[Death] = []

    def ask(self, call: Any, seconds: float = CALL_SECONDS) -> Any:
        self.calls.append(call)
        return self.answer(call)

    def start(self, purpose: str = "") -> None: ...
    def renew(self, most: int) -> None: ...
    def close(self) -> None: ...


def loaded(entries: StateDict) -> Loaded:
    """The answer of a load after which memory holds these entries and differs in nothing from the expected file."""
    return Loaded(differences=(), missing=(), unexpected=(), digest=digest(entries), quantizer=None)


class MakeJob(Protocol):
    """Makes the job of a case on a route. Which peer it has without ``peer`` states the fixture."""

    def __call__(
        self, case_id: str, route: str, peer: Client | None = None, script: Script | None = None
    ) -> Job[Any]: ...


def transfer(job: Job[Any], route: str, direction: str) -> Transfer:
    """One transfer of the job by the route."""
    return ROUTES[route].directions[direction](job)


def kinds(job: Job[Any], route: str, direction: str) -> dict[str, Kind]:
    """The kind of verdict of each check that the case has on the route."""
    verdicts = transfer(job, route, direction).verdicts
    return {check: verdicts[check].kind for check in ROUTES[route].checks_of(job.case, direction)}


def honestly(job: Job[Any], call: AnyCall) -> Any:
    """What the job's own peer answers."""
    peer: Any = job.peer
    return peer.ask(call)


def same(given: Any) -> Any:
    """Takes the place of a function that may change something."""
    return given


def nothing(*_: Any, **__: Any) -> None:
    """Takes the place of a function that shall do nothing."""


def with_peer(job: Job[Any], answer: Callable[[AnyCall], AnyAnswer]) -> Job[Any]:
    """The same job with a double of the peer."""
    return replace(job, peer=FakePeer(answer))


def changing(job: Job[Any], change: Callable[[Any], object]) -> Job[Any]:
    """The same job, in which ``change`` may alter the files of a call after each answer of the job's own peer."""

    def answer(call: AnyCall) -> AnyAnswer:
        found = honestly(job, call)
        change(call)
        return found

    return with_peer(job, answer)
