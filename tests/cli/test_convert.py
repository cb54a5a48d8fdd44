"""``tscompat convert``: its options, messages and exit codes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from typer.testing import CliRunner, Result

from tscompat.cli import app
from tscompat.cli.convert import Target
from tscompat.codec import read_state_dict
from tscompat.files.writers import WRITERS
from tscompat.values.verdict import Kind, Verdict
from tscompat.verbs.convert import Conversion


@pytest.fixture
def source(tmp_path: Path) -> Path:
    torch.save({"model": {"w": torch.ones(3)}, "ema": {"w": torch.zeros(3), "n": 1}}, tmp_path / "a.pth")
    return tmp_path / "a.pth"


def converted(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["convert", *map(str, arguments)])


def test_the_help_names_every_format_that_is_written() -> None:
    suffixes = re.findall(r"\.\w+", get_args(Target)[1].help)
    assert WRITERS.keys() - set(suffixes) == set()


def test_what_was_done(source: Path, tmp_path: Path) -> None:
    result = converted(source, tmp_path / "b.safetensors", "--key", "model")
    assert (result.exit_code, result.stdout.partition(" in ")[0]) == (
        0,
        f"{tmp_path / 'b.safetensors'}: 1 tensor, 108 bytes",
    )


def test_what_was_refused(source: Path, tmp_path: Path) -> None:
    result = converted(source, tmp_path / "b.dat")
    assert (result.exit_code, result.stdout, result.stderr) == (
        2,
        "",
        f"could not convert: {source}: several state dicts here; "
        "choose one (entries in brackets): --key model (1), --key ema (2)\n",
    )


def test_skip_and_force(source: Path, tmp_path: Path) -> None:
    (tmp_path / "b.dat").touch()
    arguments = (source, tmp_path / "b.dat", "--key", "ema", "--skip", "n", "--no-verify")
    assert [converted(*arguments).exit_code, converted(*arguments, "--force").exit_code] == [2, 0]


@pytest.mark.parametrize(
    ("verdict", "code", "last"),
    [
        (Verdict(Kind.PASS), 0, "TorchSharp loads the same bits"),
        (Verdict(Kind.NOT_RUN, "there is no dotnet"), 0, "not verified with TorchSharp: there is no dotnet"),
        (Verdict(Kind.BITS, "element [0]"), 1, "TorchSharp does not load the same bits: bits: element [0]"),
    ],
)
def test_what_torchsharp_does_is_the_last_line(
    verdict: Verdict, code: int, last: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    def verify(self: Conversion, *arguments: Any) -> Verdict:
        return verdict

    monkeypatch.setattr(Conversion, "verify", verify)
    result = converted(source, tmp_path / "b.dat", "--key", "model")
    assert (result.exit_code, result.output.splitlines()[-1]) == (code, f"{tmp_path / 'b.dat'}: {last}")


def test_a_suffix_in_capitals_is_verified_too(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def verify(self: Conversion, *arguments: Any) -> Verdict:
        return Verdict(Kind.PASS)

    monkeypatch.setattr(Conversion, "verify", verify)
    result = converted(source, tmp_path / "B.DAT", "--key", "model")
    assert result.output.splitlines()[-1] == f"{tmp_path / 'B.DAT'}: TorchSharp loads the same bits"


def test_no_verify_asks_nobody(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Conversion, "verify", None)
    assert converted(source, tmp_path / "b.dat", "--key", "model", "--no-verify").exit_code == 0


def test_an_optimizer_there_and_back(tmp_path: Path) -> None:
    parameter = torch.nn.Parameter(torch.ones(3))
    torch.save({"optimizer": torch.optim.SGD([parameter]).state_dict()}, tmp_path / "a.pth")
    there = converted(tmp_path / "a.pth", tmp_path / "b.dat", "--optimizer", "SGD", "--no-verify")
    back = converted(tmp_path / "b.dat", tmp_path / "c.pth")
    said = [result.stdout.partition(", ")[0] for result in (there, back)]
    assert said == [f"{tmp_path / name}: the state of SGD" for name in ("b.dat", "c.pth")]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the state of an optimizer ('state' and 'param_groups'), which does not name its class"),
        (["--optimizer", "SGD", "--skip", "w"], "--skip is for models"),
        (["--optimizer", "SGD", "--strip-prefix", "w"], "--strip-prefix is for models"),
        (["--optimizer", "SGD", "--rename", "w=v"], "--rename is for models"),
        (["--optimizer", "SGD", "--add-prefix", "w"], "--add-prefix is for models"),
        (["--optimizer", "SGD", "--dtype", "float16"], "--dtype is for models"),
        (["--groups", "1"], "--groups is for TorchSharp's files"),
    ],
)
def test_an_optimizer_that_is_refused(arguments: list[str], said: str, tmp_path: Path) -> None:
    torch.save(torch.optim.SGD([torch.nn.Parameter(torch.ones(3))]).state_dict(), tmp_path / "a.pth")
    result = converted(tmp_path / "a.pth", tmp_path / "b.dat", *arguments)
    assert (result.exit_code, said in result.stderr) == (2, True)


NAMES = [
    (["--strip-prefix", "module."], ["a.w", "b.w"]),
    (["--add-prefix", "net."], ["net.module.a.w", "net.module.b.w"]),
    (["--rename", "module=m", "--rename", r"\.w$=.weight"], ["m.a.weight", "m.b.weight"]),
    (["--rename", "module=m", "--rename", "^m=n"], ["n.a.w", "n.b.w"]),
    (["--map", "map.json"], ["x", "module.b.w"]),
]


@pytest.fixture
def wrapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "map.json").write_text('{"module.a.w": "x"}')
    torch.save({"module.a.w": torch.tensor([1e6]), "module.b.w": torch.ones(1)}, tmp_path / "a.pth")
    return tmp_path / "a.pth"


@pytest.mark.parametrize(("options", "names"), NAMES, ids=lambda each: each[0])
def test_new_names(options: list[str], names: list[str], wrapped: Path) -> None:
    assert converted(wrapped, "b.dat", *options, "--no-verify").exit_code == 0
    assert [name for name, _ in read_state_dict("b.dat")] == names


def test_a_map_that_is_none(wrapped: Path) -> None:
    result = converted(wrapped, "b.dat", "--map", wrapped)
    assert (result.exit_code, f"could not convert: {wrapped}: not a map of names" in result.stderr) == (2, True)


def test_what_is_too_large_for_a_type_is_named(wrapped: Path) -> None:
    result = converted(wrapped, "b.dat", "--dtype", "float16", "--no-verify")
    assert (result.exit_code, result.stdout.splitlines()[1:]) == (
        0,
        ["b.dat: too large for float16: 1 element of 'module.a.w'"],
    )


def test_a_prefix_that_all_names_share_is_told(wrapped: Path) -> None:
    assert "--strip-prefix module. takes it off" in converted(wrapped, "b.dat", "--no-verify").stderr


def test_the_format_of_a_file_that_may_be_of_two_kinds(tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_bytes(b"\x01\x01\x0b\x00\x01\x08" + bytes(8))
    arguments = (tmp_path / "a.dat", tmp_path / "b.safetensors")
    codes = [converted(*arguments).exit_code, converted(*arguments, "--from-format", "dat").exit_code]
    assert codes == [2, 0]


def test_the_map_is_not_replaced(source: Path, tmp_path: Path) -> None:
    (tmp_path / "b.dat").write_text('{"w": "v"}', encoding="utf-8")
    result = converted(source, tmp_path / "b.dat", "--key", "model", "--map", tmp_path / "b.dat", "--force")
    assert (result.exit_code, "this is the file of --map" in result.stderr) == (2, True)
