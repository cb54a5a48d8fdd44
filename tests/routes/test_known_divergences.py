"""Every table of the known divergences accepts its own fault, and no invented other one of the same kind.

What is found is invented here, and goes through the functions with which the routes judge it; .NET does not run.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import pytest

from doubles import FakePeer, MakeJob, transfer, with_peer
from tscompat.catalogue import Load, load_catalogue, make_inputs
from tscompat.codec import OptimizerRecord, encode_optimizer
from tscompat.codec.optimizer import flat_options, flat_states
from tscompat.dotnet_side.digest import digest, tensor_digest
from tscompat.dotnet_side.messages import Loaded, LoadedInto, Thrown
from tscompat.python_side.models import faulty as faulty_modules
from tscompat.python_side.models import loading, native
from tscompat.python_side.optimizer_run import OptimizerRun, Start, results
from tscompat.resources.folders import data_folder
from tscompat.resources.whole import write_whole
from tscompat.routes import ROUTES, Job, judging, verdict_ids
from tscompat.routes.dotnet_half import RefusedLoad
from tscompat.routes.formats import STATE_DICT, TENSOR
from tscompat.routes.forward import agrees
from tscompat.routes.optim import FIRST
from tscompat.routes.predictions import ENCODINGS, FAULTS, STEPS, faulty, remade
from tscompat.routes.route import PYTHON_TO_DOTNET
from tscompat.routes.steps import Steps
from tscompat.values.compare import compare, first
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, StateDict, Tensor
from tscompat.values.verdict import Kind, Verdict, VerdictId
from tscompat.verdicts.divergence import Divergence, Lookup
from tscompat.verdicts.entries import read_entries

ALL = Divergence.of(read_entries(data_folder("cases") / "divergences"))


def name_of(table: Divergence) -> str:
    return f"{table.name}-{table.position}"


REFUSING = [table for table in ALL if table.kind is Kind.REFUSED and table.expected.message]


@pytest.mark.parametrize("table", REFUSING, ids=name_of)
def test_a_refusal_of_another_type_with_the_same_words_is_another_fault(table: Divergence) -> None:
    """So the part of the message before the colon stands for itself: it has no wildcard."""
    kind, colon, words = table.expected.message.partition(": ")
    assert (colon, re.search(r"(?<!\\)[.*+?]", kind)) == (": ", None) or (not words and kind.endswith("$"))


@functools.cache
def covered() -> Mapping[Divergence, list[VerdictId]]:
    """The ids on the CPU that each table covers: those of small cases first."""
    lookup = Lookup(ALL)
    ids: dict[Divergence, list[VerdictId]] = {table: [] for table in ALL}
    for verdict_id in verdict_ids(load_catalogue()):
        if verdict_id.device == "cpu":
            for table in lookup.covering(str(verdict_id)):
                ids[table].append(verdict_id)
    return {table: sorted(found, key=cost) for table, found in ids.items()}


def cost(verdict_id: VerdictId) -> tuple[bool, bool, bool]:
    """A sort key: a script's files last, then models, then wide dtypes."""
    route, _, _, case, _ = verdict_id
    script, model, wide = ROUTES[route].script, case.startswith("arch/"), not case.endswith("/bf16")
    return bool(script), model and route != "schema", wide


def is_of_optimizers(table: Divergence) -> bool:
    return all(each.case.startswith("optim/") for each in covered()[table])


def computes(table: Divergence) -> bool:
    return covered()[table][0].route == "forward"


# Tables that predict.


PREDICTING = [each for each in ALL if each.expected.predicts and not is_of_optimizers(each)]


@pytest.mark.parametrize("table", [each for each in PREDICTING if not computes(each)], ids=name_of)
def test_what_the_faults_make_is_accepted_and_nothing_else(table: Divergence, make_job: MakeJob) -> None:
    predicts = table.expected.predicts
    verdict_id = covered()[table][0]
    job = make_job(verdict_id.case, verdict_id.route, FakePeer(lambda call: Thrown("System.Exception", "not asked")))
    expected, judged = expected_and_judged(table, verdict_id, job)
    made = faulty(job, expected, [each for each in predicts if each not in ENCODINGS])
    assert is_expected(judged(made), predicts), "the fault itself"
    if digest(made) != digest(expected):  # the fault is not one of a file alone
        assert not is_expected(judged(expected), predicts), "no fault at all"
    for what, other in others(made, expected, ordered=verdict_id.check in ("order", "bytes")):
        assert not is_expected(judged(other), predicts), what


