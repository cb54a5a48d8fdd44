"""LEB128, the numbers of the format: seven bits a byte, lowest first; the top bit is set if more bytes follow.

Upstream's codec (src/TorchSharp/Utils/LEB128Codec.cs) holds a number in an int64 and writes no negative one: 0 to
2^63-1, at most nine bytes. It reads longer forms silently and lets them overflow; here both are refused. Imports its
neighbours.
"""

from __future__ import annotations

from .errors import FormatError, Report, refuse

MAX = 2**63 - 1
_MAX_BYTES = 9
_ONE_BYTE = [bytes([value]) for value in range(0x80)]


def encode(value: int) -> bytes:
    """The shortest form of ``value``. Raises ValueError outside 0 to 2^63-1."""
    if not 0 <= value <= MAX:
        raise ValueError(f"LEB128 holds 0 to 2^63-1 here, not {value}")
    if value < 0x80:
        return _ONE_BYTE[value]
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def decode(data: memoryview, start: int, what: str, report: Report = refuse) -> tuple[int, int]:
    """The number at ``start`` of a view of bytes, and the offset after it. ``what`` is the number's name in errors.

    Raises FormatError if the data ends within the number or the number takes more than nine bytes. A number that is
    longer than necessary goes to ``report``, and is read if ``report`` returns.
    """
    if start < len(data) and data[start] < 0x80:  # as most numbers are
        return data[start], start + 1
    value = 0
    for place, byte in enumerate(data[start : start + _MAX_BYTES]):
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            if byte == 0:  # one alone is read above
                found = data[start : start + place + 1].hex(" ")
                expected = f"{what} as {encode(value).hex(' ')}, the shortest LEB128"
                report(FormatError(start, found, expected, "leb128.canonical"))
            return value, start + place + 1
    left = len(data) - start
    if left < _MAX_BYTES:
        raise FormatError(start, f"{left} bytes of it, then the end", f"{what} in LEB128", "file.truncated")
    raise FormatError(start, "a number of more than 9 bytes", f"{what} up to 2^63-1 in LEB128", "leb128.range")
