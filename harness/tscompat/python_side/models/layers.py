"""Builds modules of torch.nn from descriptions of cases/layer.toml, as dotnet/Peer/Layers.cs does. Imports torch."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any, NotRequired, TypeAlias, TypedDict, cast

import torch

Value: TypeAlias = "bool | float | str | list[Value] | dict[str, Value]"
"""An argument. A table is a Description (``{module = ...}``), a parameter or tensor of ones (``{parameter = shape}``,
``{tensor = shape}``), ``{none = true}`` for None, or an ordered mapping of names to values."""


class Description(TypedDict):
    """A module to build: a table of cases/layer.toml, or one nested in it."""

    module: str
    """The name of a class of torch.nn, or of a class method: ``Embedding.from_pretrained``."""
    arguments: NotRequired[list[Value]]
    options: NotRequired[dict[str, Value]]
    child: NotRequired[bool]
    """Whether to build it as the only child of a Parent."""


class Parent(torch.nn.Module):
    """A module with a single child: some modules of TorchSharp register their state only when they become a child."""

    def __init__(self, layer: torch.nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, *inputs: Any) -> Any:
        return self.layer(*inputs)


def build(description: Description) -> torch.nn.Module:
    """Build a module with torch.nn. Raises what torch raises for arguments that it refuses."""
    make = attrgetter(description["module"])(torch.nn)
    arguments = [_value(item) for item in description.get("arguments", [])]
    options = {name: _option(name, item) for name, item in description.get("options", {}).items()}
    module = make(*arguments, **options)
    return Parent(module) if description.get("child") else module


def forward(
    module: torch.nn.Module, inputs: Sequence[torch.Tensor | tuple[torch.Tensor, torch.Tensor]]
) -> list[torch.Tensor]:
    """The module's outputs for these inputs, nested tuples flattened. An LSTM's two states are one input, a pair."""
    return list(_flat(module(*inputs)))


def _option(name: str, item: Value) -> Any:
    return getattr(torch, str(item)) if name == "dtype" else _value(item)


def _value(item: Value) -> Any:
    if isinstance(item, list):
        return [_value(part) for part in item]
    if not isinstance(item, dict):
        return item
    if "none" in item:
        return None
    if "module" in item:
        return build(cast("Description", item))
    if "parameter" in item:
        return torch.nn.Parameter(torch.ones(_value(item["parameter"])))
    if "tensor" in item:
        return torch.ones(_value(item["tensor"]))
    return OrderedDict((name, _value(part)) for name, part in item.items())


def _flat(result: Any) -> Iterator[torch.Tensor]:
    if isinstance(result, torch.Tensor):
        yield result
    else:
        for part in result:
            yield from _flat(part)
