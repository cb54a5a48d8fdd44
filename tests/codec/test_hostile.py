"""Hostile files: what the readers copy and keep is in proportion to the file's size. No test measures time."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest
from typing_extensions import Buffer

from tscompat.codec import FormatError, Problems, decode_optimizer, decode_state_dict, decode_tensor, reader
from tscompat.codec.leb128 import encode

MIB = 1 << 20
COUNT = 5_000
"""Entries, dims or states of a file. They take 5 to 60 KB."""


def entries(rest: bytes | Callable[[int], bytes], count: int = COUNT) -> bytes:
    """A state dict with names of six letters; ``rest`` of an entry, or what makes it of the entry's number."""
    rests = map(rest if callable(rest) else lambda _: rest, range(count))
    return encode(count) + b"".join(b"\6%06d%s" % (number, rest) for number, rest in enumerate(rests))


def ranked(dims: bytes, rank: int = COUNT) -> bytes:
    """A state dict of one entry, named "a", with these dims."""
    return b"\1\1a\0" + encode(rank) + dims


STATE_DICTS = {
    "tiny entries": entries(b"\0\0\7"),
    "tiny entries without elements": entries(b"\0\1\0"),
    "a count of 2^63-1": encode(2**63 - 1) + entries(b"\0\0\7")[len(encode(COUNT)) :],
    "each with a header of its own": entries(lambda number: b"\0\2\0" + encode(number)),
    "each of another rank": entries(lambda number: b"\0" + encode(number) + b"\1" * number + b"\7", 300),
    "dims of 1": ranked(b"\1" * COUNT + b"\7"),
    "dims of two bytes, then 0": ranked(b"\x80\x7f" * (COUNT - 1) + b"\0"),
    "dims of 2^63-1, then 0": ranked((b"\xff" * 8 + b"\x7f") * (COUNT - 1) + b"\0"),
    "dims without elements": ranked(b"\x7f" * COUNT),
    "over-long dims": ranked(b"\x80\0" * COUNT),
    "over-long dims of nine bytes": ranked((b"\x81" + b"\x80" * 7 + b"\0") * COUNT + b"\7"),
    "over-long name lengths": encode(COUNT) + b"".join(b"\x86\0%06d\0\0\7" % number for number in range(COUNT)),
    "one name for all": encode(COUNT) + b"\0\0\1\0" * COUNT,
    "one long name for all": encode(300) + (encode(300) + b"x" * 300 + b"\0\0\7") * 300,
    "names not in UTF-8": encode(COUNT) + b"\1\xff\0\0\7" * COUNT,
    "a long name not in UTF-8": b"\1" + encode(COUNT) + b"\xff" * COUNT + b"\0\0\7",
    "a long name that ends outside UTF-8": b"\1" + encode(COUNT) + "😀".encode() + b"a" * (COUNT - 5) + b"\xff\0\0\7",
    "a name longer than the file": b"\1" + encode(2 * COUNT) + b"a" * COUNT,
    "trailing bytes": b"\0" * COUNT,
}
TENSORS = {name: raw[3:] for name, raw in STATE_DICTS.items() if "dims" in name}
OPTIMIZERS = {
    "groups": b"\7Adagrad" + encode(COUNT) + b"\0" + bytes(48) * COUNT,
    "states without a tensor": b"\3SGD\0" + encode(COUNT) + bytes(COUNT),
    "states with a tensor": b"\3SGD\0" + encode(COUNT) + b"\1\0\1\0" * COUNT,
    "counts of 2^63-1": b"\3SGD" + encode(2**63 - 1) * 2 + bytes(COUNT),
    "dims": b"\3SGD\0\1\1\0" + encode(COUNT) + b"\x7f" * (COUNT - 1) + b"\0",
    "a long name": encode(COUNT) + b"a" * COUNT,
}


def peak(read: Callable[[], object]) -> int:
    """The peak of Python's memory while ``read`` reads or refuses a file, in bytes above what was in use before."""
    tracemalloc.start()
    try:
        read()
    except FormatError:
        pass
    finally:
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return most


