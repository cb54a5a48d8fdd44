"""A case as it stands in a file, in one dtype: what the families' functions make their subjects of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

Row = Mapping[str, Any]


class Table(NamedTuple):
    """One table ``[case.NAME]`` of a file, with the defaults in it, and one of its dtypes."""

    family: str
    name: str
    row: Row
    dtype: str
    """A short name, or ``mixed``."""
    rename: Mapping[str, Mapping[str, str]]
    """``[rename]`` of the file: for each class of torch.nn, Python's name of an option and TorchSharp's."""
