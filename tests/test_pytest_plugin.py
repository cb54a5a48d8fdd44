"""The fixture ``torchsharp`` in other people's tests."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tscompat.dotnet_side.cache import Publish

ROOT = Path(__file__).parents[1]

TEST = """
import pytest
import torch

STATE = {"fc.weight": torch.randn(3, 4), "steps": torch.tensor(7), "half": torch.ones(2, dtype=torch.bfloat16)}


def test_round_trip(torchsharp):
    found = torchsharp.round_trip(STATE)
    assert [*found] == [*STATE]
    torchsharp.assert_bitwise_equal(STATE, found)


def test_itself(torchsharp):
    torchsharp.assert_bitwise_equal(STATE)


def test_another_bit_is_seen(torchsharp):
    other = {**STATE, "steps": torch.tensor(8)}
    with pytest.raises(AssertionError, match="bits: .*'steps'"):
        torchsharp.assert_bitwise_equal(STATE, other)


def test_another_name_is_seen(torchsharp):
    with pytest.raises(AssertionError, match="names: .*'steps'"):
        torchsharp.assert_bitwise_equal(STATE, {name: STATE[name] for name in ("fc.weight", "half")})


def test_a_module_in_place_of_its_state_dict(torchsharp):
    with pytest.raises(ValueError, match="expected a state dict, found a Linear: give its state_dict"):
        torchsharp.assert_bitwise_equal(torch.nn.Linear(2, 2))


def test_a_type_that_the_format_lacks(torchsharp):
    with pytest.raises(ValueError, match="'w': TorchSharp's format has no torch.float8_e5m2"):
        torchsharp.round_trip({"w": torch.ones(2).to(torch.float8_e5m2)})
"""


def run(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the tests of a person who has the plugin, with nothing of this repository's own settings."""
    (folder / "test_port.py").write_text(TEST, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-q",
        "-rs",
        "--rootdir",
        str(folder),
        str(folder),
    ]
    plugin = [] if registered() else ["-p", "tscompat.pytest_plugin"]
    return subprocess.run(
        [*command, *plugin],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "harness"), **environment},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def registered() -> bool:
    """Whether this environment knows the entry point: an install from before it does not."""
    from importlib.metadata import entry_points

    return any(each.value == "tscompat.pytest_plugin" for each in entry_points(group="pytest11"))


def test_the_fixture(tmp_path: Path, publish: Publish) -> None:
    done = run(tmp_path)
    assert (done.returncode, done.stdout.splitlines()[-1].partition(" in ")[0]) == (0, "6 passed"), done.stdout


def test_without_dotnet_the_tests_are_skipped_with_the_reason(tmp_path: Path) -> None:
    done = run(tmp_path, PATH="")
    assert "6 skipped" in done.stdout
    assert "TorchSharp cannot be asked: there is no dotnet on PATH" in done.stdout


@pytest.mark.parametrize("what", ["name", "module"])
def test_the_entry_point(what: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = {"name": [*project["entry-points"]["pytest11"]], "module": [*project["entry-points"]["pytest11"].values()]}
    assert found[what] == [{"name": "tscompat", "module": "tscompat.pytest_plugin"}[what]]
