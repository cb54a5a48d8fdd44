"""What ``verify`` finds, as typed data: the result in Python, and the document of ``--json``. Imports nothing of ours.

Names have their lone surrogates escaped.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from msgspec import Struct

SCHEMA = Path(__file__).with_name("verify.schema.json")
"""The published JSON Schema of the document; the module ``schema`` writes it."""


class Transfer(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one transfer did."""

    kind: str
    """A kind of verdict: ``pass``, ``bits``, ``dtype``, ``refused``, ``not-run``, ..."""
    detail: str
    """A sentence; empty for most passes."""


class RouteFound(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A way into TorchSharp and back, tried with the file's tensors."""

    route: str
    file: str
    """What TorchSharp was given: the file itself, or the suffix of what it was converted to."""
    to_dotnet: Transfer
    """TorchSharp loads it; what its memory then holds is compared."""
    to_python: Transfer
    """TorchSharp saves the same tensors; what is in that file is compared."""
    lines: tuple[str, ...]
    """The C# that loads it."""


class Entry(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An entry of the class's state dict, or of the file."""

    name: str
    dtype: str
    """The type's name in torch: ``float32``."""
    shape: tuple[int, ...]


What = Literal["renamed", "missing-in-class", "missing-in-file", "transposed", "shape", "dtype", "order"]


class Row(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the file and the class have for one place, side by side."""

    file: Entry | None
    cls: Entry | None
    what: tuple[What, ...]
    """Empty where both fit."""


class Finding(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One thing that differs between the file and the class."""

    what: What
    name: str
    """Of the tensor; of the layer, where all of its tensors have the same finding. As the file has it, or as the class
    has it where the file lacks it."""
    detail: str


class Fit(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The state dict of a person's class beside the file."""

    cls: str
    """The class, or the file that lists its state dict."""
    tensors: int
    """How many it has."""
    fits: bool
    """Whether a strict load takes the file as it is. Another order does not matter to it."""
    findings: tuple[Finding, ...]
    rows: tuple[Row, ...]
    """In the order of the file; what only the class has stands at the end."""
    options: tuple[str, ...]
    """The options of ``convert`` that make it fit, or fit better."""
    enough: bool
    """Whether it fits with these options."""
    by_order: tuple[str, ...]
    """Names of the file's tensors that were matched by their order alone, among others of the same shapes: nothing else
    shows which is which."""
    loaded: Transfer | None
    """The strict load, with these options; null where the class was not built, and where it cannot fit."""


class Verified(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whether a model file reaches TorchSharp, as ``tscompat verify`` finds it."""

    schema: Literal[1]
    """The version of this schema. A document with another number has another format."""
    outcome: Literal["arrives", "differs", "undecided"]
    """Arrives: by one route at least, in both directions, and it fits the class, if one was given. Undecided:
    TorchSharp could not be asked."""
    path: str
    kind: str
    """What kind of file it is, in words."""
    tensors: int
    elements: int
    bytes: int
    torchsharp: str
    """The version that was asked; empty where none could be."""
    routes: tuple[RouteFound, ...]
    fit: Fit | None
    code: tuple[str, ...]
    """The command and the C# lines that load it."""
    notes: tuple[str, ...]
    """What else is to be known, a sentence each."""
