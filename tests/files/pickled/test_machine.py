"""The unpickler reads what pickle writes, in every protocol; what breaks the rules ends in one error of its own."""

from __future__ import annotations

import pickle
import pickletools
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tscompat.files.pickled.calls import TorchRules
from tscompat.files.pickled.inert import Global, OddKey, OldText, Record
from tscompat.files.pickled.machine import MOST_STEPS, Machine, PickleError

PROTOCOLS = range(6)
RULES = TorchRules(lambda identity: ("persistent", identity))


def load(data: bytes) -> Any:
    machine = Machine(memoryview(data), 0, RULES)
    value = machine.load()
    assert machine.at == len(data)
    return value


KEYS = st.none() | st.booleans() | st.integers(-(2**59) + 1, 2**59 - 1) | st.text()
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**2000), 2**2000) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner) | st.lists(inner).map(tuple),
)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(value=VALUES)
def test_plain_values_of_every_protocol(protocol: int, value: Any) -> None:
    assert load(pickle.dumps(value, protocol)) == value


@given(value=VALUES, protocol=st.sampled_from(PROTOCOLS))
def test_optimized_pickles(value: Any, protocol: int) -> None:
    assert load(pickletools.optimize(pickle.dumps(value, protocol))) == value


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_value_that_holds_itself(protocol: int) -> None:
    value: list[Any] = [1]
    value.append({"again": value})
    found = load(pickle.dumps(value, protocol))
    assert found[1]["again"] is found


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_sets_are_lists(protocol: int) -> None:
    assert load(pickle.dumps([{1}, frozenset({2})], protocol)) == [[1], [2]]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_large_bytes_are_views_of_the_pickle(protocol: int) -> None:
    given_bytes = bytes(5000)
    found = load(pickle.dumps(given_bytes, protocol))
    assert (isinstance(found, memoryview), found) == (protocol >= 3, given_bytes)


PYTHON_2 = [
    (b"S'caf\\xc3\\xa9'\n.", "caf\xe9"),
    (b'S"it\'s"\n.', "it's"),
    (b"U\x04\xff\x00\x01\x02.", "\xff\x00\x01\x02"),
    (b"T\x02\x00\x00\x00ab.", "ab"),
    (b"V\\u20ac\n.", "\u20ac"),
    (b"I01\n.", True),
    (b"I00\n.", False),
    (b"I-7\n.", -7),
    (b"L123456789012345678901234567890L\n.", 123456789012345678901234567890),
    (b"F1.5\n.", 1.5),
    (b"(I1\nI2\nt.", (1, 2)),
    (b"(lp0\nI1\naI2\na.", [1, 2]),
    (b"(dp0\nS'a'\nI1\ns.", {"a": 1}),
    (b"(I1\nI2\nd.", {1: 2}),
    (b"(I1\nI2\nl.", [1, 2]),
    (b"I5\nI6\n0.", 5),
    (b"(I5\n1I6\n.", 6),
    (b"I5\n2\x86.", (5, 5)),
    (b"I5\n(0.", 5),
    (b"I5\n(I6\n1.", 5),
]


@pytest.mark.parametrize(("data", "value"), PYTHON_2)
def test_opcodes_of_python_2(data: bytes, value: object) -> None:
    assert load(data) == value


LONG = b"\2" + bytes(7)
PROTOCOL_4 = [(b"\x8d" + LONG + b"ab.", "ab"), (b"\x8e" + LONG + b"ab.", b"ab"), (b"\x96" + LONG + b"ab.", b"ab")]


@pytest.mark.parametrize(("data", "value"), PROTOCOL_4)
def test_lengths_of_eight_bytes(data: bytes, value: object) -> None:
    assert load(data) == value


def test_half_of_a_surrogate_pair_is_text() -> None:
    assert load(pickle.dumps("\ud800", 2)) == "\ud800"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_array_of_bytes(protocol: int) -> None:
    assert load(pickle.dumps(bytearray(b"\xffab"), protocol)) == b"\xffab"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_more_objects_are_remembered_than_a_byte_counts(protocol: int) -> None:
    value = [[number] for number in range(300)]
    assert load(pickle.dumps(value * 2, protocol)) == value * 2


