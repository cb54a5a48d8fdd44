"""``tscompat verify``: what it prints, and its exit codes. What it finds is tested in tests/verbs/verify."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import torch
from typer.testing import CliRunner, Result

from tscompat.cli import app
from tscompat.dotnet_side.cache import Publish
from tscompat.verbs.verify.document import SCHEMA
from verbs.items import entry, write


def verified(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["verify", *map(str, arguments)])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "net.dat", entry("fc.weight", [[1, 2], [3, 4]]), entry("fc.bias", [1, 2]))


@pytest.fixture
def listing(tmp_path: Path) -> Path:
    (tmp_path / "listing.txt").write_text("head.weight\tFloat32\t2 2\nhead.bias\tFloat32\t2\n", encoding="utf-8")
    return tmp_path / "listing.txt"


def test_what_is_shown(file: Path, publish: Publish) -> None:
    result = verified(file)
    lines = result.stdout.splitlines()
    assert (result.exit_code, lines[0], lines[-1]) == (
        0,
        f"{file}: a state dict of TorchSharp, 2 tensors, 6 elements, 24 bytes",
        "arrives: the same bits in TorchSharp and back",
    )
    assert "  var model = new YourModel();" in lines
    assert '  model.load("net.dat");' in lines


def test_a_class_that_does_not_fit(file: Path, listing: Path, publish: Publish) -> None:
    result = verified(file, "--listing", listing)
    lines = result.stdout.splitlines()
    assert (result.exit_code, lines[-1]) == (1, f"differs: 1 finding between the file and {listing}")
    assert "fc.weight    float32  [2, 2]" in result.stdout
    assert "renamed: fc: head in the class (weight, bias)" in lines
    assert r"With these options of convert it fits: --rename '^fc\.=head.'" in lines


def test_json_follows_the_schema(file: Path, listing: Path, publish: Publish) -> None:
    result = verified(file, "--listing", listing, "--json")
    document = json.loads(result.stdout)
    jsonschema.validate(document, json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert (document["outcome"], document["fit"]["findings"][0]["what"]) == ("differs", "renamed")


def test_a_route_that_loses_something_is_named(tmp_path: Path, publish: Publish) -> None:
    torch.save({"w": torch.ones(2, dtype=torch.complex64)}, tmp_path / "a.pth")
    result = verified(tmp_path / "a.pth")
    assert result.exit_code == 0
    assert ".safetensors, PyBridge, .safetensors, load: " in result.stdout


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--assembly", "App.dll"], "--assembly and --type go together"),
        (["--type", "Net"], "--assembly and --type go together"),
        (["--assembly", "App.dll", "--type", "Net", "--listing", "x"], "--listing stands in place of --assembly"),
        (["--assembly", "App.dll", "--type", "Net"], "--assembly App.dll: there is no such file"),
        (["--torchsharp", "new"], "--torchsharp new: found no version"),
        (["--listing", "none.txt"], "none.txt"),
        (["--rename", "x"], "--rename x: expected PATTERN=REPLACEMENT"),
        (["--html", "."], "Invalid value for '--html'"),
    ],
)
def test_options_that_are_wrong(options: list[str], sentence: str, file: Path) -> None:
    result = verified(file, *options)
    assert (result.exit_code, sentence in " ".join(result.output.split())) == (2, True)


def test_without_dotnet(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    result = verified(file)
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (2, "undecided: TorchSharp was not asked")


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.pth").write_bytes(b"")
    result = verified(tmp_path / "a.pth")
    assert (result.exit_code, "could not verify" in result.output) == (2, True)
