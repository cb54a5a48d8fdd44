"""torchsharp-compat: proves, bit for bit, that a PyTorch model arrives in TorchSharp (.NET), and back.

ARCHITECTURE.md is the map: what each room is for and what it may import. In Python, ``tscompat.convert``, ``inspect``,
``diff``, ``verify`` and ``parity`` do what the commands of these names do; what they cannot read or write raises
``ModelFileError``. They come from verbs and files when they are asked for, so that ``import tscompat`` stays free of
torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tscompat.files.item import ModelFileError
    from tscompat.verbs.convert import Converted, convert
    from tscompat.verbs.diff import Comparison, diff
    from tscompat.verbs.inspect import Inspection, inspect
    from tscompat.verbs.own import Own
    from tscompat.verbs.parity import Parity, parity, recipe_of
    from tscompat.verbs.peer import choice_of
    from tscompat.verbs.verify import Verified, verify

__all__ = [
    "Comparison",
    "Converted",
    "Inspection",
    "ModelFileError",
    "Own",
    "Parity",
    "Verified",
    "choice_of",
    "convert",
    "diff",
    "inspect",
    "parity",
    "recipe_of",
    "verify",
]

_HOMES = {
    "ModelFileError": "tscompat.files.item",
    "Converted": "tscompat.verbs.convert",
    "convert": "tscompat.verbs.convert",
    "Comparison": "tscompat.verbs.diff",
    "diff": "tscompat.verbs.diff",
    "Inspection": "tscompat.verbs.inspect",
    "inspect": "tscompat.verbs.inspect",
    "Own": "tscompat.verbs.own",
    "Parity": "tscompat.verbs.parity",
    "parity": "tscompat.verbs.parity",
    "recipe_of": "tscompat.verbs.parity",
    "choice_of": "tscompat.verbs.peer",
    "Verified": "tscompat.verbs.verify",
    "verify": "tscompat.verbs.verify",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
