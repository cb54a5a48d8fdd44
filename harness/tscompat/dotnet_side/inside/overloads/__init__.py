"""The overloads: how TorchSharp saves an object to the artifact, and loads it from there. Imports its neighbours.

A overload has the name of its route (``tscompat.routes``). A table a file; this one has all of them.
"""

from __future__ import annotations

from . import bridge, modules, programs, tensors
from .overload import Overload

_OWN = {**modules.OVERLOADS, **tensors.OVERLOADS, **bridge.OVERLOADS, **programs.OVERLOADS}
_SCRIPTS = {"exportsd": "dat", "exportsd-tensor": "tensor", "importsd": "dat"}
"""Upstream's own scripts write and read the same files."""
OVERLOADS: dict[str, Overload] = {**_OWN, **{name: _OWN[same] for name, same in _SCRIPTS.items()}}
