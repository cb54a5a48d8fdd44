"""Converts a model's tensors from one file format to another, bit for bit; an optimizer's state likewise.

``files`` has tables of readers and writers by suffix. A reader returns ``Item``s, named tensors that are not read yet,
and a writer takes them. Optimizers are converted with the tables of ``codec`` and ``python_side`` instead.
May import values, resources, codec, files, python_side, dotnet_side.
"""

from tscompat.files.item import ModelFileError

from .conversion import Conversion, prepare
from .optimizer import OptimizerConversion, is_optimizer_file, prepare_optimizer

__all__ = ["Conversion", "ModelFileError", "OptimizerConversion", "is_optimizer_file", "prepare", "prepare_optimizer"]
