"""What ``tscompat parity`` does: whether a C# class computes what a PyTorch model computes, layer by layer.

May import python_side, dotnet_side, files, verbs.
"""

from tscompat.files.item import ModelFileError
from tscompat.python_side.descent import LOSSES, Recipe
from tscompat.verbs.own import Own
from tscompat.verbs.peer import choice_of

from .descent import recipe_of
from .document import Attribute, Finding, Gradient, Layer, Output, Parity, Training
from .parity import parity

__all__ = [
    "LOSSES",
    "Attribute",
    "Finding",
    "Gradient",
    "Layer",
    "ModelFileError",
    "Output",
    "Own",
    "Parity",
    "Recipe",
    "Training",
    "choice_of",
    "parity",
    "recipe_of",
]