@pytest.mark.parametrize("table", [each for each in PREDICTING if computes(each)], ids=name_of)
def test_what_the_faulty_module_computes_is_accepted_and_nothing_else(table: Divergence, make_job: MakeJob) -> None:
    predicts = table.expected.predicts
    verdict_id = covered()[table][0]
    job = make_job(verdict_id.case, verdict_id.route, FakePeer(lambda call: Thrown("System.Exception", "not asked")))
    given = make_inputs(job.case.id, job.subject)

    def computed(faults: Sequence[str]) -> StateDict:
        module = native.computing(job.subject, job.entries, job.subject.dtype, faults)
        return native.forward(module, job.subject, given, job.subject.dtype)

    def judged(found: StateDict) -> Verdict:
        return agrees(job.subject, job.entries, given, found, job.subject.dtype)

    ((name, (dtype, shape, data)),) = made = computed(predicts)
    assert is_expected(judged(made), predicts), "the fault itself"
    assert not is_expected(judged(computed(())), predicts), "no fault at all"
    numbers = np.frombuffer(data, np.uint8).view(dtype.scalar)
    for what, other in (("NaN", numbers * np.nan), ("another value", numbers * 1.5)):
        invented = Tensor(dtype, shape, other.astype(dtype.scalar).tobytes())
        assert not is_expected(judged([Entry(name, invented)]), predicts), what
    assert not is_expected(judged([Entry("other", Tensor(dtype, shape, data))]), predicts), "another name"


def is_expected(verdict: Verdict, predicts: Sequence[str]) -> bool:
    return verdict.as_predicted is not None and verdict.as_predicted(predicts)


def expected_and_judged(
    table: Divergence, verdict_id: VerdictId, job: Job[Any]
) -> tuple[StateDict, Callable[[StateDict], Verdict]]:
    """The entries that are expected, and the function that makes the verdict of others that are found."""
    if verdict_id.route == "schema":
        expected = [Entry(spec.name, Tensor(spec.dtype, spec.shape, b"")) for spec in job.specs]
        kinds = {table.kind}
        return expected, lambda found: judging.with_predictions(
            first(compare(expected, found), kinds), job, digest(found), expected
        )
    if table.kind is Kind.REFUSED:
        return job.entries, lambda found: judging.refused(
            RefusedLoad(Thrown("System.Exception", "names"), loaded(job.entries, found)), job
        )
    if table.kind is Kind.BYTES:
        return job.entries, lambda found: judged_file(table, job, found)
    if isinstance(job.subject, Load):
        after = loaded_by_python(verdict_id, job)
        return after, lambda found: judged_load(verdict_id, job, found)
    if verdict_id.check == "order":
        return job.entries, lambda found: judging.held(found, job, {Kind.NAMES, Kind.ORDER})
    if verdict_id.direction == PYTHON_TO_DOTNET:
        return job.entries, lambda found: judging.loaded(loaded(job.entries, found), job)
    return job.entries, lambda found: judging.held(found, job)


def loaded(expected: StateDict, found: StateDict) -> Loaded:
    """What a peer answers if memory holds ``found``."""
    names, places = {entry.name for entry in found}, {entry.name: place for place, entry in enumerate(expected)}
    both = sorted((entry for entry in found if entry.name in places), key=lambda entry: places[entry.name])
    missing = tuple(name for name in places if name not in names)
    unexpected = tuple(entry.name for entry in found if entry.name not in places)
    return Loaded(tuple(compare(expected, found)), missing, unexpected, digest(both), None)


def judged_file(table: Divergence, job: Job[Any], found: StateDict) -> Verdict:
    form = TENSOR if job.overload.startswith("tensor") else STATE_DICT
    write_whole(job.artifact, ENCODINGS.get(table.expected.predicts[-1], form.encode)(found))
    return judging.as_encoded(form, job, job.artifact)


