"""The script for a CUDA device: what it starts, and how it ends where it cannot."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch

import on_cuda


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that are started; each ends with 1."""
    commands: list[list[str]] = []

    def call(command: list[str], **_: Any) -> int:
        commands.append(command)
        return 1

    monkeypatch.setattr(subprocess, "call", call)
    return commands


def test_it_runs_all_pairs_of_devices_with_the_options_given(started: list[list[str]]) -> None:
    assert on_cuda.main(["-k", "bf16", "--native", "DIR"]) == 1
    (command,) = started
    assert command[1:4] == ["-m", "tscompat", "run"]
    assert [command[place + 1] for place, word in enumerate(command) if word == "--device"] == [*on_cuda.DEVICES]
    assert command[-4:] == ["-k", "bf16", "--native", "DIR"]


def test_what_it_compiles_becomes_the_native_half(
    started: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[Path] = []

    def native(sources: Path, folder: Path) -> Path:
        asked.append(sources)
        return folder / "native"

    monkeypatch.setattr(on_cuda, "native", native)
    on_cuda.main(["--sources", str(tmp_path)])
    assert asked == [tmp_path]
    assert started[0][-2] == "--native"
    assert Path(started[0][-1]).name == "native"


def test_sources_that_are_none_are_named(
    started: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert on_cuda.main(["--sources", str(tmp_path)]) == 2
    assert (started, f"{tmp_path}: found no LibTorchSharp/*.cpp" in capsys.readouterr().err) == ([], True)


def test_without_a_device_it_says_so(
    started: list[list[str]], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    on_cuda.main([])
    assert "no CUDA device" in capsys.readouterr().out
