"""The catalogue: reads ``cases/``, expands families over dtypes, makes the bits. May import values, resources.

A case is data (``cases/*.toml``). ``load_catalogue`` returns all cases; ``make`` makes the bits of tensors.
"""

from .case import (
    Case,
    Group,
    Guarantee,
    Hostile,
    InputSpec,
    Load,
    Model,
    OptimizerCase,
    Subject,
    Tensors,
    TensorSpec,
    Training,
)
from .digits import draw as draw_digits
from .files import CatalogueError, load_bounds, load_catalogue
from .fills import make, make_batches, make_inputs

__all__ = [
    "Case",
    "CatalogueError",
    "Group",
    "Guarantee",
    "Hostile",
    "InputSpec",
    "Load",
    "Model",
    "OptimizerCase",
    "Subject",
    "TensorSpec",
    "Tensors",
    "Training",
    "draw_digits",
    "load_bounds",
    "load_catalogue",
    "make",
    "make_batches",
    "make_inputs",
]
