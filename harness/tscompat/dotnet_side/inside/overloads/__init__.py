"""The overloads of TorchSharp and PyBridge that save and load tensors, modules and programs. Imports its neighbours.

A route names its overload (``tscompat.routes``). Each file here has a table of its overloads; ``OVERLOADS`` has all.
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
