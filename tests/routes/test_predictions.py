"""A fault makes exactly one thing of what was expected, and faults act one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from doubles import FakePeer, MakeJob
from tscompat.catalogue import make as make_bits
from tscompat.codec import OptimizerRecord, encode_state_dict
from tscompat.dotnet_side.messages import Thrown
from tscompat.routes import Job
from tscompat.routes.predictions import faulty, faulty_file, faulty_record
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, StateDict, Tensor, as_float64

NOBODY = FakePeer(lambda call: Thrown("System.Exception", "not asked"))
U8 = BY_NAME["u8"]


def make(job: Job[Any], entries: StateDict, *predicts: str) -> StateDict:
    return faulty(job, entries, predicts)


def names(entries: StateDict) -> list[str]:
    return [name for name, _ in entries]


def numbered(*names: str) -> StateDict:
    """Entries of one byte, their place."""
    return [Entry(name, Tensor(U8, (1,), bytes([place]))) for place, name in enumerate(names)]


def elements(entries: StateDict) -> list[bytes]:
    return [bytes(memoryview(tensor.data).cast("B")) for _, tensor in entries]


@pytest.fixture
def norm(make_job: MakeJob) -> Job[Any]:
    """The job of a BatchNorm2d: weight and bias, then three buffers."""
    return make_job("layer/batchnorm2d/made-as-f16/f16", "dat", NOBODY)


@pytest.fixture
def load(make_job: MakeJob) -> Job[Any]:
    """The job of a load of a, b, c and d, in whose file b comes twice and d is missing."""
    return make_job("load/damaged/duplicate/f32", "load", NOBODY)


def test_buffers_go_behind_parameters_and_tied_parameters_behind_all(make_job: MakeJob) -> None:
    job = make_job("tied/apart/f32", "dat", NOBODY)
    made = make(job, job.entries, "parameters-before-buffers")
    assert names(made) == ["encoder.weight", "bias", "decoder.weight"]


def test_parameters_stay_in_their_order_and_so_do_buffers(make_job: MakeJob) -> None:
    job = make_job("role/both/bf16", "dat", NOBODY)
    buffer, parameter = job.specs[1], job.specs[0]
    specs = tuple(replace(spec, name=name) for name, spec in zip("abcd", (buffer, parameter) * 2, strict=True))
    made = make(replace(job, specs=specs), numbered(*"abcd", "more"), "parameters-before-buffers")
    assert names(made) == ["b", "d", "more", "a", "c"]


def test_a_tied_parameter_stands_behind_buffers(make_job: MakeJob) -> None:
    job = make_job("tied/apart/f32", "dat", NOBODY)
    first, other, tied = job.specs
    specs = (first, tied, replace(other, buffer=True))
    made = make(replace(job, specs=specs), job.entries, "parameters-before-buffers")
    assert names(made) == [first.name, other.name, tied.name]


def test_each_old_name_needs_a_new_one(norm: Job[Any]) -> None:
    with pytest.raises(ValueError, match="zip"):
        make(norm, numbered("a"), "renamed a b c")


@pytest.mark.parametrize("predicts", [["unheard-of"], ["without a", "unheard-of"]])
def test_an_unknown_fault_is_an_error(norm: Job[Any], predicts: Sequence[str]) -> None:
    with pytest.raises(KeyError, match="unheard-of"):
        faulty(norm, numbered("a"), predicts)


def test_what_has_no_nan_has_no_quiet_one(norm: Job[Any]) -> None:
    entries = numbered("w", "v")
    assert make(norm, entries, "quiet-nans") == entries


@pytest.mark.parametrize(
    ("predicts", "expected"),
    [
        (["root-first"], ["top", "last", "a.w", "b.w"]),
        (["begins-with b.* last"], ["b.w", "last", "a.w", "top"]),
        (["without *.w"], ["top", "last"]),
        (["without a.* last"], ["b.w", "top"]),
        (["renamed top bottom b.w c.w"], ["a.w", "c.w", "bottom", "last"]),
        (["without last", "begins-with top"], ["top", "a.w", "b.w"]),
        (["renamed top last.w", "without last*"], ["a.w", "b.w"]),
        ([], ["a.w", "b.w", "top", "last"]),
    ],
)
def test_names_and_their_order(norm: Job[Any], predicts: Sequence[str], expected: list[str]) -> None:
    entries = numbered("a.w", "b.w", "top", "last")
    made = faulty(norm, entries, predicts)
    assert names(made) == expected
    assert {place for _, (_, _, place) in made} <= {place for _, (_, _, place) in entries}


@pytest.mark.parametrize(
    ("dtype", "fault", "before", "after"),
    [
        ("f16", "sign-of-the-storage", "003c 00bc", "00bc 003c"),
        ("f32", "quiet-nans", "0100807f 0100c07f 0000807f", "0100c07f 0100c07f 0000807f"),
        ("c64", "sign-of-the-storage", "0000803f 0000803f", "0000803f 000080bf"),
        ("f16", "quiet-nans", "017c 017e 007c 01fc", "017e 017e 007c 01fe"),
        ("c32", "quiet-nans", "017c 017c", "017c 017e"),
    ],
)
def test_values(norm: Job[Any], dtype: str, fault: str, before: str, after: str) -> None:
    size = len(bytes.fromhex(before)) // BY_NAME[dtype].itemsize
    entries = [Entry("w", Tensor(BY_NAME[dtype], (size,), bytes.fromhex(before)))]
    made = make(norm, entries, fault)
    assert (names(made), elements(made)) == (["w"], [bytes.fromhex(after)])


def test_a_view_is_filled_from_the_first_element_of_its_storage_on(make_job: MakeJob) -> None:
    job = make_job("layout/target/offset/i64", "pybridge-pickle", NOBODY)
    (made,) = make(job, job.entries, "strides-of-the-file")
    wanted, found = (np.frombuffer(each.data, np.int64) for each in (job.entries[0].tensor, made.tensor))
    assert found[:-3].tolist() == wanted[3:].tolist()
    assert found[-3:].tolist() == (~wanted[-3:]).tolist()


def test_what_is_not_filled_keeps_the_bits_of_its_constructor(norm: Job[Any]) -> None:
    made = dict(make(norm, norm.entries, "made-by-the-constructor num_*"))
    assert bytes(memoryview(made["num_batches_tracked"].data).cast("B")) == bytes(8)
    assert made["weight"] is dict(norm.entries)["weight"]


def test_numbers_are_converted(norm: Job[Any]) -> None:
    entries = [Entry("n", Tensor(BY_NAME["i64"], (), (3).to_bytes(8, "little")))]
    ((_, (dtype, _, data)),) = make(norm, entries, "converted n f16")
    assert (dtype.name, bytes(memoryview(data).cast("B")).hex()) == ("f16", "0042")


def test_a_schema_is_converted_without_bytes(norm: Job[Any]) -> None:
    made = make(norm, [Entry("n", Tensor(BY_NAME["i64"], (), b""))], "converted n f16")
    assert made == [Entry("n", Tensor(BY_NAME["f16"], (), b""))]


def test_an_unknown_type_is_another_number_in_the_file(norm: Job[Any]) -> None:
    norm.entries[:] = numbered("w")
    assert b"".join(faulty_file(norm, encode_state_dict, ["unknown-type 4711"])).hex(" ") == "01 01 77 e7 24 01 01 00"


def test_names_are_counted_in_characters(norm: Job[Any]) -> None:
    norm.entries[:] = numbered("ö", "w")
    made = b"".join(faulty_file(norm, encode_state_dict, ["names-in-characters"]))
    assert made.hex(" ") == "02 01 c3 b6 00 01 01 00 01 77 00 01 01 01"


def test_a_file_is_made_of_the_job_and_of_more_than_one_piece(norm: Job[Any]) -> None:
    large = Entry("w", Tensor(U8, (1 << 20,), bytes(1 << 20)))
    norm.entries[:] = [large]
    as_it_is = b"".join(map(bytes, encode_state_dict([large])))
    made = b"".join(faulty_file(norm, encode_state_dict, ["kept w", "names-in-characters"]))
    assert made == as_it_is
    assert b"".join(faulty_file(norm, encode_state_dict, ["kept w"])) == as_it_is


def test_other_faults_come_before_that_of_the_file(norm: Job[Any]) -> None:
    norm.entries[:] = numbered("ö", "w")
    made = b"".join(faulty_file(norm, encode_state_dict, ["without w", "names-in-characters"]))
    assert made.hex(" ") == "01 01 c3 b6 00 01 01 00"


def test_what_a_module_holds_after_a_load(load: Job[Any]) -> None:
    before = dict(load.entries)
    other = [Entry(name, tensor._replace(data=bytes(tensor.nbytes))) for name, tensor in load.entries]
    made = dict(make(load, other, "kept c", "loaded a b", "loaded-as b d", "loaded-in-part c 4"))
    in_the_file = dict(make(load, other, "loaded a b c"))
    a, b, c = (bytes(memoryview(in_the_file[name].data).cast("B")) for name in "abc")
    assert elements(list(map(Entry, "abcd", made.values()))) == [a, b, c[:4] + bytes(before["c"].data)[4:], b]


def test_one_row_fills_a_tensor(make_job: MakeJob) -> None:
    job = make_job("load/shape/row/f32", "load", NOBODY)
    rows = {name: np.frombuffer(tensor.data, np.uint8) for name, tensor in job_file(job)}
    ((name, row), *_) = [(name, row) for name, row in rows.items() if row.size < dict(job.entries)[name].nbytes]
    made = make(job, job.entries, f"broadcast {name}")
    found = np.frombuffer(dict(made)[name].data, np.uint8)
    assert found.tolist() == np.tile(row, found.size // row.size).tolist()
    assert [tensor for each, tensor in made if each != name] == [each for other, each in job.entries if other != name]


def job_file(job: Job[Any]) -> StateDict:
    """The entries of the file of a load."""
    return make_bits(f"{job.case.id}/file", job.subject.file)


def test_only_what_matches_is_loaded_from_the_file(load: Job[Any]) -> None:
    for words in ("kept a", "loaded a", "loaded-as b a", "loaded-in-part a 4", "broadcast a"):
        other = [Entry(name, tensor._replace(data=bytes(tensor.nbytes))) for name, tensor in load.entries]
        made = make(load, other, words)
        assert names(made) == names(other)
        assert made[1:] == other[1:], words
        assert elements(made)[0] != elements(other)[0], words


def test_of_a_name_that_comes_twice_the_last_one_is_loaded(load: Job[Any]) -> None:
    one = load.entries
    twice = make(load, one, "loaded b")
    assert elements(twice)[0] == elements(one)[0]
    assert elements(twice)[1] != elements(one)[1]


@pytest.mark.parametrize("predicts", [["converted weight f32"], ["made-by-the-constructor w*"]])
def test_only_what_matches_is_made_otherwise(norm: Job[Any], predicts: list[str]) -> None:
    made = faulty(norm, norm.entries, predicts)
    differing = [name for (name, tensor), (_, other) in zip(made, norm.entries, strict=True) if tensor is not other]
    assert differing == ["weight"]


# An optimizer.


F64 = BY_NAME["f64"]
OPTIONS = [
    Entry(name, Tensor(F64, (), np.array(value)))
    for name, value in (("group.0.initial_lr", 0.5), ("group.0.lr", 0.1), ("state.0.eta", 0.1))
]


def numbers(entries: StateDict) -> list[float]:
    return [float(as_float64(tensor)[0]) for _, tensor in entries]


def test_the_present_rate_takes_the_place_of_the_initial_one(norm: Job[Any]) -> None:
    assert numbers(make(norm, OPTIONS, "present-rate-as-initial")) == [0.1, 0.1, 0.1]


def test_numbers_that_match_are_rounded_to_float32_and_stay_float64(norm: Job[Any]) -> None:
    made = make(norm, OPTIONS, "rounded-to-float32 *.eta")
    assert numbers(made) == [0.5, 0.1, float(np.float32(0.1))]
    assert {tensor.dtype for _, tensor in made} == {F64}


def test_faults_of_a_record_change_its_options_and_states_and_no_types(norm: Job[Any]) -> None:
    tensor = Tensor(BY_NAME["f32"], (1,), np.array([0.25], "<f4"))
    group = {"initial_lr": 0.0, "lr": 0.1, "maximize": True}
    record = OptimizerRecord("ASGD", [group], [{"step": 3, "eta": 0.1, "mu": 0.0, "ax": tensor}])
    made = faulty_record(norm, record, ["present-rate-as-initial", "rounded-to-float32 *.eta", "unknown-type 4711"])
    assert made.groups == [{**group, "initial_lr": 0.1}]
    [state] = made.states
    ax = state["ax"]
    assert isinstance(ax, Tensor)
    assert ax.dtype.code == 4711
    assert {**state, "ax": None} == {"step": 3, "eta": float(np.float32(0.1)), "mu": 0.0, "ax": None}
    assert [type(value) for value in (made.groups[0]["maximize"], state["step"], state["mu"])] == [bool, int, float]


def test_a_record_without_faults_stays_as_it_is(norm: Job[Any]) -> None:
    record = OptimizerRecord("SGD", [{"lr": 0.0}], [{"momentum_buffer": None}])
    assert faulty_record(norm, record, []) == record
    assert faulty_record(norm, record, ["kept no-such-*"]) == record
