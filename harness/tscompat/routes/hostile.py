"""Has .NET load files that break their format, and ranks what comes of it.

May import every room above it in ARCHITECTURE.md's table. A reader must refuse such a file clearly, and leave its
target as it was. What is more dangerous has another kind of verdict (``refusal``).
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from functools import partial

import torch

from tscompat import codec
from tscompat.catalogue import Case, Hostile
from tscompat.codec.errors import LENIENT, Problems
from tscompat.codec.optimizer import flat_options, flat_states
from tscompat.dotnet_side.digest import tensor_digest
from tscompat.dotnet_side.messages import HostileLoaded, LoadHostile
from tscompat.python_side import torch_tensors
from tscompat.resources.whole import write_whole
from tscompat.values.tensors import Entry, StateDict
from tscompat.values.verdict import PASS, Kind, Verdict

from . import judging
from .formats import LIBRARY
from .route import PYTHON_TO_DOTNET, Job, Route, Transfer

CHECKS = ("refusal", "after")
SECONDS = 10.0
"""How long a load may take. Each file is smaller than 100 KB."""
MOST = 64 << 20
"""Bytes that a load may allocate."""
NO_MEMORY = r"^System\.OutOfMemoryException|can't allocate memory"
"""A regular expression: what a reader throws that is not given what it asks for."""
CLEAR = {
    "System.IO.EndOfStreamException",
    "System.FormatException",
    "System.ArgumentException",
    "System.IO.IOException",
    "System.IO.InvalidDataException",
    "System.Text.Json.JsonException",
    "Razorvine.Pickle.PickleException",
    "Razorvine.Pickle.InvalidOpcodeException",
}
"""The exceptions that state what is wrong with a file: that it ends, or has what does not belong there. The others
state what went wrong in the reader: an overflow, memory that cannot be had, an error of libtorch."""
CLEAR_WORDS = re.compile(
    r"System\.NotImplementedException: (Error when loading tensor|Unrecognized data|Unknown persistent id|Loaded)"
    r"|System\.InvalidOperationException: The (loaded|specified) state.dict is not identical to the target"
    r"|System\.ArgumentOutOfRangeException: Length of JSON exceeded"
)
"""The sentences of PyBridge that do so, whose exceptions do not."""
UNCLEAR = {"header.length": re.compile(r"System\.Text\.Json\.JsonException: '0x00' is")}
"""By clause, what an exception of ``CLEAR`` must not state: of a file that ends within its header PyBridge reads on,
and blames a zero that is not there."""


def attacked(reader: str, job: Job[Hostile]) -> Transfer:
    """Have a reader of the peer load the file, and then the whole one into the same target."""
    whole, expected = (job.artifact.with_suffix(suffix) for suffix in (".whole", ".expected"))
    write_whole(whole, [job.subject.whole])
    write_whole(job.artifact, [job.subject.file])
    if job.subject.kind in FOREIGN:
        write_whole(expected, codec.encode_state_dict(READ[job.subject.kind](job.subject.whole, None)))
    else:
        expected = whole
    answer = job.ask(LoadHostile(reader, str(expected), str(whole), str(job.artifact)), SECONDS)
    if job.case.run == "full":  # undefined behaviour, which may have damaged the process (cases/hostile.schema.json)
        job.peer.close()
    if judging.failed(answer):
        return Transfer(dict.fromkeys(CHECKS, judging.failure(answer, job)), job.artifact)
    return Transfer({"refusal": refusal(answer, job), "after": after(answer, job)}, job.artifact)


def refusal(answer: HostileLoaded, job: Job[Hostile]) -> Verdict:
    """How the file was met, the most dangerous first: ``accepted``, with other values than a lenient reader gives;
    ``bits``, refused when entries had been changed; ``memory``; ``refused``, for a reason that is not the file's;
    ``bytes``, accepted with the values of a lenient reader; ``pass``, refused clearly.
    """
    case = job.subject
    if answer.refused is None:
        if answer.state == read_leniently(case):
            return Verdict(Kind.BYTES, f"taken as a lenient reader takes it; the file breaks {case.clause}")
        return Verdict(Kind.ACCEPTED, f"no error; the file breaks {case.clause}; {outcome(answer, case)}")
    words = judging.failure(answer.refused, job).detail
    if answer.changed:
        return Verdict(Kind.BITS, f"{outcome(answer, case)}, then {words}")
    if answer.allocated > MOST or re.search(NO_MEMORY, words):
        return Verdict(Kind.MEMORY, f"a file of {len(case.file)} bytes takes too much memory: {words}")
    wrong = case.clause in UNCLEAR and UNCLEAR[case.clause].match(words)
    clear = answer.refused.type_name in CLEAR or CLEAR_WORDS.match(words)
    return PASS if clear and not wrong else Verdict(Kind.REFUSED, words)


def outcome(answer: HostileLoaded, case: Hostile) -> str:
    """What the entries of the target hold: the whole file's bits (loaded), others (otherwise), or what they held before
    (kept). Most entries share a word, and are "the others".
    """
    whole = digests(READ[case.kind](case.whole, None))
    words: dict[str, list[str]] = {"loaded": [], "kept": [], "otherwise": []}
    for name in {**whole, **answer.state}:
        here = answer.state.get(name)
        word = "kept" if name not in answer.changed else "loaded" if here == whole.get(name) else "otherwise"
        words[word].append(repr(name))
    common = max(words, key=lambda word: len(words[word]))
    few = [f"{', '.join(names)} {word}" for word, names in words.items() if names and word != common]
    return ", ".join([*few, f"the others {common}"]) if few else f"all {common}"


def after(answer: HostileLoaded, job: Job[Hostile]) -> Verdict:
    """Whether the file is closed, and the whole file is loaded with all its bits."""
    if answer.still_open:
        return Verdict(Kind.REFUSED, "the file is still open")
    if answer.next_refused:
        return Verdict(Kind.REFUSED, f"the next load: {judging.failure(answer.next_refused, job).detail}")
    expected = digests(READ[job.subject.kind](job.subject.whole, None))
    wrong = [name for name in {**expected, **answer.next_state} if expected.get(name) != answer.next_state.get(name)]
    return Verdict(Kind.BITS, f"the next load: {', '.join(map(repr, wrong))} has other bits") if wrong else PASS


def read_leniently(case: Hostile) -> Mapping[str, str] | None:
    """The digests of what a lenient reader makes of the file; None if it gets no further than a flaw."""
    if case.kind in FOREIGN:
        return digests(READ[case.kind](case.whole, None)) if case.lenient else None
    problems = Problems()
    try:
        entries = READ[case.kind](case.file, problems)
    except codec.FormatError:
        return None
    return digests(entries) if problems.counts.keys() <= LENIENT else None


def digests(entries: StateDict) -> dict[str, str]:
    """The digest of each entry's dtype, shape and bits, by name; of a name that is there twice, of the last."""
    return {name: tensor_digest(tensor) for name, tensor in entries}


