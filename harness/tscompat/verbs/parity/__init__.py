"""What ``tscompat parity`` does: whether a C# class computes what a PyTorch model computes, layer by layer.

May import dotnet_side, files, verbs.
"""

from tscompat.files.item import ModelFileError
from tscompat.verbs.own import Own
from tscompat.verbs.peer import choice_of

from .document import Attribute, Finding, Layer, Output, Parity
from .parity import parity

__all__ = ["Attribute", "Finding", "Layer", "ModelFileError", "Output", "Own", "Parity", "choice_of", "parity"]
