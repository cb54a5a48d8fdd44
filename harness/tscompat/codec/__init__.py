"""The oracle: encodes state dicts, tensors and optimizers canonically, and decodes them, strictly by default.

Pure Python over numpy, without torch and without .NET. May import values.
"""

from .errors import Clause, FormatError, Problems
from .optimizer import OptimizerRecord, decode_optimizer, encode_optimizer, read_optimizer
from .reader import IndexEntry, decode_state_dict, decode_tensor, index_state_dict, read_state_dict, read_tensor
from .writer import encode_state_dict, encode_tensor

__all__ = [
    "Clause",
    "FormatError",
    "IndexEntry",
    "OptimizerRecord",
    "Problems",
    "decode_optimizer",
    "decode_state_dict",
    "decode_tensor",
    "encode_optimizer",
    "encode_state_dict",
    "encode_tensor",
    "index_state_dict",
    "read_optimizer",
    "read_state_dict",
    "read_tensor",
]
