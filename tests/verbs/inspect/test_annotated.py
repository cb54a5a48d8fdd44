"""The bytes of a file of TorchSharp, field by field, up to the fault of a broken one."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
import torch

from tscompat.codec import Clause, FormatError, encode_state_dict, encode_tensor
from tscompat.files.item import ModelFileError
from tscompat.resources.whole import write_whole
from tscompat.verbs.inspect.annotated import annotated, explained
from verbs.items import entry

SGD = b"\x03SGD\x01\x00" + 5 * bytes(8) + b"\x00\x00"
ENTRIES = [entry("a", [1, 2]), entry("b", [3], "i64")]


def made(kind: str) -> bytes:
    if kind == "optimizer":
        return SGD
    return b"".join(map(bytes, encode_tensor(ENTRIES[0].tensor) if kind == "tensor" else encode_state_dict(ENTRIES)))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("state dict", "a state dict of TorchSharp"),
        ("tensor", "a single tensor of TorchSharp"),
        ("optimizer", "an optimizer of TorchSharp"),
    ],
)
def test_a_whole_file_is_known_and_has_a_field_for_every_byte(kind: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(made(kind))
    found = annotated(tmp_path / "a")
    fields = list(found.fields)
    ends = [0, *(field.end for field in fields)]
    assert (found.kind, found.fault, [field.offset for field in fields], ends[-1]) == (
        words,
        None,
        ends[:-1],
        len(made(kind)),
    )


@pytest.mark.parametrize("kind", ["state dict", "tensor", "optimizer"])
def test_a_file_cut_anywhere_has_its_fields_up_to_the_fault(kind: str, tmp_path: Path) -> None:
    whole = made(kind)
    for size in range(len(whole)):
        (tmp_path / "a.dat").write_bytes(whole[:size])
        found = annotated(tmp_path / "a.dat")
        if found.fault is None:  # what is left of it is a file of another kind
            continue
        ends = [0, *(field.end for field in found.fields)]
        assert (ends == sorted(ends), ends[-1] <= size, found.fault.offset <= size) == (True, True, True)


def test_a_broken_file_is_read_as_the_kind_that_goes_farthest(tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_bytes(made("state dict")[:-1])
    found = annotated(tmp_path / "a.dat")
    assert found.fault is not None
    assert (found.kind, found.fault.clause, [field.what for field in found.fields][-1]) == (
        "a state dict of TorchSharp",
        "shape.bytes",
        "dim 0",
    )


def test_a_fault_that_ends_no_walk_ends_the_fields(tmp_path: Path) -> None:
    write_whole(tmp_path / "a.dat", encode_state_dict([ENTRIES[0], ENTRIES[0], ENTRIES[1]]))
    found = annotated(tmp_path / "a.dat")
    assert found.fault is not None
    assert (found.fault.clause, max(field.end for field in found.fields)) == ("entry.duplicate", found.fault.offset)


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    torch.save({"w": torch.ones(1)}, tmp_path / "a.pth")
    with pytest.raises(ModelFileError, match="--hex is for TorchSharp's own files, and this is a checkpoint"):
        annotated(tmp_path / "a.pth")


def test_a_suffix_makes_no_broken_file_of_another_format(tmp_path: Path) -> None:
    torch.save({"w": torch.ones(1)}, tmp_path / "a.dat")
    with pytest.raises(ModelFileError, match="--hex is for TorchSharp's own files, and this is a checkpoint"):
        annotated(tmp_path / "a.dat")


@pytest.mark.parametrize("clause", get_args(Clause))
def test_every_clause_has_its_number_and_advice(clause: Clause) -> None:
    words = explained(FormatError(18, "x", "y", clause))
    assert words.startswith("byte 0x12: expected y, found x (FORMAT ")
    assert len(words.partition(f" {clause}): ")[2]) > 20


TWO = b"\x01\x01\x0b\x00\x01\x08" + bytes(8)
"""A state dict of one number, and a single tensor of bool."""


def test_a_file_that_may_be_of_two_kinds(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(TWO)
    with pytest.raises(ModelFileError, match="--from-format dat or --from-format dat-tensor"):
        annotated(tmp_path / "a")


@pytest.mark.parametrize(("form", "what"), [("dat", "count of entries"), ("dat-tensor", "dtype code")])
def test_a_form_decides(form: str, what: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(TWO)
    found = annotated(tmp_path / "a", form)
    assert (found.fault, next(found.fields).what) == (None, what)


def test_a_form_decides_for_a_broken_file_too(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(made("state dict")[:-1])
    assert annotated(tmp_path / "a", "dat-tensor").kind == "a single tensor of TorchSharp"


def test_what_is_no_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.pth").write_bytes(b"<!DOCTYPE html><html></html>")
    with pytest.raises(ModelFileError, match="web page"):
        annotated(tmp_path / "a.pth")
