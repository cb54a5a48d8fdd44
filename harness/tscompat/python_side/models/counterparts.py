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

ANY: Any = torch
"""torch without types."""
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
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    try:
        module.load_state_dict({name.capitalize(): tensor + 1 for name, tensor in before.items()})
    except RuntimeError:
        same = all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
        return f"refused; {'unchanged' if same else 'changed'}"
    return "accepted"


def names_not_places(module: torch.nn.Module, folder: Path) -> str:
    saved = {name: tensor.clone() for name, tensor in reversed(module.state_dict().items())}
    for parameter in module.parameters():
        parameter.data.zero_()
    module.load_state_dict(saved)
    same = all(torch.equal(tensor, saved[name]) for name, tensor in module.state_dict().items())
    return "the same bits" if same else "other bits"


def optimizer_file_of_other_groups(module: torch.nn.Module, folder: Path) -> str:
    parameters = list(module.parameters())
    saved = torch.optim.SGD(parameters, 0.5).state_dict()
    try:
        torch.optim.SGD([{"params": parameters[:1]}, {"params": parameters[1:]}], 0.5).load_state_dict(saved)
    except ValueError as error:
        return "refused" if "different number of parameter groups" in str(error) else str(error)
    return "accepted"


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


def _other(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The module's state dict with other numbers, and another name for the last entry."""
    *kept, (_, tensor) = ((name, tensor + 1) for name, tensor in module.state_dict().items())
    return {**dict(kept), "extra": tensor}


def load_state_dict_lists(module: torch.nn.Module, folder: Path) -> str:
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    keys: Any = module.load_state_dict(_other(module), strict=False)
    lists = f"missing {', '.join(keys.missing_keys)}; unexpected {', '.join(keys.unexpected_keys)}"
    return f"{lists}; {_changed(module, before)} loaded"


def load_state_dict_names_what_is_wrong(module: torch.nn.Module, folder: Path) -> str:
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    try:
        module.load_state_dict(_other(module))
    except RuntimeError as error:
        named = [name for name in (list(before)[-1], "extra") if f'"{name}"' in str(error)]
        return f"refused; {', '.join(named)} named; {_changed(module, before)} loaded"
    return "accepted"


def load_state_dict_compares_shapes(module: torch.nn.Module, folder: Path) -> str:
    (first, tensor), *others = module.state_dict().items()
    try:
        module.load_state_dict({first: tensor.new_zeros(1), **dict(others)})
    except RuntimeError as error:
        return "refused" if "size mismatch" in str(error) else str(error)
    return "accepted"


def _changed(module: torch.nn.Module, before: dict[str, torch.Tensor]) -> str:
    return ", ".join(name for name, tensor in module.state_dict().items() if not torch.equal(tensor, before[name]))


def state_dict_under_a_prefix(module: torch.nn.Module, folder: Path) -> str:
    destination = {"before": torch.zeros(1)}
    module.state_dict(destination=destination, prefix="part.")
    return ", ".join(destination)


def _first(module: torch.nn.Module) -> torch.Tensor:
    return next(module.parameters()).detach()


def frombuffer_reads_bytes(module: torch.nn.Module, folder: Path) -> str:
    first = _first(module)
    made = torch.frombuffer(bytearray(first.numpy().tobytes()), dtype=first.dtype)
    return _described(made, first.flatten())


def frombuffer_skips_bytes(module: torch.nn.Module, folder: Path) -> str:
    first = _first(module)
    made = torch.frombuffer(bytearray(first.numpy().tobytes()), dtype=first.dtype, offset=8)
    return _described(made, first.flatten()[2:])


def frombuffer_shares_memory(module: torch.nn.Module, folder: Path) -> str:
    array = torch.zeros(2).numpy()
    made = torch.frombuffer(array, dtype=torch.float32)
    array[0] = 7
    made[1] = 8
    return "shared" if made[0] == 7 and array[1] == 8 else "not shared"


def from_file(module: torch.nn.Module, folder: Path) -> str:
    first, file = _first(module), folder / "elements"
    file.write_bytes(first.numpy().tobytes())
    seen: list[str] = []
    for shared in (False, True):
        made: torch.Tensor = ANY.from_file(str(file), shared=shared, size=first.numel(), dtype=first.dtype)
        described = _described(made, first.flatten())
        made.zero_()
        same = file.read_bytes() == first.numpy().tobytes()
        seen.append(f"{described}, the file is {'as it was' if same else 'changed'}")
    return "; ".join(seen)


def _described(made: torch.Tensor, expected: torch.Tensor) -> str:
    same = made.shape == expected.shape and torch.equal(made.view(torch.uint8), expected.view(torch.uint8))
    return "the same bits" if same else f"{made.numel()} other elements"


def storage_to_array(module: torch.nn.Module, folder: Path) -> str:
    storage = torch.arange(6, dtype=torch.int32)[3:].untyped_storage()
    return ", ".join(str(int(number)) for number in torch.tensor([], dtype=torch.int32).set_(storage))


def deterministic_algorithms(module: torch.nn.Module, folder: Path) -> str:
    ANY.use_deterministic_algorithms(True)
    try:
        return "on" if torch.are_deterministic_algorithms_enabled() else "off"
    finally:
        ANY.use_deterministic_algorithms(False)


COUNTERPARTS: Mapping[str, Callable[[torch.nn.Module, Path], str]] = {
    counterpart.__name__.replace("_", "-"): counterpart
    for counterpart in (
        *(usable_after_save, save_leaves_a_stream_open, load_keeps_training_and_gradients, exactly_the_same_name),
        *(names_not_places, save_into_a_missing_folder, read_only_folder, load_state_dict_lists),
        *(load_state_dict_names_what_is_wrong, load_state_dict_compares_shapes, state_dict_under_a_prefix),
        *(optimizer_file_of_other_groups, deterministic_algorithms),
        *(frombuffer_reads_bytes, frombuffer_skips_bytes, frombuffer_shares_memory, from_file, storage_to_array),
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
