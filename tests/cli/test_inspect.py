"""``tscompat inspect``: what it prints, and its exit codes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from tscompat.cli import app
from tscompat.cli.inspect import FIRST_FIELDS, LAST_FIELDS
from tscompat.codec import encode_state_dict
from tscompat.resources.whole import write_whole
from verbs.items import entry, write


def inspected(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["inspect", *map(str, arguments)])


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    shared = torch.tensor([1.0, float("nan"), float("-inf"), 0])
    state = {"\x1b[31ma": shared, "c": torch.ones(2, dtype=torch.complex64), "b": shared, "epoch": 3}
    state["s"] = torch.eye(2).to_sparse()
    torch.save({"ema": state, "x": {"y": torch.ones(1)}}, tmp_path / "a.pth")
    return tmp_path / "a.pth"


def test_what_is_shown(checkpoint: Path) -> None:
    lines = inspected(checkpoint, "--key", "ema").stdout.splitlines()
    without_offsets = [re.sub(r"(\d bytes) {2,}\d+", r"\1  …", line) for line in lines[1:]]
    assert without_offsets == [
        "  pickle protocol: 2",
        "  archive version: 3",
        "  byte order: little",
        "  note: passed over, because no tensor is in them: epoch (int)",
        "3 tensors, 10 elements, 48 bytes",
        "  float32: 2 tensors, 8 elements, 32 bytes",
        "  complex64: 1 tensor, 2 elements, 16 bytes",
        "",
        "name       dtype      shape     bytes  offset",
        "─────────  ─────────  ─────  ────────  ──────  ─────────────────",
        r"\x1b[31ma  float32    [4]    16 bytes  …",
        "c          complex64  [2]    16 bytes  …",
        r"b          float32    [4]    16 bytes  …  tied to \x1b[31ma",
        "",
        "no tensor of another file: 1",
        "  s: a sparse_coo tensor: make it dense in Python (to_dense())",
    ]


def test_statistics(checkpoint: Path) -> None:
    lines = inspected(checkpoint, "--key", "ema", "--stats").stdout.splitlines()
    assert lines[8:15] == [
        r"NaN in 2 of them: '\x1b[31ma', 'b'",
        r"inf in 2 of them: '\x1b[31ma', 'b'",
        "",
        "name                   dtype      shape  min  max  mean  NaN  inf  zeros",
        "─────────────────────  ─────────  ─────  ───  ───  ────  ───  ───  ─────",
        r"\x1b[31ma              float32    [4]      0    1   0.5    1   −1      1",
        "c                      complex64  [2]      1    1     1",
    ]


def test_statistics_of_imaginary_parts_are_a_line_of_their_own(checkpoint: Path) -> None:
    lines = inspected(checkpoint, "--key", "ema", "--stats").stdout.splitlines()
    assert "  its imaginary parts                      0    0     0                2" in lines


def test_large_integers_are_rounded(tmp_path: Path) -> None:
    file = write(tmp_path / "a.dat", entry("n", [2**62, 999_999_999], "i64"))
    assert inspected(file, "--stats").stdout.splitlines()[-1].split() == [
        "n",
        "int64",
        "[2]",
        "999999999",
        "4.6117e+18",
        "2.3058e+18",
    ]


def test_json(checkpoint: Path) -> None:
    document = json.loads(inspected(checkpoint, "--key", "ema", "--json").stdout)
    assert [tensor["name"] for tensor in document["tensors"]] == ["\x1b[31ma", "c", "b"]


def test_statistics_in_json(checkpoint: Path) -> None:
    document = json.loads(inspected(checkpoint, "--key", "ema", "--json", "--stats").stdout)
    parts = [[part["maximum"] for part in tensor["statistics"]] for tensor in document["tensors"]]
    assert parts == [[1.0], [1.0, 0.0], [1.0]]


@pytest.fixture
def large(tmp_path: Path) -> Path:
    return write(tmp_path / "a.dat", *(entry(f"layers.{number}.weight", [number]) for number in range(50)))


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tscompat.cli.inspect._width", lambda: 60)


def test_a_pipe_gets_all_tensors(large: Path) -> None:
    assert len(inspected(large).stdout.splitlines()) == 5 + 50


def test_a_terminal_gets_the_first_ones(large: Path, terminal: None) -> None:
    assert inspected(large).stdout.splitlines()[-2:] == [
        "layers.39.weight  float32  [1]    4 bytes     947",
        "… and 10 more: a pipe (| less) gets all of them, --json too",
    ]


def test_bytes(tmp_path: Path) -> None:
    lines = inspected(write(tmp_path / "a.dat", entry("fc.weight", [[1, 2, 3]])), "--hex").stdout.splitlines()
    assert lines == [
        "a state dict of TorchSharp, 27 bytes; of each field offset, bytes, clause of FORMAT.md, value",
        "",
        "the file",
        "00000000  01                       2.1 entry.count         count of entries: 1",
        "entry 0",
        "00000001  09                       2.2 entry.name          length of the name: 9",
        "00000002  66 63 2e 77 65 69 67 68  2.2 entry.name          name: 'fc.weight'",
        "0000000a  74",
        "0000000b  06                       3.2 dtype.code          dtype code: 6 (f32)",
        "0000000c  02                       3.3 shape.rank          rank: 2",
        "0000000d  01                       3.4 shape.dims          dim 0: 1",
        "0000000e  03                       3.4 shape.dims          dim 1: 3",
        "0000000f  00 00 80 3f 00 00 00 40  3.8 element.order       elements: 12 bytes, f32 of shape [1, 3]",
        "          … 4 bytes more",
    ]


def test_the_bytes_of_an_optimizer_name_the_state_that_a_tensor_belongs_to(tmp_path: Path) -> None:
    tensor = b"\x06\x00" + bytes(4)
    write_whole(tmp_path / "a.dat", [b"\x07Adagrad\x00\x01", bytes(8), tensor])
    assert inspected(tmp_path / "a.dat", "--hex").stdout.splitlines()[-5:] == [
        "state 0",
        "0000000a  00 00 00 00 00 00 00 00  6.3 optimizer.number    step: 0",
        "00000012  06                       3.2 dtype.code          sum, dtype code: 6 (f32)",
        "00000013  00                       3.3 shape.rank          sum, rank: 0",
        "00000014  00 00 00 00              3.8 element.order       sum, elements: 4 bytes, f32 of shape []",
    ]


def test_the_bytes_of_a_broken_file_end_at_its_fault(tmp_path: Path) -> None:
    write_whole(tmp_path / "a.dat", [b"\x01\x01a\x63\x00"])
    result = inspected(tmp_path / "a.dat", "--hex")
    assert (result.exit_code, result.stdout.splitlines()[-1], result.stderr.strip()[:60]) == (
        2,
        "00000003  63 00                    ← the fault",
        "byte 0x3: expected a dtype code, one of 0, 1, 2, 3, 4, 5, 6,"[:60],
    )


def test_the_bytes_of_a_file_that_ends_early(tmp_path: Path) -> None:
    write_whole(tmp_path / "a.dat", [b"\x01\x01a"])
    assert inspected(tmp_path / "a.dat", "--hex").stdout.splitlines()[-1] == (
        "00000003  the file ends here       ← the fault"
    )


def test_a_terminal_gets_the_first_fields_and_the_last(large: Path, terminal: None) -> None:
    lines = inspected(large, "--hex").stdout.splitlines()
    (skipped,) = (place for place, line in enumerate(lines) if "more fields" in line)
    total = 1 + 50 * 6
    assert (lines[skipped], lines[-1].partition("order       ")[2]) == (
        f"… {total - FIRST_FIELDS - LAST_FIELDS} more fields: a pipe (| less) gets all of them",
        "elements: …shape [1]",
    )


def test_a_terminal_gets_all_of_a_few_fields(tmp_path: Path, terminal: None) -> None:
    write_whole(tmp_path / "a.dat", encode_state_dict([entry("a", [1])]))
    assert "more fields" not in inspected(tmp_path / "a.dat", "--hex").stdout


@pytest.mark.parametrize("option", ["--stats", "--json"])
def test_bytes_stand_alone(option: str, large: Path) -> None:
    result = inspected(large, "--hex", option)
    assert (result.exit_code, "takes no other option" in result.stderr) == (2, True)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_bytes(b"\x05")
    result = inspected(tmp_path / "a.dat")
    assert (result.exit_code, result.stdout, result.stderr.startswith("could not inspect: ")) == (2, "", True)


def test_the_format_of_a_file_that_may_be_of_two_kinds(tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_bytes(b"\x01\x01\x0b\x00\x01\x08" + bytes(8))
    codes = [inspected(tmp_path / "a.dat", *form).exit_code for form in ([], ["--from-format", "dat"])]
    assert codes == [2, 0]