def test_the_bytes_of_a_text_of_python_2_are_kept() -> None:
    found = load(b"U\x03\xc3\xa9\xff.")
    assert isinstance(found, OldText)
    assert found.raw == b"\xc3\xa9\xff"


class Somebodys:
    """A class that the unpickler must not look up."""

    def __init__(self) -> None:
        self.a = 1

    def __reduce__(self) -> Any:
        return (Somebodys, (1, 2), {"a": 3}, iter([4]), iter([("k", 5)]))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_object_becomes_a_record(protocol: int) -> None:
    found = load(pickle.dumps(Somebodys(), protocol))
    assert isinstance(found, Record)
    assert (str(found.cls), found.args, found.state, found.elements, found.pairs) == (
        f"{Somebodys.__module__}.Somebodys",
        (1, 2),
        {"a": 3},
        [4],
        {"k": 5},
    )


OBJECTS = [
    b"(iposix\nsystem\np0\n.",  # INST
    b"(cposix\nsystem\no.",  # OBJ
    b"cposix\nsystem\n(tR.",  # REDUCE
    b"\x80\x02cposix\nsystem\n)\x81.",  # NEWOBJ
    b"\x80\x04\x8c\x05posix\x8c\x06system\x93)}\x92.",  # STACK_GLOBAL and NEWOBJ_EX
]


@pytest.mark.parametrize("data", OBJECTS)
def test_every_way_to_call_makes_a_record(data: bytes) -> None:
    found = load(data)
    assert isinstance(found, Record)
    assert found.cls == Global("posix", "system")


CALLS = [
    (b"(I1\nI2\niposix\nsystem\n.", (1, 2)),  # INST
    (b"(cposix\nsystem\nI1\nI2\no.", (1, 2)),  # OBJ
    (b"cposix\nsystem\n(I1\nI2\ntR.", (1, 2)),  # REDUCE
    (b"\x80\x02cposix\nsystem\nK\x01K\x02\x86\x81.", (1, 2)),  # NEWOBJ
    (b"\x80\x04\x8c\x05posix\x8c\x06system\x93K\x01\x85}\x8c\x01aK\x02s\x92.", (1, {"a": 2})),  # NEWOBJ_EX
]


@pytest.mark.parametrize(("data", "args"), CALLS)
def test_every_way_to_call_keeps_its_arguments(data: bytes, args: tuple[object, ...]) -> None:
    assert load(data).args == args


@pytest.mark.parametrize("data", [b"P17\n.", b"K\x11Q."])
def test_persistent_ids(data: bytes) -> None:
    assert load(data)[0] == "persistent"


@pytest.mark.parametrize("key", [b"L%dL\n" % 2**61, b"F1.0\n", b"(I1\nI2\nt", b"(l", b"cos\nsystem\n"])
def test_a_key_whose_hash_may_repeat_is_odd(key: bytes) -> None:
    ((found, value),) = load(b"(d" + key + b"I1\ns.").items()
    assert (type(found), value) == (OddKey, 1)


