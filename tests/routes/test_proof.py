"""Each route is proven to read and write in .NET, with the real peer; a peer that only pretends to is not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from doubles import loaded
from tscompat.codec import read_state_dict
from tscompat.dotnet_side.client import CALL_SECONDS
from tscompat.dotnet_side.digest import digest
from tscompat.dotnet_side.errors import PeerDied
from tscompat.dotnet_side.messages import Done, Load, LoadedInto, LoadInto, Save, UseOptimizer
from tscompat.dotnet_side.process import PeerKeeper
from tscompat.routes import ROUTES
from tscompat.routes.proof import why_unproven
from tscompat.routes.route import DOTNET_TO_PYTHON, PYTHON_TO_DOTNET
from tscompat.values.tensors import Entry
from tscompat.values.verdict import Kind

NOTHING = {
    *(("pybridge-legacy", PYTHON_TO_DOTNET), ("torch-save", PYTHON_TO_DOTNET), ("export", PYTHON_TO_DOTNET)),
    *(("torch-save", DOTNET_TO_PYTHON), ("torchscript-bytes", DOTNET_TO_PYTHON)),
}
"""The routes that transfer nothing at all; cases/divergences/ has the reasons."""
TRANSFERS = [
    (name, direction)
    for name, route in ROUTES.items()
    for direction in route.directions
    if route.overload and not route.script and name != "export-aoti"  # which compiles C++ for seconds
]
PROVEN = [each for each in TRANSFERS if each not in NOTHING]


class Cheat:
    """The real peer, but for some calls, which ``cheat`` answers or changes."""

    def __init__(self, peer: PeerKeeper, cheat: Callable[[Any], Any]) -> None:
        self._peer, self._cheat = peer, cheat
        self.dotnet_seconds, self.deaths = 0.0, []
        self.start, self.renew, self.close = peer.start, peer.renew, peer.close

    def ask(self, call: Any, seconds: float = CALL_SECONDS) -> Any:
        answer = self._cheat(call)
        return self._peer.ask(answer, seconds) if type(answer) is type(call) else answer


def unproven(transfer: tuple[str, str], peer: Any, folder: Path) -> str | None:
    name, direction = transfer
    return why_unproven(ROUTES[name], direction, peer, folder / "proof", None)


def ids(transfer: tuple[str, str]) -> str:
    return "/".join(transfer)


@pytest.mark.parametrize("transfer", TRANSFERS, ids=ids)
def test_what_transfers_anything_is_proven(transfer: tuple[str, str], keeper: PeerKeeper, tmp_path: Path) -> None:
    assert (unproven(transfer, keeper, tmp_path) is not None) == (transfer in NOTHING)


def from_the_expected_file(call: Any) -> Any:
    """Answers a load from the expected file."""
    match call:
        case Load():
            return loaded(read_state_dict(call.expected))
        case LoadInto():
            state = {name: digest([Entry("", tensor)]) for name, tensor in read_state_dict(call.expected)}
            return LoadedInto(refused=None, still_open=True, state=state, report={})
        case UseOptimizer():
            return msgspec.structs.replace(call, load=None)
        case _:
            return call


def without_memory(call: Any) -> Any:
    """Saves the expected file's bits, whatever memory holds: an optimizer makes no step."""
    match call:
        case Save():
            return msgspec.structs.replace(call, flip=None)
        case UseOptimizer():
            return msgspec.structs.replace(call, before=())
        case _:
            return call


def copied(call: Any) -> Any:
    """Copies the expected file."""
    if isinstance(call, Save):
        shutil.copyfile(call.expected, call.artifact)
        return Done()
    return call


READS = [each for each in PROVEN if each[1] == PYTHON_TO_DOTNET]
WRITES = [each for each in PROVEN if each[1] == DOTNET_TO_PYTHON]
FORMS = [each for each in WRITES if each[0].startswith("dat")]


@pytest.mark.parametrize("transfer", READS, ids=ids)
def test_an_answer_from_the_expected_file_proves_nothing(
    transfer: tuple[str, str], keeper: PeerKeeper, tmp_path: Path
) -> None:
    assert unproven(transfer, Cheat(keeper, from_the_expected_file), tmp_path)


@pytest.mark.parametrize("transfer", WRITES, ids=ids)
def test_a_file_that_is_not_made_of_memory_proves_nothing(
    transfer: tuple[str, str], keeper: PeerKeeper, tmp_path: Path
) -> None:
    assert unproven(transfer, Cheat(keeper, without_memory), tmp_path)


@pytest.mark.parametrize("transfer", FORMS, ids=ids)
def test_a_copy_of_the_expected_file_proves_nothing(
    transfer: tuple[str, str], keeper: PeerKeeper, tmp_path: Path
) -> None:
    assert unproven(transfer, Cheat(keeper, copied), tmp_path)


def test_a_wrong_digest_proves_nothing(keeper: PeerKeeper, tmp_path: Path) -> None:
    class Wrong(Cheat):
        def ask(self, call: Any, seconds: float = CALL_SECONDS) -> Any:
            return msgspec.structs.replace(super().ask(call, seconds), digest="0")

    why = unproven(("dat", PYTHON_TO_DOTNET), Wrong(keeper, lambda call: call), tmp_path)
    assert why == "found the digest of other bits than the file's"


def test_a_death_proves_nothing(keeper: PeerKeeper, tmp_path: Path) -> None:
    def die(call: Any) -> Any:
        raise PeerDied(Kind.CRASH, "it died", "")

    assert unproven(("dat", PYTHON_TO_DOTNET), Cheat(keeper, die), tmp_path) == "it died"
