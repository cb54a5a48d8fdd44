"""The overloads of TorchSharp and PyBridge that save and load tensors, modules and programs. Imports its neighbours.

A route names its overload (``tscompat.routes``). A table a file; this one has all of them.
"""

from __future__ import annotations

from . import bridge, modules, programs, tensors
from .overload import Overload

OVERLOADS: dict[str, Overload] = {
    **modules.OVERLOADS,
    **tensors.OVERLOADS,
    **bridge.OVERLOADS,
    **programs.OVERLOADS,
}
