"""Turns a peer's answers and what files hold into verdicts; used by all routes.

May import values, codec, catalogue, dotnet_side.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import xxhash
from typing_extensions import Buffer, TypeIs

from tscompat.catalogue import Case, Tensors
from tscompat.codec import OptimizerRecord, encode_optimizer
from tscompat.codec.fields import Walk, explain, fields_of_optimizer
from tscompat.codec.reader import map_file
from tscompat.dotnet_side.client import NotAsked, Violation
from tscompat.dotnet_side.digest import digest
from tscompat.dotnet_side.errors import PeerBroken
from tscompat.dotnet_side.messages import Loaded, Thrown
from tscompat.values.compare import VALUES, Difference, compare, compare_names, first, same_stream
from tscompat.values.tensors import StateDict
from tscompat.values.verdict import PASS, FirstDifference, Kind, Verdict

from .dotnet_half import RefusedLoad
from .formats import DatFormat
from .predictions import faulty, faulty_file, faulty_record
from .route import PYTHON_TO_DOTNET, Job, is_identity

MOST_EXPLAINED = 1 << 28
"""Bytes. To explain a difference, the whole of the expected file is made in memory."""
ASKED = ("quantizer", "flags")
"""The checks of a transfer that only some cases ask for: scale and zero point; train mode, roles, requires_grad."""
Failed: TypeAlias = Thrown | NotAsked | Violation


def failed(answer: object) -> TypeIs[Failed]:
    """Whether .NET threw an exception, was not asked, or broke a rule."""
    return isinstance(answer, Thrown | NotAsked | Violation)


def failure(answer: Failed, job: Job[Any]) -> Verdict:
    """The verdict of an exception in .NET (refused), of a call that was not made (not-run), or of one in which
    .NET broke a rule (bits).
    """
    if isinstance(answer, NotAsked):
        return Verdict(Kind.NOT_RUN, answer.reason)
    if isinstance(answer, Violation):
        return Verdict(Kind.BITS, without_paths(answer.what, job))
    return Verdict(Kind.REFUSED, without_paths(f"{answer.type_name}: {answer.message}", job))


def raised(error: Exception, job: Job[Any]) -> str:
    """An exception of Python in the form of .NET's: its type and the first line of its message."""
    return without_paths(f"{type(error).__name__}: {str(error).strip()}", job)


def unreadable(error: Exception, job: Job[Any]) -> Verdict:
    """The ``bytes`` verdict of a file that Python cannot read."""
    return Verdict(Kind.BYTES, f"unreadable: {raised(error, job)}")


def without_paths(message: str, job: Job[Any]) -> str:
    """The first line of an exception's message (libtorch's go on with a stack trace), with the paths of the artifact
    and the expected file cut to their names.
    """
    message = message.strip().partition("\n")[0]
    for path in (job.artifact, job.expected_file):
        message = message.replace(str(path), path.name)
    return message


def loaded(answer: Loaded, job: Job[Any]) -> Verdict:
    """The ``bits`` verdict of a load in .NET.

    Raises PeerBroken if the peer reports no difference of values but a wrong digest, or other names than it lists.
    """
    verdict = first(answer.differences)
    expected = [name for name, _ in job.entries]
    listed = [name for name in expected if name not in answer.missing] + [*answer.unexpected]
    if _of_names(compare_names(expected, listed)) != _of_names(answer.differences):
        raise PeerBroken("the names that the peer lists as missing and unexpected are not those of its difference")
    if verdict.kind in (Kind.PASS, Kind.NAMES):
        there = [entry for entry in job.entries if entry.name not in answer.missing]
        if answer.digest != digest(there):
            raise PeerBroken("the peer reports no difference, but its digest is not that of the case's bits")
    names = {entry.name for entry in job.entries}

    def as_predicted(predicts: Sequence[str]) -> bool:
        made = _in_order_of(job.entries, faulty(job, job.entries, predicts))
        unexpected = [name for name, _ in made if name not in names]
        both = digest(entry for entry in made if entry.name in names)
        return (unexpected, both) == (sorted(answer.unexpected), answer.digest)

    return verdict.comparing(as_predicted)


def _of_names(differences: Sequence[Difference]) -> list[Difference]:
    return [each for each in differences if each.kind == Kind.NAMES]


def refused(answer: RefusedLoad, job: Job[Any]) -> Verdict:
    """The ``bits`` verdict of a load whose names TorchSharp refuses: ``refused``, unless the load without ``strict``
    shows that an entry arrives wrong. The detail states what that load gave.
    """
    refusal = failure(answer.thrown, job)
    if isinstance(answer.lax, Thrown):
        return replace(refusal, detail=f"{refusal.detail}; without strict too: {failure(answer.lax, job).detail}")
    lax = loaded(answer.lax, job)
    if lax.kind not in (Kind.PASS, Kind.NAMES):
        return replace(lax, detail=f"{lax.detail}; this is without strict, which refuses: {refusal.detail}")
    equal = "all entries are equal" if job.entries else "there are no entries"
    detail = f"{refusal.detail}; without strict: {lax.detail or equal}"
    return replace(refusal, detail=detail, as_predicted=lax.as_predicted)


def arrived(answer: Loaded | Failed | RefusedLoad, job: Job[Any]) -> dict[str, Verdict]:
    """The verdicts of a load: ``bits``, and those that a case may ask for."""
    if isinstance(answer, RefusedLoad):
        return dict.fromkeys(ASKED, failure(answer.thrown, job)) | {"bits": refused(answer, job)}
    if failed(answer):
        return dict.fromkeys(("bits", *ASKED), failure(answer, job))
    return {
        "bits": loaded(answer, job),
        "quantizer": quantizer(answer.quantizer, job),
        "flags": Verdict(Kind.BITS, "; ".join(answer.changed)) if answer.changed else PASS,
    }


