"""Changed files of every kind, and of what is no model, through the door of all readers: `nox -s fuzz`.

A finding is an exception that is not ModelFileError, a message that a terminal cannot show, or an item that gives
another number of bytes than it states. FUZZ_INPUTS sets how many files are made, FUZZ_SEED which.
"""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

from files.test_not_models import NOT_MODELS, dat, legacy, npz, pth
from files.test_safetensors import info, made
from tscompat.files.item import Item, ModelFileError
from tscompat.files.kinds import known
from tscompat.files.source import Source

INPUTS = int(os.environ.get("FUZZ_INPUTS", "20000"))
SEED = int(os.environ.get("FUZZ_SEED", "0"))
HEADER = {"__metadata__": {"b": "a"}, "a": info("F32", [2], 0, 8), "c": info("BF16", [1], 8, 10)}
SAFETENSORS = made(HEADER, bytes(10))
SEEDS = [dat(), npz(), pth(), legacy(), SAFETENSORS, *(content for content, _ in NOT_MODELS.values())]
SUFFIXES = ["", ".dat", ".safetensors", ".json", ".pth", ".npz"]


def changed(data: bytes, random: Random) -> bytes:
    """The bytes with up to six changes: replaced, removed, inserted, saturated, cut, or with a part of another file."""
    made = bytearray(data)
    for _ in range(random.randint(0, 6)):
        at = random.randrange(len(made) + 1)
        end = min(len(made), at + random.randint(1, 8))
        other = random.choice(SEEDS)
        start = random.randrange(len(other) + 1)
        made[at:end] = random.choice(
            [random.randbytes(end - at), b"", made[at:end] + random.randbytes(2), b"\xff" * (end - at), bytes(end - at)]
        )
        if random.random() < 0.1:
            made[at:at] = other[start : start + random.randint(0, 40)]
        if random.random() < 0.1:
            del made[at:]
    return bytes(made)


def read(data: bytes, suffix: str) -> str:
    """The message of the refusal; empty for what is read, all of its elements too."""
    source = Source(Path(f"a{suffix}"), memoryview(data))
    try:
        for each in known(source).read(source, "", lambda sentence: None).contents:
            if isinstance(each, Item) and memoryview(each.read()).nbytes != each.nbytes:
                return f"\n{each.name} has another number of bytes"
    except ModelFileError as error:
        return str(error)
    except FileNotFoundError:
        return ""  # the shards of an index
    return ""


def test_only_one_sentence_comes_of_any_file() -> None:
    random = Random(SEED)
    for number in range(INPUTS):
        data, suffix = changed(random.choice(SEEDS), random), random.choice(SUFFIXES)
        said = read(data, suffix)
        assert said.isprintable(), (number, suffix, data)
        assert len(said) < 2000, (number, suffix, data)
