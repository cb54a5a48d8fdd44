"""What loading does to a module that is already there, played on both sides. May import models.

PyTorch's half reads the file with the oracle, or as PyTorch does, and calls ``load_state_dict``; .NET's is
``Module.load``, or PyBridge's ``load_py`` and ``load_safetensors``, with its options. What is observed must agree:
whether it was refused, what each tensor holds afterwards. A stream stays open.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tscompat import codec
from tscompat.catalogue import Case, Load, make
from tscompat.dotnet_side.digest import digest
from tscompat.python_side import torch_tensors
from tscompat.python_side.models import loading
from tscompat.resources.whole import write_whole
from tscompat.values.tensors import Entry, StateDict, Tensor
from tscompat.values.verdict import Kind, Verdict

from . import judging, pybridge
from .route import PYTHON_TO_DOTNET, Job, Route


class Observed(NamedTuple):
    """What a load did: why it was refused (empty if it was not), and a digest of each tensor afterwards."""

    refused: str
    state: Mapping[str, str]


class Form(NamedTuple):
    """What the file is."""

    write: Callable[[StateDict, Path], None]
    read: Callable[[Path], StateDict]
    unreadable: tuple[type[Exception], ...]
    """What ``read`` raises for a file that it cannot read."""


def _oracles(entries: StateDict, path: Path) -> None:
    write_whole(path, codec.encode_state_dict(entries))


def _of_pybridge(name: str) -> Form:
    """A format of PyBridge's overloads, from and to our state dicts."""
    form, _ = pybridge.FORMATS[name]

    def write(entries: StateDict, path: Path) -> None:
        form.write({name: torch_tensors.to_torch(tensor) for name, tensor in entries}, path)

    def read(path: Path) -> StateDict:
        assert form.read is not None
        return torch_tensors.export(form.read(path))

    return Form(write, read, pybridge.UNREADABLE)


def play(form: Form, job: Job) -> Mapping[str, Verdict]:
    """Load the scenario's file on both sides."""
    assert job.case.scenario is not None
    contents = make(replace(job.case, id=f"{job.case.id}/file", tensors=job.case.scenario.file))
    form.write(contents, job.artifact)
    job.artifact.write_bytes(damaged(job.case.scenario, job.artifact.read_bytes()))
    answer = job.ask("attempt", job.reader_device)
    theirs = Observed(judging.without_paths(answer["refused"], job), answer["state"])
    refused, state_dict = loading.play(
        job.case, job.case.scenario, job.entries, partial(form.read, job.artifact), form.unreadable
    )
    ours = Observed(refused, {name: tensor_digest(tensor) for name, tensor in state_dict})
    return {
        "outcome": outcome(ours, theirs),
        "state": state(ours, theirs, job.entries),
        "stream": stream(answer["open"]),
        "report": outcome(ours, theirs) if theirs.refused else report(job.case, answer["report"]),
    }


def damaged(scenario: Load, whole: bytes) -> bytes:
    """The file as the scenario has it: cut, or with something behind."""
    return whole[: max(0, len(whole) - scenario.cut)] + bytes(scenario.trailing)


def tensor_digest(tensor: Tensor) -> str:
    """What identifies a tensor's dtype, shape and bits."""
    return digest([Entry("", tensor)])


def outcome(ours: Observed, theirs: Observed) -> Verdict:
    """Whether both sides refuse, or neither does."""
    if bool(ours.refused) == bool(theirs.refused):
        return judging.PASS
    if theirs.refused:
        return Verdict(Kind.REFUSED, theirs.refused)
    return Verdict(Kind.ACCEPTED, f"PyTorch refuses: {ours.refused}")


def state(ours: Observed, theirs: Observed, before: StateDict) -> Verdict:
    """Whether each tensor holds the same afterwards."""
    kept = {name: tensor_digest(tensor) for name, tensor in before}
    told: list[str] = []
    for name, before_it in kept.items():
        here, there = ours.state[name], theirs.state.get(name)
        if here != there:
            word, other = _word(here, before_it), _word(there, before_it)
            otherwise = " otherwise" if word == other else ""
            told.append(f"{name!r} is {word} in PyTorch, {other}{otherwise} in .NET")
    return Verdict(Kind.BITS, "; ".join(told)) if told else judging.PASS


def _word(now: str | None, before: str) -> str:
    return "gone" if now is None else "kept" if now == before else "changed"


def stream(still_open: bool | None) -> Verdict:
    """Whether the stream is open after a load that was not refused; PyTorch leaves it open."""
    if still_open is False:
        return Verdict(Kind.REFUSED, "the stream is closed afterwards")
    return judging.PASS


def report(case: Case, told: Mapping[str, bool]) -> Verdict:
    """Whether TorchSharp's ``loadedParameters`` says of each entry of the file whether it was loaded."""
    assert case.scenario is not None
    here = {spec.name for spec in case.tensors} - {*case.scenario.skip}
    due = {spec.name: spec.name in here for spec in case.scenario.file}
    wrong = [
        f"{name!r} was {_DONE[due.get(name)]}, the report says {told.get(name)}"
        for name in {**due, **told}
        if told.get(name) != due.get(name)
    ]
    return Verdict(Kind.NAMES, "; ".join(wrong)) if wrong else judging.PASS


_DONE = {True: "loaded", False: "not loaded", None: "not in the file"}


def _checks(case: Case, direction: str) -> tuple[str, ...]:
    scenario = case.scenario
    assert scenario is not None
    streams = scenario.overload != "path"
    # A report has one place for each name; what comes twice is refused.
    reports = scenario.report and len({spec.name for spec in scenario.file}) == len(scenario.file)
    return ("outcome", "state", *(("stream",) if streams else ()), *(("report",) if reports else ()))


ROUTES = tuple(
    Route(
        name=name,
        why=f"{method} into a module that is already there, with all its options",
        directions={PYTHON_TO_DOTNET: partial(play, form)},
        checks=_checks,
    )
    for name, method, form in (
        ("load", "Module.load", Form(_oracles, codec.read_state_dict, (codec.FormatError,))),
        ("pybridge-load-pickle", "load_py", _of_pybridge("pybridge-pickle")),
        ("pybridge-load-safetensors", "load_safetensors", _of_pybridge("pybridge-safetensors")),
    )
)