def _optimizer(data: bytes, problems: Problems | None) -> StateDict:
    record = codec.decode_optimizer(data, problems=problems)
    return [*flat_options(record), *flat_states(record)]


READ: Mapping[str, Callable[[bytes, Problems | None], StateDict]] = {
    "state-dict": lambda data, problems: codec.decode_state_dict(data, problems=problems),
    "tensor": lambda data, problems: [Entry("", codec.decode_tensor(data, problems=problems))],
    "optimizer": _optimizer,
    "safetensors": lambda data, problems: torch_tensors.export(LIBRARY.load(data)),
    "pickle": lambda data, problems: torch_tensors.export(torch.load(io.BytesIO(data), weights_only=True)),
}
"""By kind of file, what reads it; strict without ``Problems``."""
FOREIGN = ("safetensors", "pickle")
"""The kinds whose oracle is Python's library, which is always strict."""


def _checks(case: Case, hostile: Hostile, direction: str) -> tuple[str, ...]:
    return CHECKS


ROUTES = tuple(
    Route(
        name=f"hostile-{name}",
        why=f"files that break their format, loaded by {method}",
        subjects=(Hostile,),
        overload="",
        directions={PYTHON_TO_DOTNET: partial(attacked, reader)},
        checks=_checks,
        needs_bits=False,
    )
    for name, reader, method in (
        ("load", "module", "Module.load"),
        ("load-lax", "module-lax", "Module.load without strict"),
        ("tensor", "tensor", "Tensor.Load"),
        ("tensor-into", "tensor-into", "Tensor.Load into a tensor that is there"),
        ("optimizer", "optimizer", "an optimizer's load_state_dict"),
        ("pybridge-safetensors", "pybridge-safetensors", "PyBridge's load_safetensors"),
        ("pybridge-pickle", "pybridge-pickle", "PyBridge's load_py"),
    )
)
