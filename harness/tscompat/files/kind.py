"""A kind of model file: a row of the table in ``kinds``. Imports its neighbours."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .item import Model, Tell
from .source import Source


class Kind(NamedTuple):
    """A kind of file, known by its content."""

    name: str
    """What ``--from-format`` calls it."""
    words: str
    """``a state dict of TorchSharp``."""
    suffixes: tuple[str, ...]
    """The customary suffixes, in lower case. They decide nothing; another kind's is a note."""
    claims: Callable[[Source], bool]
    """Whether a file's content is of this kind. Looks at as little as it can."""
    read: Callable[[Source, str, Tell], Model]
    """Takes the file, the key of a nested state dict, and the function that gets sentences for the person.

    Raises ModelFileError, with the path, for a file that is damaged or of another kind; and OSError."""
    nested: bool = False
    """Whether a state dict may be nested in dicts and lists, so that a key can be given."""
