"""Reads a state dict that TorchSharp's Module.save wrote: python read_dat.py FILE. Needs nothing but Python.

FORMAT.md explains each step. `read` returns [(name, dtype, shape, elements)] or raises ValueError.
"""

import sys
from pathlib import Path

NAMES = "uint8 int8 int16 int32 int64 float16 float32 float64 complex32 complex64 complex128 bool qint8 quint8 qint32"
DTYPES = [*NAMES.split(), "bfloat16"]
SIZES = [1, 1, 2, 4, 8, 2, 4, 8, 4, 8, 16, 1, 1, 1, 4, 2]


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        if size > len(self.data) - self.at:
            raise ValueError(f"byte {self.at}: {size} bytes expected, the file ends")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self):  # LEB128: seven bits a byte, the lowest first
        value = 0
        for place in range(9):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                if byte or not place:
                    return value
                raise ValueError(f"byte {self.at}: a number longer than necessary")
        raise ValueError(f"byte {self.at}: a number above 2^63-1")

    def tensor(self):
        code, rank = self.number(), self.number()
        if code >= len(DTYPES) or rank > len(self.data) - self.at:
            raise ValueError(f"byte {self.at}: there is no dtype {code}, or {rank} dims cannot follow")
        shape = [self.number() for _ in range(rank)]
        size = SIZES[code]
        for dim in [0] if 0 in shape else shape:
            size = min(size * dim, len(self.data) + 1)  # so that no number grows without bound
        return DTYPES[code], shape, self.take(size)


def read(data):
    reader, entries = Reader(data), {}
    for _ in range(reader.number()):
        name = str(reader.take(reader.number()), "utf-8")  # raises UnicodeDecodeError, a ValueError
        if name in entries:
            raise ValueError(f"byte {reader.at}: the name {name!r} again")
        entries[name] = reader.tensor()
    if reader.at < len(data):
        raise ValueError(f"byte {reader.at}: more bytes than entries")
    return [(name, *tensor) for name, tensor in entries.items()]


if __name__ == "__main__":
    for name, dtype, shape, elements in read(Path(sys.argv[1]).read_bytes()):
        print(name, dtype, shape, len(elements), "bytes")
