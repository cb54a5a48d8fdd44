"""``tscompat convert``: a model's tensors from one file format to another, bit for bit.

``readers`` and ``writers`` are tables by suffix; between them pass ``Item``s, named tensors that are not read yet.
May import dtypes, tensors, documents, codec, catalogue, torch_side, peer, routes, and torch.
"""

from .conversion import Conversion, prepare
from .item import ConvertError
from .verification import verify

__all__ = ["Conversion", "ConvertError", "prepare", "verify"]