def loaded_by_python(verdict_id: VerdictId, job: Job[Any]) -> StateDict:
    """What PyTorch's module holds after the load."""
    judged_load(verdict_id, job, [])  # writes the file
    form = ROUTES[verdict_id.route].directions[verdict_id.direction].args[0]  # pyright: ignore
    return loading.load(job.subject, job.entries, partial(form.read, job.artifact), form.unreadable)[1]


def judged_load(verdict_id: VerdictId, job: Job[Any], found: StateDict) -> Verdict:
    state = {name: tensor_digest(tensor) for name, tensor in found}
    answering = with_peer(job, lambda call: LoadedInto(None, True, state, {}))
    return transfer(answering, verdict_id.route, verdict_id.direction).verdicts["state"]


def others(made: StateDict, expected: StateDict, *, ordered: bool) -> Iterator[tuple[str, StateDict]]:
    """Other faults of every kind: state dicts that differ from ``made`` in one thing."""
    names = {entry.name for entry in expected}
    yield "one name more", [*made, Entry("invented", Tensor(BY_NAME["u8"], (1,), b"!"))]
    if made:
        yield "another missing name", made[1:]
        yield "another name", [Entry("invented", made[0].tensor), *made[1:]]
    if ordered and len(made) > 1:
        yield "another order", [*made[1:], made[0]]
    for place, (name, tensor) in enumerate(made):
        data = np.frombuffer(tensor.data, np.uint8).copy()
        if not data.size or name not in names:
            continue
        changes = {"another element": data.copy(), "another last element": data.copy(), "NaN": data.copy()}
        changes["another element"][0] ^= 1
        changes["another last element"][-1] ^= 0x10
        if tensor.dtype.mantissa_bits:
            changes["NaN"].view(tensor.dtype.scalar)[-1] = np.nan
        for what, changed in changes.items():
            if not np.array_equal(changed, data):
                yield what, [*made[:place], Entry(name, tensor._replace(data=changed)), *made[place + 1 :]]
        return


# Tables of optimizers.


@pytest.mark.parametrize(
    "table", [each for each in ALL if each.expected.predicts and is_of_optimizers(each)], ids=name_of
)
def test_what_the_faults_of_an_optimizer_make_is_accepted_and_nothing_else(
    table: Divergence, make_job: MakeJob
) -> None:
    predicts = table.expected.predicts
    for verdict_id in {each.check: each for each in covered()[table]}.values():
        job = make_job(verdict_id.case, verdict_id.route, FakePeer(lambda call: Thrown("System.Exception", "no")))
        right, made, judged = of_steps(verdict_id, job) if STEPS in predicts else of_record(verdict_id, job, predicts)
        assert is_expected(judged(made), predicts), "the fault itself"
        assert not is_expected(judged(right), predicts), "no fault at all"
        for what, other in others(made, right, ordered=False):
            within = what == "another element" and STEPS in predicts  # rounding explains a last bit
            if not within and not (verdict_id.check == "bytes" and "name" in what):  # a file has no names
                assert not is_expected(judged(other), predicts), what


Judged: TypeAlias = tuple[StateDict, StateDict, Callable[[StateDict], Verdict]]
"""What is expected, what the faults make of it, and the function that makes the verdict of what is found."""


def of_steps(verdict_id: VerdictId, job: Job[Any]) -> Judged:
    case = job.subject
    first = verdict_id.check == FIRST
    start, numbers = Start(case, job.entries), range(case.steps)
    if not first:
        run = OptimizerRun.begun(start)
        run.steps(numbers)
        start, numbers = replace(start, record=run.record()), range(case.steps, case.steps + case.after)
    faulty_start = replace(start, faulty=True)
    parts = {FIRST: ("parameter.", "state."), "count": ("state.",)}.get(verdict_id.check, (f"{verdict_id.check}.",))

    def compared(entries: StateDict) -> StateDict:
        return [
            each
            for each in entries
            if each.name.startswith(parts) and (first or each.name.endswith(".step") == (verdict_id.check == "count"))
        ]

    right, made = (compared(results(each, numbers)) for each in (start, faulty_start))
    return right, made, lambda found: Steps(start, faulty_start, numbers).judge(right, found)


