"""The verdicts of a peer's answers and of files; of refused loads, from what the load without strict gave."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from doubles import MakeJob
from tscompat.catalogue import Model, load_catalogue
from tscompat.codec import OptimizerRecord, encode_optimizer, encode_state_dict
from tscompat.dotnet_side.client import NotAsked, Violation
from tscompat.dotnet_side.digest import digest
from tscompat.dotnet_side.errors import PeerBroken
from tscompat.dotnet_side.messages import Loaded, Thrown
from tscompat.python_side.torch_tensors import poison
from tscompat.resources.whole import write_whole
from tscompat.routes import Job, judging
from tscompat.routes.dotnet_half import RefusedLoad
from tscompat.routes.formats import STATE_DICT
from tscompat.routes.route import DOTNET_TO_PYTHON, PYTHON_TO_DOTNET
from tscompat.values.compare import compare
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, StateDict, Tensor
from tscompat.values.verdict import PASS, FirstDifference, Kind, Verdict

THROWN = Thrown("System.ArgumentException", "Mismatched state_dict sizes: expected 2, but found 3 entries.")
REFUSAL = f"{THROWN.type_name}: {THROWN.message}"


@pytest.fixture
def job(make_job: MakeJob) -> Job[Any]:
    return make_job("tied/apart/f32", "dat")


def loaded(job: Job[Any], memory: StateDict) -> Loaded:
    """What an honest peer answers where this is .NET's memory."""
    names = {name for name, _ in memory}
    return Loaded(
        differences=tuple(compare(job.entries, memory)),
        missing=tuple(name for name, _ in job.entries if name not in names),
        unexpected=(),
        digest=digest(memory),
        quantizer=(0.5, 3),
    )


def refused(job: Job[Any], lax: Loaded | Thrown) -> tuple[Kind, str]:
    verdict = judging.refused(RefusedLoad(THROWN, lax), job)
    return verdict.kind, verdict.detail


def test_equal_entries_leave_the_refusal(job: Job[Any]) -> None:
    expected = f"{REFUSAL}; without strict: missing 'decoder.weight'; the other 2 are equal"
    assert refused(job, loaded(job, job.entries[:2])) == (Kind.REFUSED, expected)


def test_nothing_missing_leaves_the_refusal(job: Job[Any]) -> None:
    assert refused(job, loaded(job, job.entries)) == (
        Kind.REFUSED,
        f"{REFUSAL}; without strict: all entries are equal",
    )


def test_where_there_is_nothing_to_compare_that_is_stated(make_job: MakeJob) -> None:
    empty = make_job("count/0/f32", "dat")
    assert refused(empty, loaded(empty, [])) == (Kind.REFUSED, f"{REFUSAL}; without strict: there are no entries")


@pytest.mark.parametrize(
    ("case_id", "direction", "asked"),
    [
        ("role/flags/f32", PYTHON_TO_DOTNET, ("flags",)),
        ("role/flags/f32", DOTNET_TO_PYTHON, ()),
        ("quantized/per-tensor/qi8", PYTHON_TO_DOTNET, ("quantizer",)),
        ("quantized/per-tensor/qi8", DOTNET_TO_PYTHON, ("quantizer",)),
        ("role/both/f32", PYTHON_TO_DOTNET, ()),
    ],
)
def test_a_case_asks_for_some_checks(case_id: str, direction: str, asked: tuple[str, ...]) -> None:
    assert judging.asked(load_catalogue()[case_id], direction) == asked


def test_an_entry_that_was_not_loaded_is_a_difference_of_bits(job: Job[Any]) -> None:
    first, second, _ = job.entries
    kind, detail = refused(job, loaded(job, [first, Entry(second.name, poison(second.tensor))]))
    assert kind is Kind.BITS
    assert detail.startswith("element [0] of 'bias' (f32): expected ")
    assert detail.endswith(f"; missing 'decoder.weight'; this is without strict, which refuses: {REFUSAL}")


def test_a_second_refusal_is_stated_too(job: Job[Any]) -> None:
    again = Thrown("System.IO.EndOfStreamException", "no more")
    expected = f"{REFUSAL}; without strict too: System.IO.EndOfStreamException: no more"
    assert refused(job, again) == (Kind.REFUSED, expected)


