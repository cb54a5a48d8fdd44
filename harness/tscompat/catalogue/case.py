"""What a case is. May import dtypes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from tscompat.dtypes import DType


class Quantizer(NamedTuple):
    """How a quantized tensor turns its integers into reals: ``scale * (integer - zero_point)``, per tensor."""

    scale: float = 1.0
    zero_point: int = 0


PLAIN = Quantizer()
"""The quantizer of a case that says none: the integers themselves."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One tensor of a case, before it has bits."""

    name: str
    dtype: DType
    shape: tuple[int, ...]
    fill: str
    """A key of ``fills.FILLS``."""
    buffer: bool
    """A buffer if true, else a parameter."""


@dataclass(frozen=True, slots=True)
class Case:
    """A state dict described as data, and what is special about carrying it."""

    id: str
    """``family/name/dtype``: reads like a path and never changes once published."""
    why: str
    tensors: tuple[TensorSpec, ...]
    routes: tuple[str, ...]
    """The routes that carry it."""
    devices: tuple[str, ...]
    """Writer's and reader's device: ``cpu``, ``cuda``, ``cuda-cpu``, ``cpu-cuda``."""
    layout: str = "contiguous"
    side: Literal["source", "target"] = "source"
    """Whose tensors have the layout: those that are saved, or those that are loaded into."""
    target_reversed: bool = False
    """Whether the reader registers its tensors in reverse order."""
    nested: bool = False
    """Whether the dots of the names are submodules."""
    quantizer: Quantizer = PLAIN
    tags: tuple[str, ...] = ()

    @property
    def dtype(self) -> str:
        """The last part of the id: a dtype's name, or ``mixed``."""
        return self.id.rsplit("/", 1)[1]

    @property
    def family(self) -> str:
        """The first part of the id."""
        return self.id.split("/", 1)[0]

    @property
    def source_layout(self) -> str:
        """The layout of the tensors that are saved."""
        return self.layout if self.side == "source" else "contiguous"

    @property
    def target_layout(self) -> str:
        """The layout of the tensors that are loaded into."""
        return self.layout if self.side == "target" else "contiguous"
