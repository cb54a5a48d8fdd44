"""The verdicts of hostile files, from what was observed; without a peer. One test asks the real one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from doubles import FakePeer, MakeJob, honestly, kinds, transfer, with_peer
from tscompat import codec
from tscompat.catalogue import Hostile
from tscompat.codec.optimizer import flat_options, flat_states
from tscompat.dotnet_side.messages import HostileLoaded, LoadHostile, Thrown
from tscompat.routes import Job
from tscompat.routes.hostile import MOST, READ, SECONDS, after, digests, outcome, refusal
from tscompat.routes.route import PYTHON_TO_DOTNET
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, StateDict, Tensor
from tscompat.values.verdict import Kind

LONG = "hostile/state-dict/over-long/count/2-bytes/mixed"
CUT = "hostile/state-dict/truncated/0/mixed"
FOREIGN = {
    "safetensors": "hostile/safetensors/trailing/1-00/mixed",
    "pickle": "hostile/pickle/global/other-dict/mixed",
}
END = Thrown("System.IO.EndOfStreamException", "Unable to read beyond the end of the stream.")
BEFORE = dict.fromkeys(("a", "b.", "c"), "before")


@pytest.fixture
def job(make_job: MakeJob) -> Job[Hostile]:
    return make_job(CUT, "hostile-load", FakePeer(lambda call: END))


@pytest.fixture
def over_long(make_job: MakeJob) -> Job[Hostile]:
    return make_job(LONG, "hostile-load", FakePeer(lambda call: END))


def whole(job: Job[Hostile]) -> Mapping[str, str]:
    return digests(READ[job.subject.kind](job.subject.whole, None))


def answer(job: Job[Hostile], **fields: Any) -> HostileLoaded:
    """A clear refusal that changes nothing, but for the fields."""
    honest = HostileLoaded(END, {**BEFORE}, (), 0, False, None, dict(whole(job)))
    return msgspec.structs.replace(honest, **fields)


def partly(job: Job[Hostile]) -> dict[str, Any]:
    """The fields of a load of the first entry alone."""
    return {"state": {**BEFORE, "a": whole(job)["a"]}, "changed": ("a",)}


def test_a_clear_refusal_passes(job: Job[Hostile]) -> None:
    assert refusal(answer(job), job).kind is Kind.PASS


def test_an_error_about_something_else_is_no_clear_refusal(job: Job[Hostile]) -> None:
    verdict = refusal(answer(job, refused=Thrown("System.OverflowException", "Arithmetic.")), job)
    assert (verdict.kind, verdict.detail) == (Kind.REFUSED, "System.OverflowException: Arithmetic.")


@pytest.mark.parametrize(
    "name", ["System.ArgumentOutOfRangeException", "System.NullReferenceException", "System.Exception"]
)
def test_few_exceptions_are_clear(job: Job[Hostile], name: str) -> None:
    assert refusal(answer(job, refused=Thrown(name, "no")), job).kind is Kind.REFUSED


@pytest.mark.parametrize(
    "fields",
    [
        {"allocated": MOST + 1},
        {"refused": Thrown("System.OutOfMemoryException", "no")},
        {"refused": Thrown("System.Runtime.InteropServices.ExternalException", "can't allocate memory: you tried")},
    ],
    ids=["allocated", "managed", "native"],
)
def test_memory_without_bound_is_named(job: Job[Hostile], fields: dict[str, Any]) -> None:
    verdict = refusal(answer(job, **fields), job)
    assert (verdict.kind, verdict.detail[:37]) == (Kind.MEMORY, "a file of 0 bytes takes too much memo")


def test_as_much_memory_as_is_allowed_is_fine(job: Job[Hostile]) -> None:
    assert refusal(answer(job, allocated=MOST), job).kind is Kind.PASS


def test_a_module_that_is_half_changed_is_more_dangerous_than_memory(job: Job[Hostile]) -> None:
    verdict = refusal(answer(job, **partly(job), allocated=MOST + 1), job)
    assert (verdict.kind, verdict.detail) == (
        Kind.BITS,
        f"'a' loaded, the others kept, then {END.type_name}: {END.message}",
    )


def test_no_error_is_the_most_dangerous(job: Job[Hostile]) -> None:
    verdict = refusal(answer(job, **partly(job), refused=None, allocated=MOST + 1), job)
    assert (verdict.kind, verdict.detail) == (
        Kind.ACCEPTED,
        "no error; the file breaks file.truncated; 'a' loaded, the others kept",
    )


def test_nothing_loaded_without_an_error_is_dangerous_too(job: Job[Hostile]) -> None:
    verdict = refusal(answer(job, refused=None), job)
    assert (verdict.kind, verdict.detail) == (Kind.ACCEPTED, "no error; the file breaks file.truncated; all kept")


def test_bits_that_are_in_no_file_are_named(job: Job[Hostile]) -> None:
    state = {**whole(job), "c": "others"}
    verdict = refusal(answer(job, refused=None, state=state, changed=("a", "b.", "c")), job)
    assert verdict.detail.endswith("; 'c' otherwise, the others loaded")


def test_what_a_lenient_reader_takes_may_be_taken(over_long: Job[Hostile]) -> None:
    taken = answer(over_long, refused=None, state=dict(whole(over_long)), changed=("a", "b.", "c"))
    verdict = refusal(taken, over_long)
    assert (verdict.kind, verdict.detail) == (
        Kind.BYTES,
        "taken as a lenient reader takes it; the file breaks leb128.canonical",
    )


def test_with_other_values_it_may_not(over_long: Job[Hostile]) -> None:
    assert refusal(answer(over_long, **partly(over_long), refused=None), over_long).kind is Kind.ACCEPTED


def test_what_no_lenient_reader_takes_may_not_be_taken_with_the_whole_files_bits(job: Job[Hostile]) -> None:
    taken = answer(job, refused=None, state=dict(whole(job)), changed=("a", "b.", "c"))
    assert refusal(taken, job).detail == "no error; the file breaks file.truncated; all loaded"


@pytest.mark.parametrize(
    ("fields", "kind", "words"),
    [
        ({}, Kind.PASS, ""),
        ({"still_open": True}, Kind.REFUSED, "the file is still open"),
        ({"next_refused": END}, Kind.REFUSED, f"the next load: {END.type_name}: {END.message}"),
        ({"next_state": {}}, Kind.BITS, "the next load: 'a', 'b.', 'c' has other bits"),
    ],
    ids=["fine", "open", "refused", "other-bits"],
)
def test_the_next_load_must_be_fine(job: Job[Hostile], fields: dict[str, Any], kind: Kind, words: str) -> None:
    verdict = after(answer(job, **fields), job)
    assert (verdict.kind, verdict.detail) == (kind, words)


def test_an_entry_that_the_whole_file_lacks_is_no_fine_load(job: Job[Hostile]) -> None:
    verdict = after(answer(job, next_state={**whole(job), "d": "more"}), job)
    assert verdict.detail == "the next load: 'd' has other bits"


def test_of_a_name_that_is_there_twice_the_last_counts() -> None:
    entries = [Entry("a", Tensor(BY_NAME["u8"], (), bytes([byte]))) for byte in (7, 8)]
    assert digests(entries) == digests(entries[1:])


def test_the_peer_gets_both_files_and_little_time(job: Job[Hostile]) -> None:
    seen: list[tuple[bytes, ...]] = []

    def look(call: Any) -> HostileLoaded:
        assert isinstance(call, LoadHostile)
        assert call.expected == call.whole
        seen.append(tuple(Path(path).read_bytes() for path in (call.whole, call.artifact)))
        return answer(job)

    assert kinds(with_peer(job, look), "hostile-load", PYTHON_TO_DOTNET) == {"refusal": Kind.PASS, "after": Kind.PASS}
    assert (seen, SECONDS) == ([(job.subject.whole, b"")], 10)


@pytest.mark.parametrize("kind", FOREIGN)
def test_of_a_foreign_file_the_peer_gets_the_entries_of_the_whole_one(make_job: MakeJob, kind: str) -> None:
    seen: list[StateDict] = []

    def look(call: Any) -> Thrown:
        assert isinstance(call, LoadHostile)
        assert (call.reader, Path(call.whole).read_bytes()) == (f"pybridge-{kind}", job.subject.whole)
        seen.append(codec.read_state_dict(call.expected))
        return END

    job = make_job(FOREIGN[kind], f"hostile-pybridge-{kind}", FakePeer(look))
    transfer(job, f"hostile-pybridge-{kind}", PYTHON_TO_DOTNET)
    (entries,) = seen
    assert {name: tensor.shape for name, tensor in entries} == {"a": (2, 1), "b.": (), "c": (3,)}
    assert digests(entries) == digests(READ[kind](job.subject.whole, None))


@pytest.mark.parametrize(("lenient", "kind"), [(True, Kind.BYTES), (False, Kind.ACCEPTED)])
def test_a_case_states_whether_a_lenient_reader_takes_a_foreign_file(
    make_job: MakeJob, lenient: bool, kind: Kind
) -> None:
    job = make_job(FOREIGN["safetensors"], "hostile-pybridge-safetensors", FakePeer(lambda call: END))
    job = replace(job, subject=replace(job.subject, lenient=lenient))
    state = dict(whole(job))
    taken = answer(job, refused=None, state=state, changed=tuple(state))
    assert refusal(taken, job).kind is kind


@pytest.mark.parametrize(("run", "ended"), [("default", 0), ("full", 1)])
def test_after_undefined_behaviour_the_peer_ends(
    job: Job[Hostile], run: Literal["default", "full"], ended: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = FakePeer(lambda call: answer(job))
    closed: list[None] = []
    monkeypatch.setattr(peer, "close", lambda: closed.append(None))
    transfer(replace(job, peer=peer, case=replace(job.case, run=run)), "hostile-load", PYTHON_TO_DOTNET)
    assert len(closed) == ended


def test_what_stops_a_lenient_reader_later_is_not_taken_as_it_reads(over_long: Job[Hostile]) -> None:
    """The first flaw is one after which it goes on, a later one is not."""
    entries = READ["state-dict"](over_long.subject.whole, None)[:1]
    two = replace(over_long.subject, file=over_long.subject.file[:20])
    taken = answer(over_long, refused=None, state=dict(digests(entries)), changed=("a",))
    assert refusal(taken, replace(over_long, subject=two)).kind is Kind.ACCEPTED


@pytest.mark.parametrize("answered", [END, None], ids=["refused", "answered"])
def test_the_file_is_what_is_kept_of_a_transfer(job: Job[Hostile], answered: Thrown | None) -> None:
    assert transfer(
        with_peer(job, lambda call: answered or answer(job)), "hostile-load", PYTHON_TO_DOTNET
    ).artifact == (job.artifact)


def test_a_load_gets_little_time(job: Job[Hostile], monkeypatch: pytest.MonkeyPatch) -> None:
    peer, given = FakePeer(lambda call: answer(job)), list[float]()

    def ask(call: Any, seconds: float) -> HostileLoaded:
        given.append(seconds)
        return answer(job)

    monkeypatch.setattr(peer, "ask", ask)
    transfer(replace(job, peer=peer), "hostile-load", PYTHON_TO_DOTNET)
    assert given == [SECONDS] == [10]


def test_the_few_entries_that_are_otherwise_are_named(job: Job[Hostile]) -> None:
    fields = {"state": {**BEFORE, "a": whole(job)["a"]}, "changed": ("a",)}
    assert outcome(answer(job, **fields), job.subject) == "'a' loaded, the others kept"
    four = replace(job.subject, whole=encoded(["a", "b", "c", "d", "e"]))
    state = dict.fromkeys(("a", "b", "c", "d", "e"), "x")
    changed = ("a", "b")
    assert outcome(answer(job, state=state, changed=changed), four) == "'a', 'b' otherwise, the others kept"


def encoded(names: list[str]) -> bytes:
    return b"".join(codec.encode_state_dict([Entry(name, Tensor(BY_NAME["u8"], (), b"x")) for name in names]))


def test_an_optimizer_is_read_as_its_options_and_states(make_job: MakeJob) -> None:
    job = make_job("hostile/optimizer/bool/nesterov/2/mixed", "hostile-optimizer", FakePeer(lambda call: END))
    record = codec.decode_optimizer(job.subject.whole)
    expected = [*flat_options(record), *flat_states(record)]
    assert digests(READ["optimizer"](job.subject.whole, None)) == digests(expected)
    state = digests(expected)
    taken = answer(job, refused=None, state=state, changed=tuple(state))
    assert refusal(taken, job).kind is Kind.BYTES


def test_what_a_peer_throws_otherwise_is_a_refusal(job: Job[Hostile]) -> None:
    assert {each.kind for each in transfer(job, "hostile-load", PYTHON_TO_DOTNET).verdicts.values()} == {Kind.REFUSED}


@pytest.mark.parametrize(
    ("case_id", "route", "found"),
    [
        (LONG, "hostile-load", {"refusal": Kind.BYTES, "after": Kind.PASS}),
        ("hostile/state-dict/code/entry-0-code/262/mixed", "hostile-load-lax", {"refusal": Kind.ACCEPTED}),
        ("hostile/tensor/truncated/15/mixed", "hostile-tensor-into", {"refusal": Kind.BITS}),
        ("hostile/tensor/truncated/15/mixed", "hostile-tensor", {"refusal": Kind.PASS}),
        ("hostile/tensor/bomb/tensor/dim-2-29/mixed", "hostile-tensor", {"refusal": Kind.MEMORY}),
        ("hostile/optimizer/off-by-one/state-0-dim-0/less/mixed", "hostile-optimizer", {"after": Kind.REFUSED}),
        (FOREIGN["safetensors"], "hostile-pybridge-safetensors", {"after": Kind.PASS}),
        (FOREIGN["pickle"], "hostile-pybridge-pickle", {"after": Kind.PASS}),
    ],
)
def test_the_real_peer_meets_them(real_job: MakeJob, case_id: str, route: str, found: dict[str, Kind]) -> None:
    assert kinds(real_job(case_id, route), route, PYTHON_TO_DOTNET).items() >= found.items()


REAL = {
    "hostile-load": (CUT, b"\x80\x3f"),
    "hostile-load-lax": (CUT, b"\x80\x3f"),
    "hostile-tensor": ("hostile/tensor/truncated/0/mixed", b""),
    "hostile-tensor-into": ("hostile/tensor/truncated/0/mixed", b""),
    "hostile-optimizer": ("hostile/optimizer/truncated/0/mixed", b""),
    "hostile-pybridge-safetensors": ("hostile/safetensors/truncated/0/mixed", b"\x80\x3f"),
    "hostile-pybridge-pickle": ("hostile/pickle/truncated/16/mixed", b"\x80\x3f"),
}
"""By route a file that is refused and changes nothing, and bytes of an element, which are changed (none: the last)."""


@pytest.mark.parametrize("route", REAL)
@pytest.mark.parametrize(("cut", "kind"), [(False, Kind.BITS), (True, Kind.REFUSED)], ids=["other bits", "cut"])
def test_the_real_peer_loads_the_whole_file_and_nothing_else(
    real_job: MakeJob, route: str, cut: bool, kind: Kind
) -> None:
    """The whole file is changed behind the back of what judges it."""
    case_id, element = REAL[route]
    job = real_job(case_id, route)

    def ask(call: Any) -> Any:
        assert isinstance(call, LoadHostile)
        whole = bytearray(job.subject.whole)
        whole[whole.rindex(element) + 1 if element else -1] ^= 1
        other = Path(call.whole).with_suffix(".other")
        other.write_bytes(whole[: len(whole) // 2] if cut else whole)
        return honestly(job, msgspec.structs.replace(call, whole=str(other)))

    assert kinds(with_peer(job, ask), route, PYTHON_TO_DOTNET)["after"] is kind


def test_a_whole_file_as_the_artifact_is_loaded_with_all_its_bits(real_job: MakeJob) -> None:
    job = real_job(CUT, "hostile-load")
    good = replace(job.subject, file=job.subject.whole)
    answered: list[HostileLoaded] = []

    def ask(call: Any) -> Any:
        answered.append(honestly(job, call))
        return answered[0]

    transfer(with_peer(replace(job, subject=good), ask), "hostile-load", PYTHON_TO_DOTNET)
    (seen,) = answered
    assert (seen.refused, seen.state, seen.changed) == (None, whole(job), ("a", "b.", "c"))
