"""The catalogue: reads ``cases/``, expands families over dtypes, makes the bits.

May import dtypes, tensors, identity, paths.

A case is data (``cases/*.toml``); ``load_catalogue`` gives all of them, ``make`` gives one its state dict.
"""

from .case import PLAIN, Case, Quantizer, TensorSpec
from .files import CatalogueError, load_catalogue
from .fills import make

__all__ = ["PLAIN", "Case", "CatalogueError", "Quantizer", "TensorSpec", "load_catalogue", "make"]
