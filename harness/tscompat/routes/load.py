"""Compares loads into a module that exists: the same load in PyTorch and in TorchSharp.

May import every room above it in ARCHITECTURE.md's table. PyTorch's half reads the file with the oracle, torch.load or
safetensors, and calls ``load_state_dict``; .NET's half calls ``Module.load``, or PyBridge's ``load_py`` or
``load_safetensors``, with all options. Both must agree whether and why the load is refused, and on what each tensor
holds afterwards. Where neither refuses it, a stream must stay open, and TorchSharp's report must be right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tscompat import codec
from tscompat.catalogue import Case, Load, make
from tscompat.dotnet_side import messages
from tscompat.dotnet_side.digest import tensor_digest
from tscompat.python_side import torch_tensors
from tscompat.python_side.models import loading
from tscompat.values.tensors import StateDict
from tscompat.values.verdict import PASS, FirstDifference, Kind, Verdict

from . import dotnet_half, judging
from .formats import PICKLE, SAFETENSORS, STATE_DICT, UNREADABLE, PythonFormat
from .predictions import faulty
from .route import PYTHON_TO_DOTNET, Job, Route, Transfer

CHECKS = ("outcome", "state", "stream", "report")
_REASONS = {
    "names": rf"^missing or unexpected: |{dotnet_half.OTHER_NAMES}",
    "shape": r"^Error\(s\) in loading state_dict|Mismatched tensor shape|setStorage: sizes|The size of tensor a",
    "damage": r"^byte \d+: |failed reading zip archive|Error while deserializing header|EndOfStreamException"
    r"|InvalidDataException|does not contain any JSON tokens|Mismatched tensor data types|Unsupported TypeMeta",
}
"""Why a load is refused, and how PyTorch's and .NET's messages state that."""


class Observed(NamedTuple):
    """What a load did: why it was refused (empty if it was not), and a digest of each tensor afterwards."""

    refused: str
    state: Mapping[str, str]


class Form(NamedTuple):
    """A format of the file: how Python writes and reads our state dicts."""

    write: Callable[[Path, StateDict], None]
    read: Callable[[Path], StateDict]
    unreadable: tuple[type[Exception], ...]
    """What ``read`` raises for a file that it cannot read."""


def _write(form: PythonFormat, path: Path, entries: StateDict) -> None:
    form.write(path, {name: torch_tensors.to_torch(tensor) for name, tensor in entries})


def _read(form: PythonFormat, path: Path) -> StateDict:
    assert form.read is not None
    return torch_tensors.export(form.read(path))


def both_sides(form: Form, job: Job[Load]) -> Transfer:
    """Write the case's file, load it on both sides, and compare what both loads did."""
    case = job.subject
    form.write(job.artifact, make(f"{job.case.id}/file", case.file))
    job.artifact.write_bytes(damaged(case, job.artifact.read_bytes()))
    answer = job.ask(
        messages.LoadInto(
            overload=job.overload,
            expected=str(job.expected_file),
            artifact=str(job.artifact),
            module=dotnet_half.bag(job),
            given_as=case.given_as,
            strict=case.strict,
            skip=case.skip,
            report=case.report,
        )
    )
    if judging.failed(answer):
        return Transfer(dict.fromkeys(CHECKS, judging.failure(answer, job)), job.artifact)
    theirs = Observed(judging.failure(answer.refused, job).detail if answer.refused else "", answer.state)
    refused, entries = loading.load(case, job.entries, partial(form.read, job.artifact), form.unreadable)
    ours = Observed(refused, {name: tensor_digest(tensor) for name, tensor in entries})
    verdicts = {
        "outcome": outcome(ours, theirs),
        "state": _with_predictions(state(ours, theirs, job.entries), job, entries, theirs),
        "stream": unjudged(ours, theirs) or stream(answer.still_open),
        "report": unjudged(ours, theirs) or report(case, answer.report),
    }
    return Transfer(verdicts, job.artifact)


def _with_predictions(verdict: Verdict, job: Job[Load], entries: StateDict, theirs: Observed) -> Verdict:
    """Add whether faults make of ``entries``, what PyTorch's module holds afterwards, what .NET's holds."""
    return verdict.comparing(
        lambda predicts: (
            {name: tensor_digest(tensor) for name, tensor in faulty(job, entries, predicts)} == theirs.state
        )
    )


def damaged(case: Load, whole: bytes) -> bytes:
    """The file's bytes with the case's damage: one changed, some missing at the end, or zero bytes after the end."""
    if case.changed:
        from_end, instead = case.changed
        whole = whole[:-from_end] + instead + whole[len(whole) - from_end + 1 :]
    return whole[: max(0, len(whole) - case.cut)] + bytes(case.trailing)


