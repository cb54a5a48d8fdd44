"""Tries on PyTorch the guarantees that are about PyTorch, too: counterparts of the peer's probes, with the same names.

A counterpart gets a module and a new folder, where it may save the module's state dict with ``torch.save`` or
safetensors. May import values, catalogue.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from safetensors import torch as safetensors_torch

from tscompat.catalogue import Guarantee
from tscompat.values.tensors import StateDict

from .loading import bag

LIBRARY: Any = safetensors_torch
"""safetensors' functions for torch, whose types are not complete."""


def usable_after_save(module: torch.nn.Module, folder: Path) -> str:
    file = folder / "model.pth"
    torch.save(module.state_dict(), file)
    first = file.read_bytes()
    torch.save(module.state_dict(), file)
    return "the same file again" if file.read_bytes() == first else "another file"


def over_a_longer_file(save: Callable[[dict[str, Any], Path], None], module: torch.nn.Module, folder: Path) -> str:
    file = folder / "model"
    save(module.state_dict(), file)
    alone = file.read_bytes()
    file.write_bytes(bytes(100_000))
    save(module.state_dict(), file)
    return "the same file" if file.read_bytes() == alone else f"a file of {file.stat().st_size} bytes"


def save_leaves_a_stream_open(module: torch.nn.Module, folder: Path) -> str:
    stream = BytesIO()
    torch.save(module.state_dict(), stream)
    return "closed" if stream.closed else "open"


def load_keeps_training_and_gradients(module: torch.nn.Module, folder: Path) -> str:
    saved = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    seen: list[str] = []
    for training in (True, False):
        module.train(training).requires_grad_(training)
        module.load_state_dict(saved)
        required = all(parameter.requires_grad for parameter in module.parameters())
        mode = "training" if module.training else "evaluating"
        seen.append(f"{mode}, {'requires grad' if required else 'frozen'}")
    return "; ".join(seen)


def exactly_the_same_name(module: torch.nn.Module, folder: Path) -> str:
    try:
        module.load_state_dict({name.capitalize(): tensor for name, tensor in module.state_dict().items()})
    except RuntimeError:
        return "refused"
    return "accepted"


def names_not_places(module: torch.nn.Module, folder: Path) -> str:
    saved = {name: tensor.clone() for name, tensor in reversed(module.state_dict().items())}
    for parameter in module.parameters():
        parameter.data.zero_()
    module.load_state_dict(saved)
    same = all(torch.equal(tensor, saved[name]) for name, tensor in module.state_dict().items())
    return "the same bits" if same else "other bits"


def save_into_a_missing_folder(module: torch.nn.Module, folder: Path) -> str:
    missing = folder / "missing"
    try:
        torch.save(module.state_dict(), missing / "model.pth")
    except RuntimeError as error:
        named = "the folder is named" if missing.name in str(error) else str(error)
        return f"refused: {named}, {'something' if missing.exists() else 'nothing'} is there"
    return "accepted"


def read_only_folder(module: torch.nn.Module, folder: Path) -> str:
    file = folder / "model.pth"
    torch.save(module.state_dict(), file)
    folder.chmod(0o500)
    try:
        module.load_state_dict(torch.load(file, weights_only=True))
        seen = ["loaded"]
        try:
            torch.save(module.state_dict(), folder / "another.pth")
            seen.append("accepted")
        except RuntimeError:
            seen.append("refused")
        same = [each.name for each in folder.iterdir()] == [file.name]
        return "; ".join([*seen, "unchanged" if same else "changed"])
    finally:
        folder.chmod(0o700)


def safetensors_aligned(module: torch.nn.Module, folder: Path) -> str:
    """Save names of eight lengths, for headers of eight lengths."""
    file = folder / "model.safetensors"
    seen: set[str] = set()
    for length in range(8):
        (first, tensor), *others = module.state_dict().items()
        LIBRARY.save_file({first + length * "x": tensor, **dict(others)}, file)
        rest = int.from_bytes(file.read_bytes()[:8], "little") % 8  # the header's length, without these 8 bytes
        seen.add(f"{rest} bytes behind a multiple of 8" if rest else "at a multiple of 8")
    return "; ".join(sorted(seen))


COUNTERPARTS: Mapping[str, Callable[[torch.nn.Module, Path], str]] = {
    counterpart.__name__.replace("_", "-"): counterpart
    for counterpart in (
        *(usable_after_save, save_leaves_a_stream_open, load_keeps_training_and_gradients, exactly_the_same_name),
        *(names_not_places, save_into_a_missing_folder, read_only_folder),
    )
} | {
    "save-over-a-longer-file": partial(over_a_longer_file, torch.save),
    "pybridge-keeps-training-and-gradients": load_keeps_training_and_gradients,
    "pybridge-safetensors-aligned": safetensors_aligned,
    "pybridge-safetensors-over-a-longer-file": partial(over_a_longer_file, LIBRARY.save_file),
}


def observe(case: Guarantee, entries: StateDict, folder: Path) -> str | None:
    """What PyTorch does, tried in ``folder``, which is made; None if the guarantee is about TorchSharp alone."""
    counterpart = COUNTERPARTS.get(case.probe)
    if counterpart is None:
        return None
    folder.mkdir()
    return counterpart(bag(case.specs, entries), folder)


def state_from_the_cpu(case: Guarantee, entries: StateDict, device: str) -> dict[str, torch.Tensor]:
    """``model.to("cpu").state_dict()`` of a model on this device: what Python saves before a probe."""
    return bag(case.specs, entries).to(device).to("cpu").state_dict()
