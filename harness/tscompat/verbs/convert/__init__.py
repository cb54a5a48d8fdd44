"""Converts a model's tensors from one file format to another, bit for bit; an optimizer's state likewise.

``files`` has tables of readers and writers by suffix. A reader returns ``Item``s, named tensors that are not read yet,
and a writer takes them. Optimizers are converted with the tables of ``codec`` and ``python_side`` instead.
May import values, resources, codec, files, python_side, dotnet_side.
"""

from tscompat.files.item import ModelFileError
from tscompat.verbs.peer import choice_of

from .conversion import Conversion, prepare
from .converted import Converted, convert
from .names import Names, pattern_and_replacement, read_map
from .optimizer import OptimizerConversion, is_optimizer_file, prepare_optimizer

__all__ = [
    "Conversion",
    "Converted",
    "ModelFileError",
    "Names",
    "OptimizerConversion",
    "choice_of",
    "convert",
    "is_optimizer_file",
    "pattern_and_replacement",
    "prepare",
    "prepare_optimizer",
    "read_map",
]
