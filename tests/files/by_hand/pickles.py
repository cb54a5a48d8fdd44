"""An assembler of pickles: opcodes as text, with any argument, right or wrong.

``NAME`` and ``NAME:argument`` are the opcodes of pickletools; an argument with spaces is quoted as in JSON.
``[ ... ]*3`` repeats what is in it, with ``#`` as the number of the repetition. ``@00ff`` is bytes, ``$name`` a macro.
"""

from __future__ import annotations

import json
import pickletools
import re
import struct
from collections.abc import Iterator, Mapping

from files.by_hand.templates import numbered

OPCODES = {opcode.name: opcode for opcode in pickletools.opcodes}
_QUOTED = r'"(?:\\.|[^"\\])*"'
_TOKEN = re.compile(
    rf"\s*(?:(?P<open>\[)|\$(?P<macro>\w+)|@(?P<hex>[0-9a-f]+)"
    rf"|(?P<opcode>[A-Z][A-Z0-9_]*)(?::(?P<argument>{_QUOTED}|[^\s\"]\S*))?)"
)
_TIMES = re.compile(r"\]\*(\d+)")
_NUMBERS = {"uint1": "<B", "uint2": "<H", "int4": "<i", "uint4": "<I", "uint8": "<Q", "float8": ">d"}
_LENGTHS = {"1": "<B", "4": "<I", "8": "<Q"}
"""The length before an argument, by the last letter of the argument's kind."""


def assembled(text: str, macros: Mapping[str, str] | None = None) -> bytes:
    """The bytes of opcodes."""
    return b"".join(_pieces(text.strip(), macros or {}))


def _pieces(text: str, macros: Mapping[str, str]) -> Iterator[bytes]:
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        assert token, f"no opcode: {text[at : at + 40]}"
        at = token.end()
        if token["open"]:
            end = _closing(text, at)
            times = _TIMES.match(text, end)
            assert times, f"no number of times: {text[end : end + 40]}"
            yield _repeated(text[at:end], int(times[1]), macros)
            at = times.end()
        elif token["macro"]:
            yield assembled(macros[token["macro"]], macros)
        elif token["hex"]:
            yield bytes.fromhex(token["hex"])
        else:
            yield _opcode(token["opcode"], token["argument"])


def _repeated(text: str, times: int, macros: Mapping[str, str]) -> bytes:
    if "#" not in text:
        return assembled(text, macros) * times
    return b"".join(assembled(numbered(text, number), macros) for number in range(times))


def _closing(text: str, at: int) -> int:
    """Where the bracket that was opened before ``at`` is closed; none is in quotes."""
    depth = 1
    for found in re.finditer(rf"{_QUOTED}|[\[\]]", text[at:]):
        depth += {"[": 1, "]": -1}.get(found[0], 0)
        if not depth:
            return at + found.start()
    raise AssertionError("a bracket is not closed")


def _opcode(name: str, given: str | None) -> bytes:
    """The opcode with its argument in the form that it takes; a small one if none is given."""
    code, kind = OPCODES[name].code.encode("latin-1"), getattr(OPCODES[name].arg, "name", "")
    if given is None:
        given = "" if "unicode" in kind else "0"
    data = (json.loads(given) if given.startswith('"') else given).encode("utf-8", "surrogatepass")
    if not kind:
        return code
    if kind in _NUMBERS:
        return code + struct.pack(_NUMBERS[kind], (float if kind == "float8" else int)(data))
    if kind.endswith(("nl", "_short", "_long", "noescape", "_pair")):
        return code + _line(kind, data) + b"\n"
    if kind.startswith("long"):
        number = int(data)
        data = number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)
    return code + struct.pack(_LENGTHS[kind[-1]], len(data)) + data


def _line(kind: str, data: bytes) -> bytes:
    """An argument that ends with its line: a string in quotes, a pair of names as two lines."""
    if kind == "stringnl":
        return b"'" + data + b"'"
    if kind == "stringnl_noescape_pair":
        return data.replace(b" ", b"\n", 1) if b" " in data else data + b"\n"
    return data
