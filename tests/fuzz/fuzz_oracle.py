"""A million changed files through the oracle: it raises its own error or keeps each byte: `nox -s fuzz`.

FUZZ_INPUTS sets how many, FUZZ_SEED which.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Any, NamedTuple

import pytest
from typing_extensions import Buffer

from fuzz.mutate import mutated, seeds
from tscompat.codec import (
    FormatError,
    decode_optimizer,
    decode_state_dict,
    decode_tensor,
    encode_optimizer,
    encode_state_dict,
    encode_tensor,
)
from tscompat.codec.errors import LENIENT, Problems

INPUTS = int(os.environ.get("FUZZ_INPUTS", "1000000"))
SEED = int(os.environ.get("FUZZ_SEED", "0"))


class Codec(NamedTuple):
    decode: Callable[..., Any]
    encode: Callable[[Any], Iterable[Buffer]]


CODECS: Mapping[str, Codec] = {
    "state-dict": Codec(decode_state_dict, encode_state_dict),
    "tensor": Codec(decode_tensor, encode_tensor),
    "optimizer": Codec(decode_optimizer, encode_optimizer),
}


@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", CODECS)
def test_the_oracle_raises_its_own_error_or_keeps_each_byte(kind: str) -> None:
    codec, files, random = CODECS[kind], seeds(kind), Random(f"{SEED} {kind}")
    counts: Counter[str] = Counter()
    for _ in range(INPUTS // len(CODECS)):
        file = mutated(random, files)
        read, refused = None, None
        try:
            read = codec.decode(file)
        except FormatError as error:
            refused = error
        except Exception as error:
            raise AssertionError(f"{type(error).__name__}: {error}; the file is {file.hex()}") from error
        counts[refused.clause if refused else "taken"] += 1
        if refused:
            assert 0 <= refused.offset <= len(file), file.hex()
            leniently(codec, file, refused)
        else:
            assert b"".join(codec.encode(read)) == file, file.hex()
    print(f"\n{kind}: {counts.total()} files, {', '.join(f'{words} {n}' for words, n in counts.most_common())}")


def leniently(codec: Codec, file: bytes, strict: FormatError) -> None:
    """A lenient reader meets the strict reader's error first, and raises no other."""
    problems = Problems()
    try:
        codec.decode(file, problems=problems)
    except FormatError as error:
        problems.add(error)
    first = problems.kept[0]
    assert (first.clause, first.offset) == (strict.clause, strict.offset), file.hex()
    assert {error.clause for error in problems.kept[:-1]} <= LENIENT, file.hex()
