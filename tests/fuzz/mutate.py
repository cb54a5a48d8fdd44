"""Changes files at random: bits, bytes, numbers, spans. The same seed gives the same files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from tscompat.catalogue import Hostile, load_catalogue
from tscompat.codec.leb128 import MAX, encode
from tscompat.resources.folders import data_folder

BYTES = (0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF)
NUMBERS = (*map(encode, (16, 64, 255, 262, 2**31, 2**32 + 1, MAX)), b"\x80" * 9 + b"\1", b"\xff" * 9 + b"\1", b"\x81\0")
MOST_EDITS = 4
LARGEST = 512
"""Bytes of a file that is changed at most: in a larger one, most changes hit elements."""
Edit = Callable[[Random, bytearray, Sequence[bytes]], None]


def mutated(random: Random, files: Sequence[bytes]) -> bytes:
    """One of the files, with a few edits."""
    made = bytearray(random.choice(files))
    for _ in range(random.randint(1, MOST_EDITS)):
        random.choice(EDITS)(random, made, files)
    return bytes(made[: 2 * LARGEST])


def _place(random: Random, made: bytearray) -> int:
    return random.randrange(len(made) + 1)


def _flip(random: Random, made: bytearray, files: Sequence[bytes]) -> None:
    if made:
        made[random.randrange(len(made))] ^= 1 << random.randrange(8)


def _set(random: Random, made: bytearray, files: Sequence[bytes]) -> None:
    if made:
        made[random.randrange(len(made))] = random.choice(BYTES)


def _number(random: Random, made: bytearray, files: Sequence[bytes]) -> None:
    at = _place(random, made)
    made[at : at + random.randint(0, 1)] = random.choice(NUMBERS)


def _remove(random: Random, made: bytearray, files: Sequence[bytes]) -> None:
    at = _place(random, made)
    del made[at : at + random.randint(1, 8)]


def _repeat(random: Random, made: bytearray, files: Sequence[bytes]) -> None:
    at = _place(random, made)
    made[at:at] = made[at : at + random.randint(1, 32)]


def _cut(random: Random, made: bytearray, files: Sequence[bytes]) -> None:
    del made[_place(random, made) :]


def _splice(random: Random, made: bytearray, files: Sequence[bytes]) -> None:
    other = random.choice(files)
    made[_place(random, made) :] = other[random.randrange(len(other) + 1) :]


EDITS: Sequence[Edit] = (_flip, _set, _number, _remove, _repeat, _cut, _splice)


def small_golden(form: str) -> list[bytes]:
    """The files of the golden corpus in a format that are small enough, each once."""
    files = (path.read_bytes() for path in sorted((data_folder("cases") / "golden").glob(f"*/{form}/**/*.dat")))
    return list(dict.fromkeys(file for file in files if len(file) <= LARGEST))


def hostile_files(kind: str) -> list[bytes]:
    """The files of ``cases/hostile/`` of this kind, and the whole ones."""
    cases = [case.subject for case in load_catalogue().values() if isinstance(case.subject, Hostile)]
    files = [file for case in cases if case.kind == kind for file in (case.whole, case.file)]
    return list(dict.fromkeys(file for file in files if len(file) <= LARGEST))


FORMATS = {"state-dict": "dat", "tensor": "tensor", "optimizer": "optimizer"}
"""The format of the golden files of each kind of hostile files."""


def seeds(kind: str) -> list[bytes]:
    """The files of one kind that are changed."""
    return [*small_golden(FORMATS[kind]), *hostile_files(kind)]
