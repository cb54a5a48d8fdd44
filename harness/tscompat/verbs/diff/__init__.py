"""What ``tscompat diff`` does: what differs between two model files of any formats.

May import values, files; not torch.
"""

from tscompat.files.item import ModelFileError

from .comparison import diff
from .document import Comparison, Element, Lone, Misplaced, NotCompared, Renamed, Side, Unlike, Values

__all__ = [
    "Comparison",
    "Element",
    "Lone",
    "Misplaced",
    "ModelFileError",
    "NotCompared",
    "Renamed",
    "Side",
    "Unlike",
    "Values",
    "diff",
]
