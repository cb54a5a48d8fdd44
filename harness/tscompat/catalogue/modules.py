"""Reads the cases of modules (``files.FAMILIES`` has the names of their files). May import values.

A case names the module that both sides build. The case's tensors are those of Python's module (``native.specs_of``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from tscompat.values.dtypes import BY_NAME

from .case import InputSpec, Model, Training
from .table import Row, Table


def model(table: Table) -> Model:
    """The model of a case. An architecture's name is ``architecture``, or the case's."""
    row, dtype = table.row, BY_NAME[table.dtype]
    inputs = tuple(_input(item) for item in row.get("inputs", ()))
    rest = (row.get("only"), row.get("fill", "weights"), row.get("steps", 0), tuple(row.get("indifferent", ())))
    if table.family in ("arch", "program", "training"):
        name = row.get("architecture", table.name)
        training = _training(row["training"]) if "training" in row else None
        return Model("arch", name, dtype, {}, name, inputs, *rest, training)
    dotnet = json.dumps(_for_dotnet(row, table.rename))
    return Model("layer", row["module"], dtype, row, dotnet, inputs, *rest)


def _training(row: Row) -> Training:
    return Training(row["optimizer"], row["options"], row["loss"], _one_input(row["target"]), row["steps"])


def _input(item: Row | list[Row]) -> InputSpec | tuple[InputSpec, ...]:
    if isinstance(item, list):
        return tuple(_one_input(part) for part in item)
    return _one_input(item)


def _one_input(item: Row) -> InputSpec:
    values = tuple(item.get("values", ()))
    shape = tuple(item.get("shape", (len(values),)))
    return InputSpec(shape, item.get("below"), item.get("unit", False), values, item.get("digits", False))


def _for_dotnet(description: Row, renames: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """The description that dotnet/Peer/Layers.cs reads: no key left out, options under TorchSharp's names."""

    def translate(item: Any) -> Any:
        match item:
            case list():
                return [translate(part) for part in cast(list[Any], item)]
            case {"module": _}:
                return _for_dotnet(cast(Row, item), renames)
            case dict():
                return {name: translate(part) for name, part in cast(Row, item).items()}
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
