"""Each route is proven to read and write in .NET, with the real peer; a double that only pretends to is not."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from doubles import loaded
from honest_peer import HonestPeer
from tscompat.catalogue import Tensors
from tscompat.codec import encode_state_dict, read_state_dict
from tscompat.dotnet_side.client import CALL_SECONDS
from tscompat.dotnet_side.digest import digest
from tscompat.dotnet_side.errors import PeerDied
from tscompat.dotnet_side.messages import Done, Load, LoadedInto, LoadInto, Save, Thrown, UseOptimizer
from tscompat.dotnet_side.process import PeerKeeper
from tscompat.python_side import torch_tensors
from tscompat.python_side.scripts import Script
from tscompat.routes import ROUTES, Job, Transfer
from tscompat.routes.proof import ID, PROOFS, why_unproven
from tscompat.routes.route import DOTNET_TO_PYTHON, PYTHON_TO_DOTNET, SLOWEST
from tscompat.values.tensors import Entry
from tscompat.values.verdict import PASS, Kind

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


class Cheat(HonestPeer):
    """An honest peer, but for some calls, which ``cheat`` answers or changes."""

    def __init__(self, transfer: tuple[str, str], cheat: Callable[[Any], Any]) -> None:
        route = ROUTES[transfer[0]]
        super().__init__(next(subject for kind, (subject, _) in PROOFS.items() if kind in route.subjects))
        self._cheat = cheat

    def ask(self, call: Any, seconds: float = CALL_SECONDS) -> Any:
        answer = self._cheat(call)
        return super().ask(answer, seconds) if type(answer) is type(call) else answer


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
def test_an_answer_from_the_expected_file_proves_nothing(transfer: tuple[str, str], tmp_path: Path) -> None:
    assert unproven(transfer, Cheat(transfer, from_the_expected_file), tmp_path)


@pytest.mark.parametrize("transfer", WRITES, ids=ids)
def test_a_file_that_is_not_made_of_memory_proves_nothing(transfer: tuple[str, str], tmp_path: Path) -> None:
    assert unproven(transfer, Cheat(transfer, without_memory), tmp_path)


@pytest.mark.parametrize("transfer", FORMS, ids=ids)
def test_a_copy_of_the_expected_file_proves_nothing(transfer: tuple[str, str], tmp_path: Path) -> None:
    assert unproven(transfer, Cheat(transfer, copied), tmp_path)


DAT = ("dat", PYTHON_TO_DOTNET)


def test_a_wrong_digest_proves_nothing(tmp_path: Path) -> None:
    class Wrong(Cheat):
        def ask(self, call: Any, seconds: float = CALL_SECONDS) -> Any:
            return msgspec.structs.replace(super().ask(call, seconds), digest="0")

    why = unproven(DAT, Wrong(DAT, lambda call: call), tmp_path)
    assert why == "found the digest of other bits than the file's"


def test_a_death_proves_nothing(tmp_path: Path) -> None:
    def die(call: Any) -> Any:
        raise PeerDied(Kind.CRASH, "it died", "")

    assert unproven(DAT, Cheat(DAT, die), tmp_path) == "it died"


# What is seen must be that element.

REFUSAL = Thrown("System.Exception", "no")


@pytest.mark.parametrize(
    ("transfer", "found"),
    [
        (DAT, r"found refused \(System\.Exception: no\); expected bits \(element \[1, 1\] of 'weight' .*\)"),
        (("dat", DOTNET_TO_PYTHON), r"found refused \(System\.Exception: no\); expected bits \(element \[1, 1\] .*\)"),
        (("load", PYTHON_TO_DOTNET), r"found refused \(System\.Exception: no\); expected pass"),
        (("optimizer", PYTHON_TO_DOTNET), r"found refused \(System\.Exception: no\); expected pass"),
        (("export", PYTHON_TO_DOTNET), r"found refused \(System\.Exception: no\); expected bits \(.*\)"),
    ],
    ids=["load", "save", "load-into", "optimizer", "program"],
)
def test_a_refusal_proves_nothing_and_is_stated(transfer: tuple[str, str], found: str, tmp_path: Path) -> None:
    why = unproven(transfer, Cheat(transfer, lambda call: REFUSAL), tmp_path)
    assert why is not None
    assert re.fullmatch(found, why)


def test_another_element_than_the_changed_one_proves_nothing(tmp_path: Path) -> None:
    def elsewhere(call: Any) -> Any:
        return msgspec.structs.replace(call, flip=0) if isinstance(call, Save) else call

    why = unproven(("dat", DOTNET_TO_PYTHON), Cheat(("dat", DOTNET_TO_PYTHON), elsewhere), tmp_path)
    assert why is not None
    assert why.startswith("found bits (element [0, 0] of 'weight' (f32): ")
    assert "; expected bits (element [1, 1] of 'weight' (f32): " in why


def test_a_load_into_a_module_must_change_it(tmp_path: Path) -> None:
    """The module's element differs from the file's: one that keeps what it had has not been loaded into."""

    def idle(call: Any) -> Any:
        if isinstance(call, LoadInto):
            state = {name: digest([Entry("", tensor)]) for name, tensor in read_state_dict(call.expected)}
            return LoadedInto(refused=None, still_open=True, state=state, report={})
        return call

    transfer = ("load", PYTHON_TO_DOTNET)
    assert unproven(transfer, Cheat(transfer, idle), tmp_path) == (
        "found bits ('weight' is changed in PyTorch, kept in .NET); expected pass"
    )


def test_an_optimizer_whose_memory_has_no_gradient_proves_nothing(tmp_path: Path) -> None:
    transfer = ("optimizer", DOTNET_TO_PYTHON)
    why = unproven(transfer, Cheat(transfer, without_memory), tmp_path)
    assert why is not None
    assert why.startswith("found names (missing 'gradient.0.0'")


def test_what_needs_no_overload_needs_no_proof(tmp_path: Path) -> None:
    assert unproven(("schema", PYTHON_TO_DOTNET), None, tmp_path) is None


def test_a_script_is_proven_with_its_route(tmp_path: Path) -> None:
    def write(state: Any, stream: Any) -> None:
        for chunk in encode_state_dict(torch_tensors.export(state)):
            stream.write(chunk)

    module: Any = SimpleNamespace(save_state_dict=write)
    route, peer = ROUTES["exportsd"], Cheat(("exportsd", PYTHON_TO_DOTNET), lambda call: call)
    assert why_unproven(route, PYTHON_TO_DOTNET, peer, tmp_path / "proof", Script(tmp_path, "", module)) is None


def test_the_files_of_a_proof_lie_in_its_folder(tmp_path: Path) -> None:
    unproven(("tensor", PYTHON_TO_DOTNET), Cheat(("tensor", PYTHON_TO_DOTNET), lambda call: call), tmp_path)
    unproven(("tensor", DOTNET_TO_PYTHON), Cheat(("tensor", DOTNET_TO_PYTHON), lambda call: call), tmp_path)
    assert {file.name for file in (tmp_path / "proof").iterdir()} == {
        "expected.dat",
        "tensor.python-to-dotnet.dat",
        "tensor.dotnet-to-python.dat",
    }


def test_a_proof_runs_on_the_cpu_with_the_routes_overload(tmp_path: Path) -> None:
    peer = Cheat(DAT, lambda call: call)
    unproven(DAT, peer, tmp_path)
    (call,) = peer.calls
    assert isinstance(call, Load)
    assert (call.overload, call.placement.device, call.identity) == ("module-path", "cpu", False)
    assert peer.seconds == [CALL_SECONDS + 24 / SLOWEST]


def test_the_case_of_a_proof_is_of_the_route_alone(tmp_path: Path) -> None:
    seen: list[Job[Any]] = []

    def keep(job: Job[Any]) -> Transfer:
        seen.append(job)
        return Transfer({"bits": PASS}, job.artifact)

    route = replace(ROUTES["dat"], directions={PYTHON_TO_DOTNET: keep})
    why_unproven(route, PYTHON_TO_DOTNET, Cheat(DAT, lambda call: call), tmp_path / "proof", None)
    (job,) = seen
    assert (job.case.id, job.case.why, job.case.routes) == (ID, "", ("dat",))
    assert job.case.subject is job.subject is PROOFS[Tensors][0]