def test_a_peer_that_did_not_read_the_other_entries_is_found_out(job: Job[Any]) -> None:
    (names,) = compare(job.entries, job.entries[:2])
    held = digest(job.entries[:1])
    lying = Loaded(differences=(names,), missing=("decoder.weight",), unexpected=(), digest=held, quantizer=None)
    with pytest.raises(PeerBroken) as broken:
        refused(job, lying)
    assert str(broken.value) == "the peer reports no difference, but its digest is not that of the case's bits"


def test_the_quantizer_of_a_refused_load_is_refused(job: Job[Any]) -> None:
    verdicts = judging.arrived(RefusedLoad(THROWN, loaded(job, job.entries[:2])), job)
    assert (verdicts["quantizer"].kind, verdicts["quantizer"].detail) == (Kind.REFUSED, REFUSAL)
    assert verdicts["bits"].kind is Kind.REFUSED


@pytest.mark.parametrize(
    ("only", "detail"),
    [
        ({Kind.NAMES, Kind.BITS}, "missing 'decoder.weight'; the other 2 are equal"),
        ({Kind.NAMES, Kind.ORDER}, "entry 0: expected 'encoder.weight', found 'bias'; missing 'decoder.weight'"),
    ],
)
def test_what_a_file_holds_is_judged_though_an_entry_is_missing(job: Job[Any], only: set[Kind], detail: str) -> None:
    assert judging.held(job.entries[1::-1], job, only).detail == detail


# Exceptions.


def test_a_call_that_was_not_made_is_not_run(job: Job[Any]) -> None:
    assert judging.failure(NotAsked("no .NET"), job) == Verdict(Kind.NOT_RUN, "no .NET")


def test_an_exception_has_one_line_and_no_paths(job: Job[Any]) -> None:
    message = f"  cannot read {job.expected_file} into {job.artifact}\nframe #0: there"
    assert judging.failure(Thrown("System.Exception", message), job) == Verdict(
        Kind.REFUSED, "System.Exception:   cannot read expected.dat into actual.dat"
    )


def test_what_python_raises_has_the_form_of_dotnets(job: Job[Any]) -> None:
    assert judging.raised(ValueError(f"\n no {job.artifact}\nmore"), job) == "ValueError: no actual.dat"
    assert judging.unreadable(KeyError("w"), job) == Verdict(Kind.BYTES, "unreadable: KeyError: 'w'")


# Loads.


def test_a_load_that_differs_in_nothing_passes(job: Job[Any]) -> None:
    assert judging.loaded(loaded(job, job.entries), job) is PASS


def test_other_bits_need_no_digest_of_the_case(job: Job[Any]) -> None:
    changed = [Entry(job.entries[0].name, poison(job.entries[0].tensor)), *job.entries[1:]]
    assert judging.loaded(loaded(job, changed), job).kind is Kind.BITS


def with_names(job: Job[Any], held: int, unexpected: tuple[str, ...]) -> Loaded:
    """The answer where memory has the first entries, and these unexpected ones."""
    there = job.entries[:held]
    found = [*there, *(Entry(name, there[0].tensor) for name in unexpected)]
    missing = tuple(name for name, _ in job.entries[held:])
    return Loaded(tuple(compare(job.entries, found)), missing, unexpected, digest(there), None)


@pytest.mark.parametrize(
    "changed",
    [
        {"differences": ()},
        {"missing": ()},
        {"missing": ("bias",)},
        {"unexpected": ()},
        {"unexpected": ("other",)},
    ],
)
def test_a_peer_whose_lists_of_names_contradict_its_difference_is_found_out(
    job: Job[Any], changed: dict[str, Any]
) -> None:
    answer = msgspec.structs.replace(with_names(job, 2, ("extra",)), **changed)
    with pytest.raises(PeerBroken) as broken:
        judging.loaded(answer, job)
    assert str(broken.value) == (
        "the names that the peer lists as missing and unexpected are not those of its difference"
    )


