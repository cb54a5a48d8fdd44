"""``tscompat diff``: what it prints, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from tscompat.cli import app
from verbs.items import entry, write


def compared(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["diff", *map(str, arguments)])


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two files that differ in every way."""
    ours = [
        entry("fc.weight", [[1, 2], [3, 4]]),
        entry("steps", [7], "i64"),
        entry("gone", [1, 2, 3]),
        entry("m.old", [5, 6, 7, 8, 9]),
        entry("half", [1], "f16"),
    ]
    theirs = [
        entry("steps", [9], "i64"),
        entry("fc.weight", [[1, 2], [3, 4.0000005]]),
        entry("new\x1b", [[1]]),
        entry("old", [5, 6, 7, 8, 9]),
        entry("half", [1], "bf16"),
    ]
    return write(tmp_path / "a.dat", *ours), write(tmp_path / "b.dat", *theirs)


def test_what_is_shown(pair: tuple[Path, Path]) -> None:
    result = compared(*pair)
    assert (result.exit_code, result.stdout.splitlines()[3:]) == (
        1,
        [
            "only in A: 1",
            "  'gone' float32 [3]",
            "only in B: 1",
            r"  'new\x1b' float32 [1, 1]",
            "renamed in B: 1",
            "  'm.old' → 'old', by its bits",
            "not comparable: 1",
            "  'half': dtype float16 → bfloat16",
            "with other values: 2 of 3 tensors, the largest difference first",
            "  'steps' int64 [1]: 1 of 1 elements",
            "    largest [0]: 0x0000000000000007 7 → 0x0000000000000009 9, difference 2",
            "  'fc.weight' float32 [2, 2]: 1 of 4 elements",
            "    largest [1, 1]: 0x40800000 4.0 → 0x40800001 4.0000005, 1 ULP, difference 4.77e-07",
            "note: --rtol 0 compares the values of tensors of other dtypes",
            "note: another order, from tensor 0 on: 'fc.weight' in A, 'steps' in B",
            "1 of 3 tensors are equal bit for bit",
            "different: 1 only in A, 1 only in B, 1 renamed in B, 1 not comparable, 2 with other values",
        ],
    )


def test_equal_files(pair: tuple[Path, Path]) -> None:
    result = compared(pair[0], pair[0])
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "equal: 5 tensors, bit for bit")


def test_files_that_are_equal_within_a_tolerance(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a.dat", entry("w", [1.0])), write(tmp_path / "b.dat", entry("w", [1.001]))
    result = compared(a, b, "--rtol", "0.01")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "equal: 1 tensor, within rtol 0.01 and atol 0")


def test_the_first_element_is_shown_where_another_is_the_largest(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a.dat", entry("w", [0, 0])), write(tmp_path / "b.dat", entry("w", [1, 2]))
    lines = compared(a, b).stdout.splitlines()
    assert [line.split(":")[0] for line in lines if line.startswith("    ")] == ["    largest [1]", "    first   [0]"]


def test_what_could_not_be_compared(tmp_path: Path) -> None:
    torch.save({"w": torch.ones(1), "n": torch.eye(2).to_sparse()}, tmp_path / "a.pth")
    result = compared(tmp_path / "a.pth", tmp_path / "a.pth")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (
        2,
        "undecided: 2 not compared",
    )


@pytest.mark.parametrize("key", [["--key-a", "x"], ["--key-b", "x"]])
def test_a_key_is_of_its_side(key: list[str], tmp_path: Path) -> None:
    flat, nested = {"w": torch.ones(1)}, {"x": {"w": torch.ones(1)}, "y": {"w": torch.zeros(1)}}
    files = [nested, flat] if key[0] == "--key-a" else [flat, nested]
    for name, state in zip("ab", files, strict=True):
        torch.save(state, tmp_path / f"{name}.pth")
    assert compared(tmp_path / "a.pth", tmp_path / "b.pth", *key).exit_code == 0


def test_json(pair: tuple[Path, Path]) -> None:
    result = compared(*pair, "--json")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["outcome"], document["renamed"][0]["b"]) == (1, "different", "old")


def test_a_terminal_gets_the_first_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tscompat.cli.diff._most", lambda: 3)
    a = write(tmp_path / "a.dat", *(entry(f"a{number}", [number] * (number + 1)) for number in range(5)))
    b = write(tmp_path / "b.dat", entry("b", [[[1]]]))
    assert compared(a, b).stdout.splitlines()[3:8] == [
        "only in A: 5",
        "  'a0' float32 [1]",
        "  'a1' float32 [2]",
        "  'a2' float32 [3]",
        "  … and 2 more",
    ]


def test_a_pipe_gets_all_tensors_with_other_values(tmp_path: Path) -> None:
    a, b = (
        write(tmp_path / f"{value}.dat", *(entry(f"w{number}", [value]) for number in range(12))) for value in (1, 2)
    )
    assert sum(line.startswith("  'w") for line in compared(a, b).stdout.splitlines()) == 12


def test_a_file_that_cannot_be_read(pair: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "c.dat").write_bytes(b"\x05")
    result = compared(pair[0], tmp_path / "c.dat")
    assert (result.exit_code, result.stdout, result.stderr.startswith("could not compare: ")) == (2, "", True)


def test_the_format_of_files_that_may_be_of_two_kinds(tmp_path: Path) -> None:
    file = tmp_path / "a.dat"
    file.write_bytes(b"\x01\x01\x0b\x00\x01\x08" + bytes(8))
    forms = ["--from-format-a", "dat", "--from-format-b", "dat"]
    assert [compared(file, file, *each).exit_code for each in (forms[:2], forms[2:], forms)] == [2, 2, 0]
