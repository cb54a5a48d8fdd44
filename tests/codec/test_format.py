"""FORMAT.md: its examples, its numbers, its table of optimizers, and which cases hold which clause."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import get_args

import numpy as np
import pytest

from examples import EXAMPLES, TEXT, Example
from tscompat.catalogue import Case, load_catalogue
from tscompat.codec import (
    FormatError,
    Problems,
    decode_optimizer,
    decode_state_dict,
    decode_tensor,
    encode_optimizer,
    encode_state_dict,
    encode_tensor,
)
from tscompat.codec.clauses import CLAUSES
from tscompat.codec.errors import Clause
from tscompat.codec.optimizer import LAYOUTS, flat_options, flat_states
from tscompat.resources.folders import data_folder
from tscompat.values.dtypes import BY_CODE
from tscompat.values.tensors import StateDict, Tensor

HELD: Mapping[str, list[str]] = tomllib.loads((data_folder("cases") / "clauses.toml").read_text(encoding="utf-8"))
DAT_ROUTES = re.compile(r"(dat|tensor|optimizer|load|exportsd|importsd)\b.*")
SHOWN = 20
"""So many elements are written out in an example."""


def words(name: str | None, tensor: Tensor) -> str:
    """One result, as an example writes it."""
    if tensor.dtype.name == "bf16":
        numbers = (np.frombuffer(tensor.data, "<u2").astype(np.uint32) << 16).view(np.float32)
    else:
        numbers = np.frombuffer(tensor.data, np.uint8).view(tensor.dtype.scalar)
    values = [f"{number:.12g}" for number in numbers[:3].tolist()] + (["..."] if len(numbers) > SHOWN else [])
    values = [f"{number:.12g}" for number in numbers.tolist()] if len(numbers) <= SHOWN else values
    return " ".join([*([f'"{name}"'] if name is not None else []), tensor.dtype.name, str(list(tensor.shape)), *values])


def of_entries(entries: StateDict) -> list[str]:
    return [words(name, tensor) for name, tensor in entries]


def state_dict(data: bytes, problems: Problems | None) -> tuple[list[str], bytes]:
    found = decode_state_dict(data, problems=problems)
    return of_entries(found), b"".join(encode_state_dict(found))


def tensor(data: bytes, problems: Problems | None) -> tuple[list[str], bytes]:
    found = decode_tensor(data, problems=problems)
    return [words(None, found)], b"".join(encode_tensor(found))


def optimizer(data: bytes, problems: Problems | None) -> tuple[list[str], bytes]:
    found = decode_optimizer(data, problems=problems)
    entries = [*flat_options(found), *flat_states(found)]
    return [found.name, *of_entries(entries)], b"".join(encode_optimizer(found))


DECODERS: Mapping[str, Callable[[bytes, Problems | None], tuple[list[str], bytes]]] = {
    "state-dict": state_dict,
    "tensor": tensor,
    "optimizer": optimizer,
}


def named(examples: list[Example]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("example", examples, ids=[each.clause for each in examples])


@named([each for each in EXAMPLES if not each.refused])
def test_a_file_is_read_as_an_example_states_and_written_again(example: Example) -> None:
    assert DECODERS[example.kind](example.data, None) == (example.results, example.data)


@named([each for each in EXAMPLES if each.refused])
def test_a_file_is_refused_as_an_example_states(example: Example) -> None:
    with pytest.raises(FormatError) as refused:
        DECODERS[example.kind](example.data, None)
    assert f"{refused.value.clause} {refused.value.offset}" == example.refused


@named([each for each in EXAMPLES if each.lenient])
def test_a_lenient_reader_does_what_an_example_states(example: Example) -> None:
    assert DECODERS[example.kind](example.data, Problems())[0] == example.results


def test_each_clause_has_an_example() -> None:
    in_the_table = {f"optimizer.{name.lower()}" for name in LAYOUTS}
    assert {each.clause for each in EXAMPLES} == {*CLAUSES} - in_the_table


def test_the_numbers_are_those_of_the_text() -> None:
    headings = re.findall(r"^### ([\d.]+) `([a-z.0-9]+)`|^\| ([\d.]+) `([a-z.0-9]+)` \|", TEXT, re.M)
    assert {first or other: number or row for number, first, row, other in headings} == {**CLAUSES}


def test_the_table_of_optimizers_is_the_codecs() -> None:
    rows = re.findall(r"^\| [\d.]+ `optimizer\.[a-z]+` \| (\w+) \| (.*?) \| (.*?) \|$", TEXT, re.M)
    assert {name: (f"initial_lr lr {options}", state) for name, options, state in rows} == {
        name: tuple(
            " ".join(field if kind == "f64" else f"{field}:{kind}" for field, kind in fields.items()) for fields in each
        )
        for name, each in LAYOUTS.items()
    }


def test_the_table_of_dtypes_is_the_codecs() -> None:
    cells = re.findall(r"\| (\d+) \| (\w+) \| (\w+) \| (\d+) ", TEXT)
    assert {int(code): (name, short, int(size)) for code, name, short, size in cells} == {
        code: (dtype.torch, dtype.name, dtype.itemsize) for code, dtype in BY_CODE.items()
    }


def test_each_error_of_the_codec_is_a_clause() -> None:
    assert {*get_args(Clause)} <= {*CLAUSES}


def holders() -> Mapping[str, set[str]]:
    """The clauses that each case with a .dat file holds."""
    cases: Mapping[str, Case] = load_catalogue()
    with_files = [case.id for case in cases.values() if any(DAT_ROUTES.fullmatch(route) for route in case.routes)]
    return {
        case_id: {clause for clause, patterns in HELD.items() if any(fnmatchcase(case_id, each) for each in patterns)}
        for case_id in with_files
    }


def test_each_clause_has_a_case_and_each_case_a_clause() -> None:
    held = holders()
    assert [case_id for case_id, clauses in held.items() if not clauses] == []
    assert list(HELD) == list(CLAUSES)
    assert {*CLAUSES} - set().union(*held.values()) == set()


def test_each_pattern_matches_a_case() -> None:
    held = holders()
    patterns = [each for patterns in HELD.values() for each in patterns]
    assert [each for each in patterns if not any(fnmatchcase(case_id, each) for case_id in held)] == []


def test_no_clause_is_held_by_more_than_a_tenth_of_the_cases() -> None:
    held = holders()
    counts = {clause: sum(clause in clauses for clauses in held.values()) for clause in CLAUSES}
    assert {clause: count for clause, count in counts.items() if count > len(held) / 10} == {}
