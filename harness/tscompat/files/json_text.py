"""Decodes the JSON of foreign files: typed, bounded, with an error of one sentence. May import values.

``msgspec`` decodes only what the type asks for, refuses another form at the first place that has it, and counts levels.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tscompat.values.text import shown

from .item import ModelFileError
from .source import opened

MOST = 100_000_000
"""The largest JSON, in bytes, that is read: as in the header of safetensors (``MAX_HEADER_SIZE`` in its tensor.rs)."""

_BOM = b"\xef\xbb\xbf"

_WORDS = {"an object": "object", "a list": "array", "text": "str", "a whole number": "int", "a number": "float"}
"""Our words for msgspec's types."""

T = TypeVar("T")


class JsonError(ValueError):
    """The JSON cannot be decoded, and why: half a sentence."""


def decode(data: bytes | memoryview, kind: type[T], hook: Callable[[type, Any], Any] | None = None) -> T:
    """The value in ``data``, of the type ``kind``. Raises JsonError."""
    if len(data) > MOST:
        raise JsonError(f"{len(data):,} bytes of JSON, where at most {MOST:,} are read")
    text = bytes(data).removeprefix(_BOM)
    try:
        return msgspec.json.decode(text, type=kind, dec_hook=hook)
    except RecursionError:
        raise JsonError("JSON that is nested too deeply") from None
    except UnicodeDecodeError:
        raise JsonError("JSON that is not UTF-8") from None
    except msgspec.ValidationError as error:
        raise JsonError(_plain(str(error))) from None
    except msgspec.DecodeError as error:
        raise JsonError(f"no valid JSON: {_plain(str(error).removeprefix('JSON is malformed: '))}") from None


def _plain(message: str) -> str:
    """msgspec's message in JSON's words, and with its place as a path of names."""
    message = re.sub(r" - at `(?:key` in `)?\$\.?(.*)`$", r" at '\1'", message).removesuffix(" at ''")
    for ours, theirs in _WORDS.items():
        message = message.replace(f"`{theirs}", f"`{ours}")
    return shown(message.replace("`", "").replace("Expected", "expected").replace("Object ", "the object "), 200)


def read(path: Path, kind: type[T]) -> T:
    """The value in a JSON file, as ``decode``. Raises ModelFileError with the path, and OSError."""
    try:
        return decode(opened(path).data, kind)
    except JsonError as error:
        raise ModelFileError(f"{path}: {error}") from None
