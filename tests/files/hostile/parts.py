"""The parts of hostile files: bytes as TOML writes them.

A part is a string: its kind, a colon, and what it is made of (``_KINDS``); or a table ``{ of = [parts], times = 3 }``,
in which ``#`` stands for the number of the repetition.
"""

from __future__ import annotations

import base64
import json
import re
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from files.by_hand.models import npy_header, safetensors_header
from files.by_hand.templates import numbered
from files.hostile.bases import BASES, pickle


def parts(given: Sequence[Any]) -> bytes:
    """The bytes of parts, one after the other."""
    return b"".join(map(part, given))


def part(given: Any) -> bytes:
    """The bytes of one part."""
    if isinstance(given, str):
        kind, _, rest = given.partition(":")
        return _KINDS[kind](rest.removeprefix(" "))
    inner, times = given["of"], given.get("times", 1)
    if "#" not in json.dumps(inner):
        return parts(inner) * times
    return b"".join(parts(numbered(inner, number)) for number in range(times))


def from_hex(text: str) -> bytes:
    """The bytes of hexadecimal digits; ``ff*10`` is ten times ff."""
    found = re.findall(r"([0-9a-fA-F]{2}+)(?:\*(\d+))?", text)
    return b"".join(bytes.fromhex(digits) * int(times or 1) for digits, times in found)


_KINDS: Mapping[str, Callable[[str], bytes]] = {
    "x": from_hex,
    "t": lambda text: text.encode("utf-8", "surrogatepass"),
    "z": lambda text: bytes(int(text)),
    "f": lambda text: struct.pack(f"<{len(text.split())}f", *map(float, text.split())),
    "q": lambda text: struct.pack(f"<{len(text.split())}q", *map(int, text.split())),
    "d": lambda text: zlib.decompress(base64.b64decode(text)),
    "p": pickle,
    "h": safetensors_header,
    "n": npy_header,
    "b": BASES.__getitem__,
}
"""x: hex, t: text, z: so many zero bytes, f: float32, q: int64, d: what zlib packed, in base64, p: opcodes of a pickle,
h: a header of safetensors, n: a header of numpy, b: a base."""