BROKEN = [
    (b"", "incomplete: the pickle has no end, 0 bytes"),
    (b"K\x01", "incomplete: the pickle has no end, 2 bytes"),
    (b".", "the stack is empty"),
    (b"\xff.", "byte 0 of the pickle, 0xff, is no opcode"),
    (b"\x80\x06N.", "its protocol is 6, and the latest known one is 5"),
    (b"h\x05.", "refers to nothing that it remembers"),
    (b"g5\n.", "refers to nothing that it remembers"),
    (b"N\x97.", "buffers that were kept outside of the file"),
    (b"\x82\x01.", "classes of an extension registry"),
    (b"T\xff\xff\xff\xffa.", "a negative length"),
    (b"X\xff\xff\xff\x7fab.", "longer than 67,108,864 bytes"),
    (b"B\xff\xff\xff\x7fab.", "2,147,483,647 bytes should follow byte 5 of the pickle, 3 are there"),
    (b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7fab.", "9,223,372,036,854,775,807 bytes should follow"),
    (b"\x8b\xff\xff\xff\x7fab.", "an integer of 2,147,483,647 bytes"),
    (b"\x8b\xff\xff\xff\xffab.", "damaged"),
    (b"X\x02\x00\x00\x00\xff\xff.", "a text or number"),
    (b"Iabc\n.", "a text or number"),
    (b"L" + b"9" * 4400 + b"L\n.", "longer than 4,096 bytes"),
    (b"S'abc\n.", "has no quotes"),
    (b"S'abc", "the line at byte 1 of the pickle has no end"),
    (b"NNs.", "the stack is empty"),
    (b"NNNs.", "a key is set in what is no dict"),
    (b"(d(Nu.", "a key is set in what is no dict"),
    (b"(NNNd.", "a key is set in what is no dict"),
    (b"NNa.", "appended to what is no list"),
    (b"N(e.", "appended to what is no list"),
    (b"N\x86.", "the stack is empty"),
    (b"t.", "the stack is empty"),
    (b"cos\nsystem\nNR.", "no tuple of arguments"),
    (b"cos\nsystem\n)R}b}b.", "gets its state twice"),
    (b"K\x01}b.", "a value that takes no state gets one"),
    (b"NN\x93.", "none of a class or function"),
    (b"c" + b"a" * 5000 + b"\nb\n.", "longer than 4,096 bytes"),
    (b"c\xff\nb\n.", "a text or number"),
    (b"\x8c\xffab.", "255 bytes should follow"),
    (b"Np4294967296\n.", "by numbers above 4,294,967,296"),
    (b"Np-1\n.", "by numbers above"),
]


@pytest.mark.parametrize(("data", "said"), BROKEN)
def test_a_broken_rule_is_named(data: bytes, said: str) -> None:
    with pytest.raises(PickleError, match=said):
        load(data)


CODES = {opcode.name: opcode.code.encode("latin-1") for opcode in pickletools.opcodes if opcode.name != "STOP"}
EACH = [b"(N]}(NN" + code + bytes(12) for code in CODES.values()]
"""A pickle for each opcode: it, after values that it may take, and before zeros."""


@pytest.mark.parametrize("data", EACH, ids=CODES)
def test_an_opcode_cut_short_anywhere_is_one_error(data: bytes) -> None:
    for end in range(len(data) + 1):
        with pytest.raises(PickleError):
            load(data[:end])


@given(data=st.binary() | st.lists(st.sampled_from([*CODES.values()])).map(b"".join))
def test_any_bytes_give_a_value_or_one_error(data: bytes) -> None:
    with suppress(PickleError):
        Machine(memoryview(data), 0, RULES).load()


def test_the_steps_are_bounded() -> None:
    with pytest.raises(PickleError, match=f"more than {MOST_STEPS:,} steps"):
        load(b"(" + b"N" * MOST_STEPS + b"l.")


def test_the_memo_is_bounded() -> None:
    with pytest.raises(PickleError, match="remembers more than 2,000,000 objects"):
        load(b"N" + b"\x94" * 2_000_001 + b".")


COPIES = {
    "list": b"(" + b"N" * 10_000 + b"l\x94" + b"0cbuiltins\nlist\n(h\x00tR" * 1000 + b".",
    "names": b"(" + b"N" * 10_000 + b"t\x94" + b"0cos\nsystem\nh\x00}NNs\x92" * 1000 + b".",
}


@pytest.mark.parametrize("data", COPIES.values(), ids=COPIES)
def test_a_copy_costs_a_step_for_each_element(data: bytes) -> None:
    with pytest.raises(PickleError, match="steps"):
        load(data)


def test_the_classes_are_bounded() -> None:
    names = b"".join(b"ca\n%d\n0" % number for number in range((1 << 16) + 1))
    with pytest.raises(PickleError, match="names more than 65,536 classes and functions"):
        load(names + b"N.")


def test_deep_nesting_takes_neither_stack_nor_time() -> None:
    depth = 1_000_000
    start = time.monotonic()
    found = load(b"]" * depth + b"a" * (depth - 1) + b".")
    assert isinstance(found, list)
    del found
    assert time.monotonic() - start < 60


def test_what_doubles_is_shared() -> None:
    found = load(b"]" + b"2\x86" * 200 + b".")
    assert found[0] is found[1]
