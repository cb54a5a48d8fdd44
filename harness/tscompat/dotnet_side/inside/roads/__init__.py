"""The roads: how TorchSharp saves an object to the artifact, and loads it from there. Imports its neighbours.

A road has the name of its route (``tscompat.routes``). A table a file; this one has all of them.
"""

from __future__ import annotations

from . import bridge, modules, programs, tensors
from .road import Road

_OWN = {**modules.ROADS, **tensors.ROADS, **bridge.ROADS, **programs.ROADS}
_SCRIPTS = {"exportsd": "dat", "exportsd-tensor": "tensor", "importsd": "dat"}
"""Upstream's own scripts write and read the same files."""
ROADS: dict[str, Road] = {**_OWN, **{name: _OWN[same] for name, same in _SCRIPTS.items()}}
