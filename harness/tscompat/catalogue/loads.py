"""Reads the cases of ``load.toml``: loads into a module that exists. May import values."""

from __future__ import annotations

from tscompat.values.dtypes import BY_NAME

from .case import Load, TensorSpec
from .table import Row, Table
from .tensors import specs_of


def load(table: Table) -> Load:
    """The load of a case."""
    row, dtype = table.row, table.dtype
    return Load(
        specs=specs_of(row["tensors"], dtype),
        file=tuple(_spec(tensor, dtype) for tensor in row["file"]),
        transient=tuple(tensor["name"] for tensor in row["tensors"] if tensor.get("transient")),
        nested=row.get("nested", False),
        strict=row.get("strict", True),
        skip=tuple(row.get("skip", ())),
        given_as=row.get("given_as", "path"),
        cut=row.get("cut", 0),
        trailing=row.get("trailing", 0),
        report=row.get("report", False),
        changed=(row["changed"]["from_end"], bytes(row["changed"]["to"])) if "changed" in row else None,
    )


def _spec(row: Row, dtype: str) -> TensorSpec:
    element, fill = BY_NAME[row.get("dtype", dtype)], row.get("fill", "weights")
    return TensorSpec(row["name"], element, tuple(row["shape"]), fill, False, row.get("tied_to", ""))
