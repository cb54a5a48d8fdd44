"""A scenario as PyTorch plays it. May import codec, tensors, catalogue, torch_side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tscompat import codec, torch_side
from tscompat.catalogue import Case, Scenario
from tscompat.tensors import StateDict


def play(case: Case, scenario: Scenario, before: StateDict, file: Path) -> tuple[str, StateDict]:
    """Load a file into a module with these bits: why it was refused (empty if it was not), what the module holds then.

    A name in the skip list is not loaded, and is neither missing nor unexpected: PyTorch itself has no such list.
    """
    module = torch.nn.Module()
    for spec, (name, tensor) in zip(case.tensors, before, strict=True):
        made = torch_side.to_torch(tensor)
        if spec.buffer:
            module.register_buffer(name, made, persistent=name not in scenario.transient)
        else:
            module.register_parameter(name, torch.nn.Parameter(made))
    refused = ""
    try:
        entries = codec.read_state_dict(file)
        given = {name: torch_side.to_torch(tensor) for name, tensor in entries if name not in scenario.skip}
        keys: Any = module.load_state_dict(given, strict=False)
        odd = sorted({*keys.missing_keys, *keys.unexpected_keys} - {*scenario.skip})
        if scenario.strict and odd:
            refused = f"missing or unexpected: {', '.join(odd)}"
    except (codec.FormatError, RuntimeError) as error:
        refused = str(error.args[0]).partition("\n")[0]
    return refused, torch_side.export({**dict(module.named_parameters()), **dict(module.named_buffers())})