@pytest.mark.parametrize(
    ("unexpected", "held", "predicts", "expected"),
    [
        (("extra",), 2, ["renamed decoder.weight extra"], True),
        (("extra",), 2, ["renamed decoder.weight other"], False),
        ((), 2, ["renamed decoder.weight extra"], False),
        (("extra",), 1, ["renamed decoder.weight extra"], False),
        (("extra",), 2, ["without decoder.weight"], False),
        ((), 2, ["without decoder.weight"], True),
        ((), 2, ["root-first", "without decoder.weight"], True),
        ((), 2, ["kept bias", "without decoder.weight"], True),
        (("b", "a"), 1, ["renamed decoder.weight a bias b"], True),
    ],
)
def test_a_fault_predicts_names_and_bits_of_memory(
    job: Job[Any], unexpected: tuple[str, ...], held: int, predicts: list[str], expected: bool
) -> None:
    answer = with_names(job, held, unexpected)
    predicted = judging.loaded(answer, job).as_predicted
    assert predicted is not None
    assert predicted(predicts) is expected


def test_a_refused_load_is_predicted_by_what_the_load_without_strict_gave(job: Job[Any]) -> None:
    verdict = judging.refused(RefusedLoad(THROWN, loaded(job, job.entries[:2])), job)
    assert verdict.as_predicted is not None
    assert [verdict.as_predicted([f"without {name}"]) for name in ("decoder.weight", "bias")] == [True, False]


def test_a_load_gives_verdicts_of_bits_and_of_the_quantizer(make_job: MakeJob) -> None:
    job = make_job("quantized/per-tensor/qi8", "dat")
    assert judging.arrived(loaded(job, job.entries), job) == {
        "bits": PASS,
        "quantizer": Verdict(
            Kind.BITS,
            "scale 0.25 and zero point 3 became scale 0.5 and zero point 3",
            FirstDifference(None, "quantizer", None, "(0.25, 3)", "(0.5, 3)"),
        ),
        "flags": PASS,
    }
    refusal = Verdict(Kind.REFUSED, REFUSAL)
    assert judging.arrived(THROWN, job) == {"bits": refusal, "quantizer": refusal, "flags": refusal}


def test_a_load_that_changes_flags_states_which(job: Job[Any]) -> None:
    answer = msgspec.structs.replace(loaded(job, job.entries), changed=("a: b before, c after", "d: e before, f after"))
    assert judging.arrived(answer, job)["flags"] == Verdict(Kind.BITS, "a: b before, c after; d: e before, f after")


def test_a_broken_rule_is_no_pass(job: Job[Any]) -> None:
    assert judging.failure(Violation("no file"), job) == Verdict(Kind.BITS, "no file")
    assert judging.failed(Violation("no file"))


def test_a_lost_quantizer_is_named(make_job: MakeJob) -> None:
    assert judging.quantizer(None, make_job("quantized/per-tensor/qi8", "dat")) == Verdict(
        Kind.BITS,
        "scale 0.25 and zero point 3 were lost",
        FirstDifference(None, "quantizer", None, "(0.25, 3)", None),
    )


@pytest.mark.parametrize(
    ("case_id", "found"), [("quantized/per-tensor/qi8", (0.25, 3)), ("layer/linear/default/f32", (0.5, 7))]
)
def test_the_quantizer_of_the_case_passes_and_a_module_has_none(
    make_job: MakeJob, case_id: str, found: tuple[float, int]
) -> None:
    job = make_job(case_id, "dat")
    assert isinstance(job.subject, Model) == (found == (0.5, 7))
    assert judging.quantizer(found, job) is PASS


# Files.


def test_equal_entries_pass_in_any_order_unless_the_order_is_asked_for(job: Job[Any]) -> None:
    assert judging.held(job.entries[::-1], job) is PASS
    assert judging.held(job.entries[::-1], job, {Kind.ORDER}).kind is Kind.ORDER


def test_a_fault_of_names_is_predicted_whatever_the_order(job: Job[Any]) -> None:
    predicted = judging.held(job.entries[1::-1], job).as_predicted
    assert predicted is not None
    assert [predicted([f"without {name}"]) for name in ("decoder.weight", "bias")] == [True, False]


