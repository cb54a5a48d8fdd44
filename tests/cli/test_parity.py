"""``tscompat parity``: what it prints, and its exit codes. What it finds is tested in tests/verbs/parity."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner, Result

from dotnet_ports import SOURCES
from tscompat.cli import app
from tscompat.dotnet_side.cache import Publish
from tscompat.verbs.parity.document import SCHEMA


def compared(ports: Path, name: str, *options: str) -> Result:
    python = f"{SOURCES / 'ports.py'}:make"
    given = ["--python", python, "--assembly", str(ports), "--type", name, "--input", "2x3x6x6:f32"]
    return CliRunner().invoke(app, ["parity", *given, *options])


def test_what_agrees(ports: Path, publish: Publish) -> None:
    result = compared(ports, "Right")
    lines = result.stdout.splitlines()
    assert (result.exit_code, lines[-1]) == (0, "0 findings")
    assert lines[0].startswith("no difference: the whole and 5 passes of layers alone are ")


def test_what_differs(ports: Path, publish: Publish) -> None:
    result = compared(ports, "WrongEps")
    lines = result.stdout.splitlines()
    assert result.exit_code == 1
    assert lines[0].startswith("first difference: 'norm': eps 1e-05 in Python, 0.01 in .NET")
    assert [line.split()[:5] for line in lines if line.startswith("norm ")] == [
        ["norm", "LayerNorm", "LayerNorm", "float32", "[2,"]
    ]
    assert lines[-1].startswith("layer: norm: eps is 1e-05 in Python, 0.01 in .NET; output '0' (f32) at ")


def test_json_follows_the_schema(ports: Path, publish: Publish) -> None:
    document = json.loads(compared(ports, "WrongEps", "--json").stdout)
    jsonschema.validate(document, json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert (document["outcome"], document["findings"][0]["name"]) == ("differs", "norm")


def test_the_page(ports: Path, publish: Publish, tmp_path: Path) -> None:
    compared(ports, "WrongEps", "--html", str(tmp_path / "a.html"), "--markdown", str(tmp_path / "a.md"))
    assert "first difference: &#39;norm&#39;: eps 1e-05" in (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "## ❌ first difference" in (tmp_path / "a.md").read_text(encoding="utf-8")


def test_what_cannot_be_compared(ports: Path, publish: Publish) -> None:
    result = compared(ports, "TransposedLinear")
    assert (result.exit_code, "could not compare: " in result.output) == (2, True)


@pytest.mark.parametrize("option", ["--python", "--assembly", "--type", "--input"])
def test_options_that_are_needed(option: str) -> None:
    given = {"--python": "a.py:f", "--assembly": "a.dll", "--type": "A", "--input": "1:f32"}
    words = [word for name, value in given.items() if name != option for word in (name, value)]
    result = CliRunner().invoke(app, ["parity", *words])
    assert (result.exit_code, f"Missing option '{option}'" in result.output) == (2, True)
