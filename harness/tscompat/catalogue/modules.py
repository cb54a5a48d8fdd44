"""Families of modules: ``layer.toml``, ``arch.toml`` and their like. May import dtypes.

A case says which module both sides build. Its tensors are what Python's module has (``models.resolve``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from .case import InputSpec, Model

Row = Mapping[str, Any]


def model(family: str, name: str, row: Row, renames: Mapping[str, Mapping[str, str]]) -> Model:
    """The model of a case: in arch.toml and program.toml the case's name is the architecture's, unless it says another.

    ``renames`` is ``[rename]`` of layer.toml: for each class of torch.nn, Python's name of an option and TorchSharp's.
    """
    inputs = tuple(_input(item) for item in row.get("inputs", ()))
    rest = (row.get("only"), row.get("fill", "weights"), row.get("steps", 0))
    if family in ("arch", "program"):
        name = row.get("architecture", name)
        return Model("arch", name, {}, name, inputs, *rest)
    dotnet = json.dumps(_for_dotnet(row, renames))
    return Model("layer", row["module"], row, dotnet, inputs, *rest)


def _input(item: Row | list[Row]) -> InputSpec | tuple[InputSpec, ...]:
    if isinstance(item, list):
        return tuple(_one_input(part) for part in item)
    return _one_input(item)


def _one_input(item: Row) -> InputSpec:
    values = tuple(item.get("values", ()))
    shape = tuple(item.get("shape", (len(values),)))
    return InputSpec(shape, item.get("below"), item.get("unit", False), values, item.get("digits", False))


def _for_dotnet(description: Row, renames: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """The description as dotnet/Peer/Layers.cs takes it: all parts there, options under TorchSharp's own names."""

    def translate(item: Any) -> Any:
        match item:
            case list():
                return [translate(part) for part in cast("list[Any]", item)]
            case {"module": _}:
                return _for_dotnet(cast("Row", item), renames)
            case dict():
                return {name: translate(part) for name, part in cast("dict[str, Any]", item).items()}
            case _:
                return item

    module = description["module"]
    names = renames.get(module.partition(".")[0], {})
    return {
        "module": module.replace(".", "_"),
        "arguments": translate(description.get("arguments", [])),
        "options": {names.get(name, name): translate(item) for name, item in description.get("options", {}).items()},
        "child": description.get("child", False),
    }