def outcome(ours: Observed, theirs: Observed) -> Verdict:
    """Whether both sides refuse for the same reason, or neither does."""
    if not theirs.refused:
        return Verdict(Kind.ACCEPTED, f"PyTorch refuses: {ours.refused}") if ours.refused else PASS
    if not ours.refused:
        return Verdict(Kind.REFUSED, theirs.refused)
    if reasons(ours.refused) & reasons(theirs.refused):
        return PASS
    return Verdict(Kind.REFUSED, f"{theirs.refused}; PyTorch refuses for another reason: {ours.refused}")


def reasons(refused: str) -> set[str]:
    """The reasons that a message states, names in ``_REASONS``."""
    return {reason for reason, words in _REASONS.items() if re.search(words, refused)}


def unjudged(ours: Observed, theirs: Observed) -> Verdict | None:
    """The ``stream`` and ``report`` verdicts of a load that a side refuses; None if neither does."""
    refusing = [name for name, side in (("PyTorch", ours), ("TorchSharp", theirs)) if side.refused]
    return Verdict(Kind.NOT_RUN, f"{' and '.join(refusing)} refused the load") if refusing else None


def state(ours: Observed, theirs: Observed, before: StateDict) -> Verdict:
    """Whether each tensor holds the same on both sides afterwards. ``before`` has the tensors before the load."""
    sentences: list[str] = []
    places: list[FirstDifference] = []
    for name, kept in ((name, tensor_digest(tensor)) for name, tensor in before):
        here, there = ours.state[name], theirs.state.get(name)
        if here != there:
            word, other = _word(here, kept), _word(there, kept)
            otherwise = " otherwise" if word == other else ""
            sentences.append(f"{name!r} is {word} in PyTorch, {other}{otherwise} in .NET")
            places.append(FirstDifference(name, "state", None, word, other + otherwise))
    for name in theirs.state.keys() - ours.state.keys():
        sentences.append(f"{name!r} is new in .NET")
        places.append(FirstDifference(name, "state", None, "none", "new"))
    return Verdict(Kind.BITS, "; ".join(sentences), places[0]) if sentences else PASS


def _word(now: str | None, before: str) -> str:
    return "gone" if now is None else "kept" if now == before else "changed"


def stream(still_open: bool | None) -> Verdict:
    """Whether the stream is open after a load; PyTorch leaves it open."""
    return PASS if still_open else Verdict(Kind.REFUSED, "the stream is closed afterwards")


def report(case: Load, reported: Mapping[str, bool]) -> Verdict:
    """Whether TorchSharp's ``loadedParameters`` is right: it states for each entry of the file if that was loaded."""
    here = {spec.name for spec in case.specs} - {*case.skip}
    expected = {spec.name: spec.name in here for spec in case.file}
    wrong = [name for name in {**expected, **reported} if reported.get(name) != expected.get(name)]
    if not wrong:
        return PASS
    sentences = [f"{name!r} was {_DONE[expected.get(name)]}, the report has {reported.get(name)}" for name in wrong]
    first = wrong[0]
    place = FirstDifference(first, "report", None, _DONE[expected.get(first)], str(reported.get(first)))
    return Verdict(Kind.NAMES, "; ".join(sentences), place)


_DONE = {True: "loaded", False: "not loaded", None: "not in the file"}


def _checks(case: Case, load: Load, direction: str) -> tuple[str, ...]:
    streams = load.given_as != "path"
    # A report has one place for each name; a name that comes twice is refused.
    reports = load.report and len({spec.name for spec in load.file}) == len(load.file)
    return ("outcome", "state", *(("stream",) if streams else ()), *(("report",) if reports else ()))


ROUTES = tuple(
    Route(
        name=name,
        why=f"{method} into a module that exists, with all its options",
        subjects=(Load,),
        overload=name,
        directions={PYTHON_TO_DOTNET: partial(both_sides, form)},
        checks=_checks,
    )
    for name, method, form in (
        ("load", "Module.load", Form(STATE_DICT.write, codec.read_state_dict, (codec.FormatError,))),
        ("pybridge-load-pickle", "load_py", Form(partial(_write, PICKLE), partial(_read, PICKLE), UNREADABLE)),
        (
            "pybridge-load-safetensors",
            "load_safetensors",
            Form(partial(_write, SAFETENSORS), partial(_read, SAFETENSORS), UNREADABLE),
        ),
    )
)
