"""A case in one dtype, as its file has it. The functions of the families make subjects from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

Row = Mapping[str, Any]


class Table(NamedTuple):
    """One table ``[case.NAME]`` of a file, merged with ``[defaults]``, and one of its dtypes."""

    family: str
    name: str
    row: Row
    dtype: str
    """A short name, or ``mixed``."""
    rename: Mapping[str, Mapping[str, str]]
    """``[rename]`` of the file: for each class of torch.nn, TorchSharp's names of options by Python's."""
