"""Proves that a route reads and writes in .NET: a file, or .NET's memory, differs in one element, and that is seen.

May import values, resources, codec, catalogue, dotnet_side, python_side. A proof is a transfer of a tiny case by the
route's own functions. So a peer that answers from the expected file without reading, or copies it in the place of
writing, is found out, and so is a route that does not see the difference. All numbers are float32, which every route
transfers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from tscompat.catalogue import Case, Group, Load, OptimizerCase, Tensors, TensorSpec, make
from tscompat.codec import encode_state_dict, read_optimizer
from tscompat.dotnet_side.client import CALL_SECONDS, Client
from tscompat.dotnet_side.digest import digest
from tscompat.dotnet_side.errors import PeerDied
from tscompat.dotnet_side.messages import Done, Loaded, Save
from tscompat.dotnet_side.optimizer_call import OptimizerFiles
from tscompat.python_side.scripts import Script
from tscompat.resources.whole import write_whole
from tscompat.values.compare import compare, first
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, StateDict, Tensor, flipped
from tscompat.values.verdict import PASS, Verdict

from .route import DOTNET_TO_PYTHON, Job, Route, Transfer

ID = "proof/one-element/f32"
"""The id of the tiny case. The catalogue does not have it."""
FLIPPED = 17
"""The byte of the tensor whose lowest bit differs: it belongs to the fraction of element [1, 1]."""
_Transfer: TypeAlias = Callable[[Job[Any]], Transfer]


class _Unread(Exception):
    """The peer's answer shows that .NET has not read the artifact."""


class _Witness:
    """The peer, with its last answer. Where .NET saves, its memory differs in one element from the expected file."""

    def __init__(self, peer: Client) -> None:
        self._peer = peer
        self.dotnet_seconds = peer.dotnet_seconds
        self.deaths = peer.deaths
        self.start, self.renew, self.close = peer.start, peer.renew, peer.close
        self.answer: Any = None
        self.digest = ""
        """That of the artifact's entries."""

    def ask(self, call: Any, seconds: float = CALL_SECONDS) -> Any:
        """As the peer does. Raises _Unread for a load that gives another digest."""
        if isinstance(call, Save):
            call = msgspec.structs.replace(call, flip=FLIPPED)
        self.answer = self._peer.ask(call, seconds)
        if isinstance(self.answer, Loaded) and self.answer.digest != self.digest:
            raise _Unread("found the digest of other bits than the file's")
        return self.answer


_spec = partial(TensorSpec, dtype=BY_NAME["f32"], shape=(2, 3), fill="weights", buffer=False)


def why_unproven(route: Route[Any], direction: str, peer: Client, folder: Path, script: Script | None) -> str | None:
    """What was found in the place of the difference; None if it was seen, and where the route has no overload.

    ``folder`` is for files. Raises PeerBroken where no peer can be had, or our own code in it fails.
    """
    if not route.overload:
        return None
    (kind,) = (kind for kind in PROOFS if kind in route.subjects)
    subject, prove = PROOFS[kind]
    case = Case(ID, "", subject, (route.name,))
    folder.mkdir(exist_ok=True)
    witness = _Witness(peer)
    job = Job[Any](
        case=case,
        subject=subject,
        specs=subject.specs,
        entries=make(ID, subject.specs),
        expected_file=folder / "expected.dat",
        artifact=folder / f"{route.name}.{direction}.dat",
        overload=route.overload,
        writer_device="cpu",
        reader_device="cpu",
        peer=witness,
        script=script,
    )
    try:
        return prove(job, witness, direction, route.directions[direction])
    except (PeerDied, _Unread) as found:
        return str(found)


def _tensors(job: Job[Any], witness: _Witness, direction: str, transfer: _Transfer) -> str | None:
    """The writer's tensor differs from the expected file in one element."""
    plain, changed = job.entries, flipped(job.entries, FLIPPED)
    write_whole(job.expected_file, encode_state_dict(plain))
    seen = first(compare(plain, changed))
    if direction == DOTNET_TO_PYTHON:
        return _unlike(seen, transfer(job).verdicts["bits"])
    witness.digest = digest(changed)
    found = transfer(replace(job, entries=changed)).verdicts["bits"]
    ran = isinstance(witness.answer, Done)  # a program: Python compares the state that it returned with the artifact's
    return _unlike(PASS if ran else seen, found)


def _load(job: Job[Any], witness: _Witness, direction: str, transfer: _Transfer) -> str | None:
    """The module's tensor, which the expected file has, differs from the file's in one element."""
    module = flipped(make(f"{ID}/file", job.subject.file), FLIPPED)
    write_whole(job.expected_file, encode_state_dict(module))
    verdicts = transfer(replace(job, entries=module)).verdicts
    return _unlike(PASS, verdicts["outcome"]) or _unlike(PASS, verdicts["state"])


def _optimizer(job: Job[Any], witness: _Witness, direction: str, transfer: _Transfer) -> str | None:
    """One element of the gradient differs. After the first step, SGD's momentum is the gradient."""
    plain = [entry for entry in job.entries if entry.name == "gradient.0.0"]
    changed = flipped(plain, FLIPPED)
    entries = [*(entry for entry in job.entries if entry not in plain), *changed]
    found = transfer(replace(job, entries=entries)).verdicts["bits"]
    if found is not PASS:
        return _unlike(PASS, found)
    files = OptimizerFiles.beside(job.artifact, job.subject.after)
    momentum = read_optimizer(files.memory[0]).states[0]["momentum_buffer"]
    held: StateDict = [Entry(plain[0].name, momentum)] if isinstance(momentum, Tensor) else []
    return _unlike(first(compare(plain, changed)), first(compare(plain, held)))


def _unlike(expected: Verdict, found: Verdict) -> str | None:
    """None if the two verdicts state the same; else a sentence."""
    if (expected.kind, expected.detail) == (found.kind, found.detail):
        return None
    return f"found {_words(found)}; expected {_words(expected)}"


def _words(verdict: Verdict) -> str:
    return f"{verdict.kind} ({verdict.detail})" if verdict.detail else str(verdict.kind)


_Subject: TypeAlias = Tensors | Load | OptimizerCase
_Prove: TypeAlias = Callable[[Job[Any], _Witness, str, _Transfer], str | None]
PROOFS: Mapping[type[_Subject], tuple[_Subject, _Prove]] = {
    Tensors: (Tensors((_spec("weight"),)), _tensors),
    Load: (
        Load(
            specs=(_spec("weight"),),
            file=(_spec("weight"),),
            transient=(),
            nested=False,
            strict=True,
            skip=(),
            given_as="path",
            cut=0,
            trailing=0,
            report=False,
        ),
        _load,
    ),
    OptimizerCase: (
        OptimizerCase(
            specs=tuple(map(_spec, ("parameter.0", "gradient.0.0", "gradient.1.0"))),
            optimizer="SGD",
            groups=(Group({"lr": 0.5, "momentum": 0.5}, 1),),
            steps=1,
            after=1,
            target="fresh",
            layout="contiguous",
        ),
        _optimizer,
    ),
}
"""By kind of subject: the subject of the tiny case, and what makes its transfer."""
