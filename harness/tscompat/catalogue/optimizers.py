"""Reads the cases of ``optim.toml``: optimizers. May import values.

A case is a few parameters, their gradients for each step, and an optimizer of these parameters. All values are moderate
numbers that every float type holds exactly, so that a difference after a step comes from the step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tscompat.values.dtypes import BY_NAME

from .case import Group, OptimizerCase, TensorSpec
from .table import Row, Table

FILL = "moderate"


def optimizer_case(table: Table) -> OptimizerCase:
    """The optimizer of a case."""
    row = table.row
    groups = row.get("groups", [{"parameters": len(row["parameters"])}])
    options = row.get("options", {})
    pair = list if row.get("lists") else tuple
    return OptimizerCase(
        specs=tuple(_specs(row, table.dtype)),
        optimizer=row["optimizer"],
        groups=tuple(
            Group(_paired({**options, **group.get("options", {})}, pair), group["parameters"]) for group in groups
        ),
        steps=row["steps"],
        after=row["after"],
        target=row.get("target", "fresh"),
        layout=row.get("layout", "contiguous"),
    )


def _paired(options: Mapping[str, bool | float | list[float]], pair: type[list[float] | tuple[float, ...]]) -> Row:
    """The options with pairs as tuples, as torch's own defaults are, or as lists: a pickle shows the difference."""
    return {name: pair(value) if isinstance(value, list) else value for name, value in options.items()}


def _specs(row: Row, dtype: str) -> Iterator[TensorSpec]:
    """The parameters, and their gradients for each step, before saving and after loading."""
    numbered = [
        (number, BY_NAME[parameter.get("dtype", dtype)], tuple(parameter["shape"]), parameter.get("gradient", True))
        for number, parameter in enumerate(row["parameters"])
    ]
    for number, element, shape, _ in numbered:
        yield TensorSpec(f"parameter.{number}", element, shape, FILL, buffer=False)
    for step in range(row["steps"] + row["after"]):
        for number, element, shape, has_gradient in numbered:
            if has_gradient:
                yield TensorSpec(f"gradient.{step}.{number}", element, shape, FILL, buffer=False)
