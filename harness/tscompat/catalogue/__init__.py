"""The catalogue: reads ``cases/``, expands families over dtypes, makes the bits.

May import dtypes, tensors, identity, paths, documents.

A case is data (``cases/*.toml``); ``load_catalogue`` gives all of them, ``make`` gives one its state dict.
"""

from .case import Case, Group, InputSpec, Load, Model, OptimizerCase, TensorSpec
from .digits import draw as draw_digits
from .files import CatalogueError, load_bounds, load_catalogue
from .fills import make, make_inputs

__all__ = [
    "Case",
    "CatalogueError",
    "Group",
    "InputSpec",
    "Load",
    "Model",
    "OptimizerCase",
    "TensorSpec",
    "draw_digits",
    "load_bounds",
    "load_catalogue",
    "make",
    "make_inputs",
]