def of_record(verdict_id: VerdictId, job: Job[Any], predicts: Sequence[str]) -> Judged:
    run = OptimizerRun(job.subject, job.entries, faulty=True)
    run.steps(range(job.subject.steps))
    record = run.record()
    expected = [*flat_options(record), *flat_states(record)]
    made = faulty(job, expected, predicts)
    if verdict_id.check == "bytes":
        return expected, made, lambda found: judged_record(job, record, remade(record, found))
    return (
        expected,
        made,
        lambda found: judging.with_predictions(first(compare(expected, found)), job, digest(found), expected),
    )


def judged_record(job: Job[Any], expected: OptimizerRecord, found: OptimizerRecord) -> Verdict:
    write_whole(job.artifact, encode_optimizer(found))
    return judging.as_recorded(expected, job, job.artifact)


# Tables of words.

INVENTED: Mapping[Kind, Sequence[str]] = {
    Kind.REFUSED: [
        *(f"System.{name}: something else" for name in ("Exception", "ArgumentException", "InvalidOperationException")),
        *(f"System.{name}: something else" for name in ("NotSupportedException", "NotImplementedException")),
        *(f"System.{name}: something else" for name in ("InvalidCastException", "NullReferenceException")),
        *(f"System.{name}: something else" for name in ("ObjectDisposedException", "Text.Json.JsonException")),
        "System.Runtime.InteropServices.ExternalException: something else",
        *(f"{name}: something else" for name in ("KeyError", "TypeError", "AttributeError", "ValueError")),
        *(f"Python's writer: {name}: something else" for name in ("KeyError", "RuntimeError", "ValueError")),
        "RuntimeError: something else",
        "TorchSharp: something else; expected: open",
    ],
    Kind.ACCEPTED: [
        "PyTorch refuses: something else",
        "TorchSharp: something else; expected: refused",
        "no error; the file breaks leb128.range; 'other' otherwise, the others loaded",
        "no error; the file breaks something.else; all loaded",
    ],
    Kind.NAMES: ["'c' was not loaded, the report has True", "'b' was loaded, the report has None", "missing 'other'"],
    Kind.BYTES: [
        "unreadable: RuntimeError: something else",
        "unreadable: UnpicklingError: something else",
        "unreadable: byte 3: something else",
        "byte 3: expected 0x00, found 0xff",
        "TorchSharp: something else; expected: the same file",
    ],
    Kind.BITS: [
        "scale 0.5 and zero point 3 became scale 1.0 and zero point 0",
        "scale 0.25 and zero point 3 became scale nan and zero point 0",
        "TorchSharp: something else; expected: training",
        "element [0] of 'weight' (f32): expected 0x3f800000 (1.0), found 0x7fc00000 (nan); 1 of 1 elements differ",
        "'a' loaded, the others kept, then System.Exception: something else",
        "all otherwise, then System.IO.EndOfStreamException: something else",
        "the next load: 'other' has other bits",
    ],
    Kind.CRASH: ["the peer died with signal SIGKILL", "the worker died"],
    Kind.MEMORY: ["a file of 3 bytes takes too much memory: System.Exception: something else"],
    Kind.TIMEOUT: ["something else"],
    Kind.DTYPE: ["dtype of 'other': expected f64, found f32"],
}
"""Details of verdicts that no known fault has."""


@pytest.mark.parametrize("table", [each for each in ALL if not each.expected.predicts], ids=name_of)
def test_no_other_message_is_accepted(table: Divergence) -> None:
    accepted = [detail for detail in INVENTED[table.kind] if re.search(table.expected.message, detail)]
    assert accepted == []


def test_every_fault_is_used() -> None:
    used = {words.split()[0] for table in ALL for words in table.expected.predicts}
    assert used == {*FAULTS, *ENCODINGS, *faulty_modules.FAULTS, STEPS}
