"""Every command of docs/my-file.md runs, in its order, in a folder that has the files that it names."""

from __future__ import annotations

import json
import re
import shlex
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from samples import save_safetensors
from tscompat.cli import app

PAGE = (Path(__file__).parents[1] / "docs" / "my-file.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = [line for language, block in BLOCKS if not language for line in block.splitlines()]
CODE = [block for language, block in BLOCKS if language == "python"]
NO_DOTNET = "--no-verify"
"""Another test has TorchSharp load what ``convert`` wrote: here each command would start a peer."""


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Linear(3, 4), nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.stem(x))


def prefixed(prefix: str, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"{prefix}{name}": tensor for name, tensor in state.items()}


def shards(folder: Path, state: dict[str, torch.Tensor]) -> None:
    folder.mkdir()
    names = [*state]
    for number, part in enumerate((names[:2], names[2:]), 1):
        file = folder / f"model-{number:05}-of-00002.safetensors"
        save_safetensors({name: state[name] for name in part}, file, {"format": "pt"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("files")
    model = Net()
    state: dict[str, torch.Tensor] = dict(model.state_dict())
    optimizer: Any = torch.optim.Adam(model.parameters())
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    trained = {"state_dict": prefixed("model.", state), "optimizer_states": [optimizer.state_dict()], "epoch": 3}
    jit: Any = torch.jit
    saves: dict[str, object] = {
        "model.pth": state,
        "training.ckpt": trained,
        "gan.pth": {"generator": state, "discriminator": Net().state_dict()},
        "parallel.pth": prefixed("module.", state),
        "whole.pt": model,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated
        for name, document in saves.items():
            torch.save(document, made / name)
        jit.save(jit.script(model), made / "scripted.pt")
        torch.export.save(torch.export.export(model, (torch.ones(1, 3),)), made / "exported.pt2")
    (made / "llama").mkdir()
    save_safetensors({name: each.bfloat16() for name, each in state.items()}, made / "llama" / "model.safetensors")
    shards(made / "shards", state)
    save_safetensors({"embed.weight": torch.ones(3, 2)}, made / "tied.safetensors", {"lm_head.weight": "embed.weight"})
    np.savez(made / "arrays.npz", weight=np.ones((2, 3), np.float32))
    np.save(made / "array.npy", np.arange(6.0))
    (made / "names.json").write_text(json.dumps({"stem.weight": "conv1.weight"}), encoding="utf-8")
    return made


def test_every_command_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    failed: list[str] = []
    for line in COMMANDS:
        _, verb, *arguments = shlex.split(line)
        result = CliRunner().invoke(app, [verb, *arguments, *([NO_DOTNET] if verb == "convert" else [])])
        if result.exit_code != 0:
            failed.append(f"{line}: {result.exit_code}: {result.output}")
    assert failed == []


@pytest.mark.parametrize("code", CODE)
def test_the_code_runs(code: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    run: Callable[..., object] = exec
    run(code, {})


def test_the_page_has_a_command_for_each_verb() -> None:
    assert {line.split()[1] for line in COMMANDS} == {"inspect", "convert", "diff"}
