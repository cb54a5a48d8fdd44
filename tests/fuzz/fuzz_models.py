"""Changed model files of every kind through the one door, and random opcodes through the unpickler: `nox -s fuzz`.

A finding is any exception but ModelFileError (of the unpickler: PickleError), or a sentence that no terminal can show.
FUZZ_SECONDS sets how long it runs, FUZZ_SEED which files it makes. A finding is printed as the bytes that make it.
"""

from __future__ import annotations

import os
import pickletools
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import pytest

from files.hostile.bases import BASES, MACROS, pickle
from files.hostile.made import made
from files.hostile.rows import rows
from fuzz.mutate import mutated
from tscompat.files.item import ModelFileError, Unfit
from tscompat.files.kinds import read
from tscompat.files.pickled.calls import CALLS, TorchRules
from tscompat.files.pickled.described import Storage
from tscompat.files.pickled.machine import Machine, PickleError

SECONDS = float(os.environ.get("FUZZ_SECONDS", "120"))
SEED = int(os.environ.get("FUZZ_SEED", "0"))
LARGEST = 1024
"""Bytes of a file that is changed at most."""
MOST_ELEMENTS = 1 << 20
MOST_SENTENCE = 2000
MOST_FINDINGS = 5
SLOW = 2.0
"""Seconds of processor time that no small file may take."""


def whole_files() -> list[bytes]:
    """A whole file of each kind, and the small hostile ones."""
    single = ("file", "pickle", "zip", "archive", "tar", "export", "base")
    small = (row for row in rows().values() if any(key in row for key in single) and "times" not in str(row))
    hostile = [made(row) for row in small if len(str(row)) < LARGEST and "]*" not in str(row)]
    return list(dict.fromkeys(file for file in [*BASES.values(), *hostile] if len(file) <= LARGEST))


def read_all(path: Path) -> None:
    """Read a file as a conversion does. Raises AssertionError for a sentence that a terminal cannot show."""
    sentences: list[str] = []
    try:
        left = MOST_ELEMENTS
        for each in read(path, "", sentences.append).contents:
            if isinstance(each, Unfit):
                sentences.append(each.why)
            elif (left := left - each.nbytes) >= 0:
                assert memoryview(each.read()).nbytes == each.nbytes
    except ModelFileError as error:
        sentences.append(str(error))
    for sentence in sentences:
        assert sentence.isprintable(), ascii(sentence)
        assert len(sentence.encode()) <= MOST_SENTENCE, ascii(sentence[:200])


OPCODES = [opcode.code.encode("latin-1") for opcode in pickletools.opcodes if opcode.name != "STOP"]
WORDS = [
    *(pickle(f"${name}") for name in MACROS),
    *(pickle('GLOBAL:"{} {}"'.format(*name.rpartition(".")[::2])) for name in CALLS),
    *(
        pickle(text)
        for text in ("EMPTY_TUPLE REDUCE", "EMPTY_DICT BUILD", 'BINUNICODE:"weight"', "BINPUT:0", "BINGET:0")
    ),
    *(
        pickle(text)
        for text in ("BININT1:2", "BININT:-1", "LONG1:9223372036854775808", "MARK", "TUPLE", "NONE", "BINPERSID")
    ),
]


def random_opcodes(random: Random) -> bytes:
    """Opcodes, words of several, and bytes, at random."""
    pieces = [
        random.choice(OPCODES) + random.randbytes(random.choice((0, 0, 1, 2, 4)))
        if random.random() < 0.5
        else random.choice(WORDS)
        for _ in range(random.randint(1, 40))
    ]
    return b"".join(pieces) + b"."


def run_machine(data: bytes) -> None:
    """Run a pickle whose persistent ids are all one storage."""
    storage = Storage("float32", 24, lambda: bytes(24))
    sentence = ""
    try:
        Machine(memoryview(data), 0, TorchRules(lambda identity: storage)).load()
    except PickleError as error:
        sentence = str(error)
    assert sentence.isprintable(), ascii(sentence)


def fuzzed(name: str, make: Callable[[Random], bytes], run: Callable[[bytes], None]) -> Sequence[str]:
    """Run what is made for half of the time. Returns the findings, each once, and prints how many there were."""
    random = Random(f"{SEED} {name}")
    findings: dict[str, bytes] = {}
    counts: Counter[str] = Counter()
    until = time.monotonic() + SECONDS / 2
    while time.monotonic() < until and len(findings) < MOST_FINDINGS:
        data = make(random)
        start = time.process_time()
        try:
            run(data)
            words = ""
        except Exception as error:
            words = f"{type(error).__name__}: {str(error)[:200]}"
        if time.process_time() - start > SLOW:
            words = words or f"more than {SLOW} seconds"
        counts["findings" if words else "fine"] += 1
        if words:
            findings.setdefault(words.partition(":")[0] + _place(words), data)
    total = sum(counts.values())
    print(f"\n{name}: {total:,} inputs, {total / (SECONDS / 2):,.0f} a second, {counts['findings']} findings")
    print(*(f"  {words}\n  {data.hex()}" for words, data in findings.items()), sep="\n")
    return [*findings]


def _place(words: str) -> str:
    """The part of the words that is the same for one fault."""
    return words[words.find(":") :][:60]


@pytest.mark.timeout(0)
def test_no_file_ends_in_another_exception(tmp_path: Path) -> None:
    files, path = whole_files(), tmp_path / "model.pth"

    def run(data: bytes) -> None:
        path.write_bytes(data)
        read_all(path)

    assert not fuzzed("files", lambda random: mutated(random, files), run)


@pytest.mark.timeout(0)
def test_no_opcodes_end_in_another_exception() -> None:
    assert not fuzzed("opcodes", random_opcodes, run_machine)
