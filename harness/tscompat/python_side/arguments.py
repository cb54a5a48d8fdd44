"""Which arguments of a model's forward its inputs are. May import nothing of ours."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

import torch


class Argument(NamedTuple):
    """One argument, of one tensor or of a tuple of them."""

    keyword: str = ""
    """Empty where it is given by its place."""
    several: int = 0
    """How many tensors the tuple has; 0 for a tensor in no tuple."""


Arguments: TypeAlias = Sequence[Argument]


def parameters(model: torch.nn.Module) -> list[str]:
    """The names of what forward takes, in its order; that of ``**kwargs`` stands for none."""
    found = inspect.signature(model.forward).parameters
    return [name for name, each in found.items() if each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)]


def run(model: torch.nn.Module, arguments: Arguments, tensors: Sequence[torch.Tensor]) -> Any:
    """Call the model with the tensors, in the order of the arguments that they are."""
    left = iter(tensors)
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for keyword, several in arguments:
        value = tuple(islice(left, several)) if several else next(left)
        if keyword:
            kwargs[keyword] = value
        else:
            args.append(value)
    return model(*args, **kwargs)
