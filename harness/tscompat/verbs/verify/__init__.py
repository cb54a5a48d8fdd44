"""What ``tscompat verify`` does: whether a model file reaches the real TorchSharp, and whether it fits a class.

May import values, dotnet_side, files and the verb convert.
"""

from tscompat.files.item import ModelFileError
from tscompat.verbs.own import Own
from tscompat.verbs.peer import choice_of

from .document import Entry, Finding, Fit, RouteFound, Row, Transfer, Verified
from .verification import verify

__all__ = [
    "Entry",
    "Finding",
    "Fit",
    "ModelFileError",
    "Own",
    "RouteFound",
    "Row",
    "Transfer",
    "Verified",
    "choice_of",
    "verify",
]
