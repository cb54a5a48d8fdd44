"""Model files that libraries write: torch, numpy, safetensors, and zip tools that packed them again."""

from __future__ import annotations

import io
import sys
import types
import warnings
import zipfile
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from files.real.states import NET, UNTIED, State
from samples import SAFETENSORS

TORCH: Any = torch
"""Its functions are only partly typed."""
LEGACY = {"_use_new_zipfile_serialization": False}
"""The option of torch.save for its format before version 1.6."""


def saved(document: object, **options: Any) -> bytes:
    """What torch.save writes; arrays in dicts and lists become tensors."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save(tensors(document), file, **options)
    return file.getvalue()


def tensors(value: Any) -> Any:
    """The value with its arrays, also those in dicts and lists, as torch's tensors."""
    match value:
        case np.ndarray():
            return TORCH.from_numpy(value.copy())
        case dict():
            return {key: tensors(each) for key, each in cast("dict[Any, Any]", value).items()}
        case list():
            return [tensors(each) for each in cast("list[Any]", value)]
        case _:
            return value


def zipped_again(data: bytes, method: int, level: int | None = None) -> bytes:
    """The same members in another archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(file, "w", method, compresslevel=level) as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
    return file.getvalue()


def npy(array: np.ndarray) -> bytes:
    """What numpy.save writes."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(state: State) -> bytes:
    """What numpy.savez writes."""
    file = io.BytesIO()
    np.savez(file, **cast("Any", state))
    return file.getvalue()


def tied(metadata: Mapping[str, str]) -> bytes:
    """What safetensors writes of a model with tied names."""
    return SAFETENSORS.save(tensors(UNTIED), metadata)


def foreign(name: str, base: type = object) -> type:
    """A class of a package that the reader of the file has not."""
    package = sys.modules.setdefault("apackage", types.ModuleType("apackage"))
    made = type(name, (base,), {"__module__": "apackage"})
    setattr(package, name, made)
    return made


class Net(nn.Module):
    """A module whose state dict is this state."""

    def __init__(self, state: State = NET) -> None:
        super().__init__()
        self.stem, self.bn, self.head = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2)
        self.load_state_dict(tensors(state))


def backbone(state: State = NET) -> nn.Module:
    """Such a module, of a foreign class."""
    return foreign("Backbone", Net)(state)


def training() -> dict[str, Any]:
    """A checkpoint of training with scores in its callbacks and an optimizer that made a step."""
    net = Net()
    optimizer: Any = torch.optim.Adam(net.parameters())
    loss: Any = torch.stack([parameter.sum() for parameter in net.parameters()]).sum()
    loss.backward()
    optimizer.step()
    score = torch.tensor(0.5)
    return {
        "epoch": 3,
        "state_dict": tensors(NET),
        "callbacks": {"ModelCheckpoint": {"best_k_models": {"a.ckpt": score}, "kth_value": score}},
        "optimizer_states": [optimizer.state_dict()],
        "hyper_parameters": {"lr": 1e-3},
    }