@pytest.mark.parametrize("raw", STATE_DICTS.values(), ids=STATE_DICTS)
def test_a_state_dict_takes_at_most_128_times_its_size(raw: bytes) -> None:
    assert peak(lambda: decode_state_dict(raw)) < 128 * len(raw) + MIB


@pytest.mark.parametrize("raw", STATE_DICTS.values(), ids=STATE_DICTS)
def test_a_state_dict_takes_no_more_from_a_lenient_reader(raw: bytes) -> None:
    assert peak(lambda: decode_state_dict(raw, problems=Problems())) < 128 * len(raw) + MIB


@pytest.mark.parametrize("raw", TENSORS.values(), ids=TENSORS)
@pytest.mark.parametrize("lenient", [False, True], ids=["strict", "lenient"])
def test_a_tensor_takes_at_most_64_times_its_size(raw: bytes, lenient: bool) -> None:
    assert peak(lambda: decode_tensor(raw, problems=Problems() if lenient else None)) < 64 * len(raw) + MIB


@pytest.mark.parametrize("raw", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_an_optimizer_takes_at_most_256_times_its_size(raw: bytes) -> None:
    assert peak(lambda: decode_optimizer(raw)) < 256 * len(raw) + MIB


def test_over_long_dims_take_no_more_than_the_file_and_16_mib() -> None:
    raw = ranked(b"\x80\0" * 100_000, 100_000)
    assert peak(lambda: decode_state_dict(raw, problems=Problems())) < len(raw) + 16 * MIB


def test_headers_are_remembered_up_to_a_limit() -> None:
    raw = entries(lambda number: b"\0\2\0" + encode(number))
    without = peak(lambda: decode_state_dict(raw, problems=Problems()))  # a lenient reader remembers none
    assert peak(lambda: decode_state_dict(raw)) < 1.1 * without


def test_long_headers_are_not_compared_with_every_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    copied = 0

    def counting(data: Buffer) -> bytes:
        nonlocal copied
        copied += len(made := bytes(data))
        return made

    monkeypatch.setattr(reader, "bytes", counting, raising=False)
    long = [
        b"\6 long%c\0" % letter + encode(rank) + b"\1" * rank + b"\7"
        for rank, letter in enumerate(b"abcdefgh", start=10_000)
    ]
    rest = entries(b"\2\0\7\7", 1000)[len(encode(1000)) :]
    raw = encode(1008) + b"".join(long) + rest
    assert (len(decode_state_dict(raw)), copied < 10 * len(raw)) == (1008, True)


FLOOD = encode(300) + b"\1\xff\0\0\7" * 300 + b"\0"
"""Three hundred names that are not in UTF-8, 299 of them duplicates, and a byte too many."""


@pytest.fixture
def flood() -> Problems:
    problems = Problems()
    decode_state_dict(FLOOD, problems=problems)
    return problems


def test_all_problems_are_counted(flood: Problems) -> None:
    assert flood.counts == {"name.utf8": 300, "entry.duplicate": 299, "file.trailing": 1}


def test_the_first_problems_of_each_clause_are_kept(flood: Problems) -> None:
    kept = [error.offset for error in flood.kept if error.clause == "name.utf8"]
    assert kept == [3 + 5 * number for number in range(Problems.KEPT)]


def test_many_problems_of_one_clause_hide_none_of_another(flood: Problems) -> None:
    assert flood.kept[-1].clause == "file.trailing"


def test_problems_are_kept_in_the_order_of_the_file(flood: Problems) -> None:
    assert [error.clause for error in flood.kept[:5]] == ["name.utf8", *["name.utf8", "entry.duplicate"] * 2]


def test_the_error_at_which_a_lenient_reader_stops_keeps_nothing_of_the_file() -> None:
    problems = Problems()
    decode_state_dict(ranked(b"\x7f" * COUNT), problems=problems)
    assert problems.kept[0].__traceback__ is None
