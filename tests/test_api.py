"""The functions of the package: what they return and raise, and that importing them needs no torch."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import torch

import tscompat
from samples import convert
from tscompat.values.verdict import Kind, Verdict
from tscompat.verbs.convert import Conversion
from verbs.items import entry, write


@pytest.fixture
def source(tmp_path: Path) -> Path:
    torch.save(
        {"m.a.w": torch.tensor([1.0, 1e6]), "m.b.w": torch.ones(2), "n": torch.eye(2).to_sparse()}, tmp_path / "a.pth"
    )
    return tmp_path / "a.pth"


def test_the_size_is_counted_once(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[int] = []
    size = Conversion.size

    def count(self: Conversion) -> int:
        counted.append(1)
        return size.__get__(self)

    torch.save({f"t{number}": torch.ones(3) for number in range(50)}, tmp_path / "b.pth")
    monkeypatch.setattr(Conversion, "size", property(count))
    tscompat.convert(tmp_path / "b.pth", tmp_path / "b.dat", verify=False, progress=print)
    assert len(counted) < 5


def test_convert(source: Path, tmp_path: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    done = tscompat.convert(
        source,
        tmp_path / "b.dat",
        skip=["n"],
        mapping={"m.a.w": "m.x"},
        strip_prefix="m.",
        rename=[("w", "weight")],
        add_prefix="net.",
        dtype="f16",
        verify=False,
        progress=lambda what, written, size: steps.append((what, written, size)),
    )
    found = tscompat.inspect(done.target)
    assert (done.what, done.size, done.overflowed, done.verdict, len(done.notes), steps[-1][1]) == (
        "2 tensors",
        (tmp_path / "b.dat").stat().st_size,
        {"net.x": 1},
        None,
        2,
        done.size,
    )
    assert [(tensor.name, tensor.dtype) for tensor in found.tensors] == [
        ("net.x", "float16"),
        ("net.b.weight", "float16"),
    ]


def test_the_progress_of_a_conversion_adds_up(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tscompat.files.output._STEP", 8)
    written: list[int] = []
    done = tscompat.convert(
        source, tmp_path / "b.dat", skip=["n"], verify=False, progress=lambda what, count, size: written.append(count)
    )
    assert (written[0], written[-1]) == (8, done.size)


def test_convert_asks_torchsharp(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = Verdict(Kind.NOT_RUN, "no dotnet")

    def verify(self: Conversion, tell: object, choice: object) -> Verdict:
        return verdict

    monkeypatch.setattr(Conversion, "verify", verify)
    assert tscompat.convert(source, tmp_path / "b.dat", skip="n").verdict is verdict


def test_notes_come_as_they_are_made(source: Path, tmp_path: Path) -> None:
    said: list[str] = []
    done = tscompat.convert(source, tmp_path / "b.pth", skip=["n"], tell=said.append)
    assert done.notes == tuple(said)


def test_an_optimizer_is_converted(tmp_path: Path) -> None:
    torch.save(torch.optim.SGD([torch.nn.Parameter(torch.ones(3))]).state_dict(), tmp_path / "a.pth")
    there = tscompat.convert(tmp_path / "a.pth", tmp_path / "b.dat", optimizer="SGD", verify=False)
    back = tscompat.convert(tmp_path / "b.dat", tmp_path / "c.pth")
    assert [there.what, back.what] == ["the state of SGD, 1 group and 1 parameter"] * 2


def test_the_format_may_be_an_optimizers(tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_bytes(b"anything")
    with pytest.raises(tscompat.ModelFileError, match="cannot be read as an optimizer of TorchSharp"):
        tscompat.convert(tmp_path / "a.dat", tmp_path / "b.pth", form="dat-optimizer")


def test_results_are_frozen(source: Path, tmp_path: Path) -> None:
    done = tscompat.convert(source, tmp_path / "b.pth", skip=["n"])
    with pytest.raises(dataclasses.FrozenInstanceError):
        done.size = 0  # pyright: ignore[reportAttributeAccessIssue]


def test_a_comparison_is_frozen(tmp_path: Path) -> None:
    file = write(tmp_path / "a.dat", entry("w", [1]))
    found = tscompat.diff(file, str(file))
    assert isinstance(found, msgspec.Struct)
    with pytest.raises(AttributeError):
        found.equal = 0  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("function", [tscompat.inspect, lambda path: tscompat.diff(path, path)])  # pyright: ignore
def test_errors_are_typed(function: object, tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_bytes(b"\x05")
    assert callable(function)
    with pytest.raises(tscompat.ModelFileError):
        function(tmp_path / "a.dat")


def test_convert_refuses_what_it_cannot_write(source: Path, tmp_path: Path) -> None:
    with pytest.raises(tscompat.ModelFileError, match="'n': "):
        tscompat.convert(source, tmp_path / "b.dat")


def test_every_public_name_is_there() -> None:
    assert [name for name in tscompat.__all__ if getattr(tscompat, name, None) is None] == []


def test_another_name_is_not() -> None:
    with pytest.raises(AttributeError, match="module 'tscompat' has no attribute 'nothing'"):
        _ = tscompat.nothing  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]


def imported_torch(code: str) -> bool:
    """Whether this code imports torch."""
    command = [sys.executable, "-c", f"{code}\nimport sys\nprint('torch' in sys.modules)"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1] == "True"


@pytest.mark.parametrize(
    "code",
    [
        "import tscompat",
        "import tscompat.cli",
        "from tscompat import inspect, diff, ModelFileError, Inspection, Comparison",
    ],
)
def test_no_torch_is_imported_for(code: str) -> None:
    assert not imported_torch(code)


@pytest.mark.parametrize("verb", ["inspect(file, stats=True)", "diff(file, file)"])
@pytest.mark.parametrize("suffix", [".dat", ".safetensors", ".pth"])
def test_a_file_is_read_without_torch(suffix: str, verb: str, tmp_path: Path) -> None:
    torch.save({"w": torch.ones(2)}, tmp_path / "a.pth")
    convert(tmp_path / "a.pth", tmp_path / f"b{suffix}")
    assert not imported_torch(f"import tscompat\nfile = {str(tmp_path / f'b{suffix}')!r}\ntscompat.{verb}")
