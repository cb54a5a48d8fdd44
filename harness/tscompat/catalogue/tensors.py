"""Reads the cases of tensors and of guarantees: both list tensors in the same form. May import values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Quantizer

from .case import Guarantee, Tensors, TensorSpec
from .table import Row, Table


def tensors(table: Table) -> Tensors:
    """The bag of tensors of a case."""
    row = table.row
    return Tensors(
        specs=specs_of(row["tensors"], table.dtype),
        layout=row.get("layout", "contiguous"),
        side=row.get("side", "source"),
        target_reversed=row.get("target_reversed", False),
        nested=row.get("nested", False),
        pickled=row.get("pickled", "as-it-is"),
        quantizer=Quantizer(**row.get("quantizer", {})),
    )


def guarantee(table: Table) -> Guarantee:
    """The guarantee of a case. The case's name is that of the probe."""
    row = table.row
    specs = specs_of(row["tensors"], table.dtype)
    return Guarantee(specs, table.name, row["observed"], row["otherwise"], row.get("unable", ""))


def specs_of(rows: Iterable[Row], dtype: str) -> tuple[TensorSpec, ...]:
    """The tensors of these tables, in order; a table without a dtype takes the case's."""
    return tuple(spec for row in rows for spec in _specs(row, dtype))


def _specs(row: Row, dtype: str) -> Iterator[TensorSpec]:
    name = row.get("name", "weight") * row.get("name_times", 1)
    shape = tuple(row["shape"])
    element = BY_NAME[row.get("dtype", dtype)]
    for number in range(row.get("repeat", 1)):
        yield TensorSpec(
            name=name.replace("{}", str(number)),
            dtype=element,
            shape=shape,
            fill=row.get("fill", "random"),
            buffer=row.get("buffer", False),
            tied_to=row.get("tied_to", ""),
        )