def test_a_fault_of_names_that_turns_their_order_is_predicted_too(job: Job[Any]) -> None:
    predicted = judging.held(job.entries[:2], job).as_predicted
    assert predicted is not None
    assert predicted(["begins-with bias", "kept bias", "without decoder.weight"])


def test_a_fault_of_order_is_predicted_in_that_order_alone(job: Job[Any]) -> None:
    found = [*job.entries[1:], job.entries[0]]
    predicted = judging.held(found, job, {Kind.ORDER}).as_predicted
    assert predicted is not None
    assert [predicted([f"begins-with {words}"]) for words in ("bias decoder*", "decoder*")] == [True, False]


def test_an_element_in_the_wrong_place_is_named_where_the_bits_are_the_identity_pattern(make_job: MakeJob) -> None:
    job = make_job("pattern/identity/f32", "dat")
    (name, tensor), *others = job.entries
    data = bytes(memoryview(tensor.data).cast("B"))
    size = tensor.dtype.itemsize
    swapped = data[size : 2 * size] + data[:size] + data[2 * size :]
    verdict = judging.held([Entry(name, tensor._replace(data=swapped)), *others], job)
    assert "; what was found is element [" in verdict.detail


def test_the_bytes_of_a_file_are_those_of_the_entries(job: Job[Any]) -> None:
    write_whole(job.artifact, encode_state_dict(job.entries))
    assert judging.as_encoded(STATE_DICT, job, job.artifact) is PASS
    write_whole(job.artifact, encode_state_dict(job.entries[:2]))
    verdict = judging.as_encoded(STATE_DICT, job, job.artifact)
    words = "the file, count of entries at byte 0x0 (FORMAT 2.1 entry.count): 3 expected, 2 found; the rest differs too"
    assert (verdict.kind, verdict.detail) == (Kind.BYTES, words)
    assert verdict.as_predicted is not None
    assert [verdict.as_predicted([f"without {name}"]) for name in ("decoder.weight", "bias")] == [True, False]


def test_a_difference_of_bytes_in_a_later_entry_is_named_there(job: Job[Any]) -> None:
    *first, (name, tensor) = job.entries
    write_whole(job.artifact, encode_state_dict([*first, Entry(name.upper(), tensor)]))
    detail = judging.as_encoded(STATE_DICT, job, job.artifact).detail
    assert detail.startswith("entry 2, name at byte 0x")


def test_a_file_that_is_expected_in_parts_is_one_file(job: Job[Any]) -> None:
    *first, (name, tensor) = job.entries
    whole = b"".join(encode_state_dict(job.entries))
    write_whole(job.artifact, encode_state_dict([*first, Entry(name.upper(), tensor)]))
    parts = [whole[:9], whole[9:]]
    verdict = judging.same_file(lambda: parts, STATE_DICT.fields, job.artifact)
    assert verdict.detail == judging.as_encoded(STATE_DICT, job, job.artifact).detail


def test_the_bytes_of_an_optimizers_file_are_those_of_the_record(job: Job[Any]) -> None:
    tensor = Tensor(BY_NAME["f32"], (1,), bytes(4))
    group = {"initial_lr": 0.5, "lr": 0.25, "momentum": 0.0, "dampening": 0.0, "weight_decay": 0.0}
    record = OptimizerRecord("SGD", [{**group, "nesterov": False, "maximize": False}], [{"momentum_buffer": tensor}])
    write_whole(job.artifact, encode_optimizer(record))
    assert judging.as_recorded(record, job, job.artifact) is PASS
    other = record._replace(groups=[{**record.groups[0], "initial_lr": 0.25}])
    write_whole(job.artifact, encode_optimizer(other))
    verdict = judging.as_recorded(record, job, job.artifact)
    assert verdict.kind is Kind.BYTES
    assert "(FORMAT 6.3 optimizer.number)" in verdict.detail
    assert verdict.as_predicted is not None
    right = ["present-rate-as-initial", "kept no-such-*"]
    faults: tuple[list[str], ...] = (right, ["rounded-to-float32 *"], [])
    assert [verdict.as_predicted(each) for each in faults] == [True, False, False]
