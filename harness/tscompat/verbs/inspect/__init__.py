"""What ``tscompat inspect`` does: what a model file holds, its statistics, its bytes field by field.

May import values, codec, files; not torch.
"""

from tscompat.files.item import ModelFileError

from .annotated import Annotated, annotated, explained
from .document import Inspection, OtherFound, Quantizer, Statistics, TensorFound, Total
from .inspection import inspect

__all__ = [
    "Annotated",
    "Inspection",
    "ModelFileError",
    "OtherFound",
    "Quantizer",
    "Statistics",
    "TensorFound",
    "Total",
    "annotated",
    "explained",
    "inspect",
]
