"""Families of scenarios: ``load.toml``. May import dtypes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tscompat.values.dtypes import BY_NAME

from .case import Load, TensorSpec

Row = Mapping[str, Any]


def load_case(row: Row, dtype: str) -> Load:
    """The scenario of a case from its table."""
    return Load(
        file=tuple(_spec(tensor, dtype) for tensor in row["file"]),
        transient=tuple(tensor["name"] for tensor in row["tensors"] if tensor.get("transient")),
        strict=row.get("strict", True),
        skip=tuple(row.get("skip", ())),
        overload=row.get("overload", "path"),
        cut=row.get("cut", 0),
        trailing=row.get("trailing", 0),
        report=row.get("report", False),
    )


def _spec(row: Row, dtype: str) -> TensorSpec:
    return TensorSpec(
        row["name"], BY_NAME[row.get("dtype", dtype)], tuple(row["shape"]), "weights", False, row.get("tied_to", "")
    )