def asked(case: Case, direction: str) -> tuple[str, ...]:
    """The checks of ``ASKED`` that the case asks for: of ``flags``, .NET's loads alone."""
    possible = ASKED if direction == PYTHON_TO_DOTNET else ("quantizer",)
    return tuple(check for check in possible if check in case.checks)


def held(entries: StateDict, job: Job[Any], only: Collection[Kind] = VALUES) -> Verdict:
    """The first difference, of a kind in ``only``, between the case's entries and those of a file or torch module;
    PASS if there is none. The order of ``entries`` matters if ``only`` has it.
    """
    verdict = first(compare(job.entries, entries, identity=is_identity(job.specs)), only)
    if verdict is PASS:
        return verdict
    arranged = _as_they_are if Kind.ORDER in only else partial(_in_order_of, job.entries)
    return with_predictions(verdict, job, digest(arranged(entries)), arranged=arranged)


def _as_they_are(entries: StateDict) -> StateDict:
    return entries


def with_predictions(
    verdict: Verdict,
    job: Job[Any],
    found: str,
    expected: StateDict | None = None,
    arranged: Callable[[StateDict], StateDict] = _as_they_are,
) -> Verdict:
    """Add whether faults predict ``found``, the digest of what was found. A pass stays as it is.

    ``expected`` has the entries that the verdict compares with, if they are not the case's. What the faults make of
    them is ``arranged`` as the entries that ``found`` is the digest of.
    """
    entries = job.entries if expected is None else expected
    return verdict.comparing(lambda predicts: digest(arranged(faulty(job, entries, predicts))) == found)


def _in_order_of(expected: StateDict, entries: StateDict) -> StateDict:
    """The entries in the order of ``expected``; those that it lacks come last, by name."""
    places = {entry.name: place for place, entry in enumerate(expected)}
    return sorted(entries, key=lambda entry: (places.get(entry.name, len(places)), entry.name))


def roles(job: Job[Any], is_buffer: Mapping[str, bool]) -> Verdict:
    """Whether parameters and buffers are those of the case's specs. ``is_buffer`` has .NET's, by name; a name that it
    lacks is left out.
    """
    moved = [spec for spec in job.specs if is_buffer.get(spec.name, spec.buffer) != spec.buffer]
    if not moved:
        return PASS
    here, there = ("a buffer", "a parameter") if moved[0].buffer else ("a parameter", "a buffer")
    sentence = f"{moved[0].name!r} is {here} in Python, {there} in .NET; {len(moved)} entries differ so"
    return Verdict(Kind.NAMES, sentence, FirstDifference(moved[0].name, "buffer", None, here, there))


def quantizer(found: tuple[float, int] | None, job: Job[Any]) -> Verdict:
    """Whether scale and zero point survived. ``found`` is None if the tensor or the file has none."""
    subject = job.subject
    if not isinstance(subject, Tensors) or found == subject.quantizer:
        return PASS
    scale, zero_point = subject.quantizer
    became = "were lost" if found is None else "became scale {} and zero point {}".format(*found)
    sentence = f"scale {scale} and zero point {zero_point} {became}"
    return Verdict(
        Kind.BITS,
        sentence,
        FirstDifference(None, "quantizer", None, str(tuple(subject.quantizer)), None if found is None else str(found)),
    )


def as_encoded(form: DatFormat, job: Job[Any], file: Path) -> Verdict:
    """The ``bytes`` verdict: whether a file holds exactly the job's entries, as the oracle writes them."""
    verdict = same_file(partial(form.encode, job.entries), form.fields, file)
    if verdict is PASS:
        return verdict
    found = _digest_of_file([map_file(file)])
    return verdict.comparing(lambda predicts: _digest_of_file(faulty_file(job, form.encode, predicts)) == found)


def as_recorded(record: OptimizerRecord, job: Job[Any], file: Path) -> Verdict:
    """The ``bytes`` verdict: whether an optimizer's file holds exactly this record."""
    verdict = same_file(partial(encode_optimizer, record), fields_of_optimizer, file)
    if verdict is PASS:
        return verdict
    found = _digest_of_file([map_file(file)])

    def as_predicted(predicts: Sequence[str]) -> bool:
        return _digest_of_file(encode_optimizer(faulty_record(job, record, predicts))) == found

    return verdict.comparing(as_predicted)


def _digest_of_file(chunks: Iterable[Buffer]) -> str:
    made = xxhash.xxh3_128()
    for chunk in chunks:
        made.update(chunk)
    return made.hexdigest()


def same_file(encode: Callable[[], Iterable[Buffer]], fields: Walk | None, file: Path) -> Verdict:
    """The ``bytes`` verdict: whether a file holds exactly the bytes that ``encode`` makes. A difference names the field
    in which the first byte lies, its offset and its clause; of a file above ``MOST_EXPLAINED``, and of one of which
    ``fields`` are not known, the byte alone.
    """
    found = map_file(file)
    difference = same_stream(encode(), found)
    if difference is None:
        return PASS
    if fields and memoryview(found).nbytes <= MOST_EXPLAINED:
        difference = explain(b"".join(encode()), found, fields) or difference
    return first([difference], {Kind.BYTES})
