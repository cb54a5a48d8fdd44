"""``tscompat convert``: a model's tensors from one file format to another, bit for bit; an optimizer's state likewise.

``readers`` and ``writers`` are tables by suffix; between them pass ``Item``s, named tensors that are not read yet.
Optimizers go by ``codec``'s and ``optim_side``'s tables instead.
May import dtypes, tensors, documents, codec, bits, catalogue, torch_side, optim_side, peer, routes, and torch.
"""

from tscompat.files.item import ConvertError

from .conversion import Conversion, prepare
from .optimizer import OptimizerConversion, is_optimizer_file, prepare_optimizer

__all__ = ["Conversion", "ConvertError", "OptimizerConversion", "is_optimizer_file", "prepare", "prepare_optimizer"]
