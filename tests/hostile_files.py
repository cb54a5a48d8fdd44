"""Hostile model files, made from the rows of tests/files/hostile/*.toml.

A row is one file, or several: ``each = { n = [1, 2] }`` makes a row for each value, with ``{n}`` replaced by it. What a
file is made of is one of: ``file`` (parts, one after the other), ``pickle`` (with ``into``, what it lies in), ``zip``
(members), ``archive`` (members in place of those of torch's archive, or beside them), ``tar`` (members), ``base`` (a
whole file), ``folder`` (a table of files). ``edits`` change the bytes.

A part is a string: its kind, a colon, and what it is made of (``PARTS``); or a table ``{ of = [parts], times = 3 }``,
in which ``#`` stands for the number of the repetition.
"""

from __future__ import annotations

import base64
import bz2
import itertools
import json
import lzma
import os
import pickletools
import re
import socket
import struct
import tomllib
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, cast

from tscompat.files.pickled.calls import CALLS

Row: TypeAlias = Mapping[str, Any]
FOLDER = Path(__file__).parent / "files" / "hostile"

OPCODES = {opcode.name: opcode for opcode in pickletools.opcodes}
LISTS: Mapping[str, Sequence[Any]] = {
    "opcodes": [name for name in OPCODES if name != "STOP"],
    "functions": [" ".join(name.rsplit(".", 1)) for name in CALLS],
    "long names": ["x" * 200, r"\u0007" * 200, "漢" * 200, "😀" * 200],
}
"""What a row may repeat itself for, by name."""


def rows(folder: Path = FOLDER) -> dict[str, Row]:
    """All rows by their ids: the name of the file, the name of the row, and the values that it is repeated for."""
    found: dict[str, Row] = {}
    for path in sorted(folder.glob("*.toml")):
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        for name, row in document["case"].items():
            each = {
                key: LISTS[values] if isinstance(values, str) else values for key, values in row.get("each", {}).items()
            }
            for values in itertools.product(*each.values()):
                given = dict(zip(each, values, strict=True))
                made = {key: filled(value, given) for key, value in row.items() if key != "each"}
                made["hashes"] = document.get("hashes", {})
                words = (_word(value, each[key]) for key, value in given.items())
                found["/".join([path.stem, name, *words])] = {**document.get("defaults", {}), **made}
    return found


def _word(value: Any, among: Sequence[Any]) -> str:
    """The value as a part of an id: itself, or its number among all where it is no word."""
    return str(value) if re.fullmatch(r"[\w.:+ -]{1,60}", str(value), re.ASCII) else str(list(among).index(value))


def filled(value: Any, given: Mapping[str, Any]) -> Any:
    """The value with ``{name}`` replaced in all strings; a string that is only that becomes the given value itself."""
    if isinstance(value, str):
        for name, word in given.items():
            if value == f"{{{name}}}":
                return word
            value = value.replace(f"{{{name}}}", str(word))
        return value
    return _in_all(value, lambda each: filled(each, given))


# parts


def parts(given: Sequence[Any]) -> bytes:
    """The bytes of parts, one after the other."""
    return b"".join(map(part, given))


def part(given: Any) -> bytes:
    """The bytes of one part."""
    if isinstance(given, str):
        kind, _, rest = given.partition(":")
        return PARTS[kind](rest.removeprefix(" "))
    if "times" not in given:
        return parts(given["of"])
    if "#" not in json.dumps(given["of"]):
        return parts(given["of"]) * given["times"]
    return b"".join(parts(numbered(given["of"], number)) for number in range(given["times"]))


def numbered(value: Any, number: int) -> Any:
    """The value with ``#*5`` replaced by five times the number, ``#`` by the number, in all strings."""
    if isinstance(value, str):
        return re.sub(r"#(?:\*(\d+))?", lambda found: str(number * int(found[1] or 1)), value)
    return _in_all(value, lambda each: numbered(each, number))


def _in_all(value: Any, change: Callable[[Any], Any]) -> Any:
    """A list or table with what ``change`` makes of all that is in it; another value itself."""
    match value:
        case list():
            return [change(each) for each in cast("list[Any]", value)]
        case dict():
            return {change(key): change(each) for key, each in cast("dict[str, Any]", value).items()}
        case _:
            return value


def _hex(text: str) -> bytes:
    found = re.findall(r"([0-9a-fA-F]{2}+)(?:\*(\d+))?", text)
    return b"".join(bytes.fromhex(digits) * int(times or 1) for digits, times in found)


def _text(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _header(text: str) -> bytes:
    """A header of safetensors."""
    return struct.pack("<Q", len(_text(text))) + _text(text)


def _npy(text: str) -> bytes:
    """A header of numpy's format 1.0."""
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(_text(text))) + _text(text)


PARTS: dict[str, Callable[[str], bytes]] = {
    "x": _hex,
    "t": _text,
    "z": lambda text: bytes(int(text)),
    "f": lambda text: struct.pack(f"<{len(text.split())}f", *map(float, text.split())),
    "q": lambda text: struct.pack(f"<{len(text.split())}q", *map(int, text.split())),
    "d": lambda text: zlib.decompress(base64.b64decode(text)),
    "p": lambda text: pickle(text),
    "h": _header,
    "n": _npy,
    "b": lambda text: BASES[text](),
}
"""x: hex (``ff*10``), t: text, z: so many zero bytes, f: float32, q: int64, d: what zlib packed, in base64, p: opcodes
of a pickle, h: a header of safetensors, n: a header of numpy, b: a base."""


# pickles

_TOKEN = re.compile(r'\s*(?:(\[)|\]\*(\d+)|\$(\w+)|@([0-9a-f]+)|([A-Z][A-Z0-9_]*)(?::("(?:\\.|[^"\\])*"|[^\s"]\S*))?)')
_STORAGE = (
    'MARK BINUNICODE:"storage" GLOBAL:"torch FloatStorage" BINUNICODE:"0" BINUNICODE:"cpu" BININT1:6 TUPLE BINPERSID'
)
_OLD_STORAGE = _STORAGE.replace("TUPLE", "NONE TUPLE")
_SIZES_OF_SIX = "BININT1:2 BININT1:3 TUPLE2 BININT1:3 BININT1:1 TUPLE2"
_REBUILD = 'GLOBAL:"torch._utils _rebuild_tensor_v2"'
_VIEW = f"{_REBUILD} MARK {_STORAGE} BININT1:0"
_NO_HOOKS = 'NEWFALSE GLOBAL:"collections OrderedDict" EMPTY_TUPLE REDUCE'
_SIX = "@000000000000803f000000400000404000008040" + "0000a040"
MACROS = {
    "storage": _STORAGE,
    "old": f"{_REBUILD} MARK {_OLD_STORAGE} BININT1:0 {_SIZES_OF_SIX} {_NO_HOOKS} TUPLE REDUCE",
    "rebuild": _REBUILD,
    "hooks": _NO_HOOKS,
    "view": _VIEW,
    "tensor": f"{_VIEW} {_SIZES_OF_SIX} {_NO_HOOKS} TUPLE REDUCE",
    "dtype": 'GLOBAL:"numpy dtype" BINUNICODE:"f4" NEWFALSE NEWTRUE TUPLE3 REDUCE MARK BININT1:3 BINUNICODE:"<" NONE '
    "NONE NONE BININT:-1 BININT:-1 BININT1:0 TUPLE BUILD",
    "empty": 'GLOBAL:"numpy.core.multiarray _reconstruct" GLOBAL:"numpy ndarray" BININT1:0 TUPLE1 '
    'SHORT_BINBYTES:"b" TUPLE3 REDUCE',
    "bytes": f"@4318 {_SIX}",
    "array": f"$empty MARK BININT1:1 BININT1:2 BININT1:3 TUPLE2 $dtype NEWFALSE @4318 {_SIX} TUPLE BUILD",
}
"""Opcodes by name: ``$tensor`` makes a float32 tensor of 2 x 3, 0 to 5, over ``$storage``; ``$array`` one of numpy."""


def pickle(text: str, weight: str = "tensor") -> bytes:
    """Assemble opcodes: ``NAME``, ``NAME:argument``, ``[ ... ]*3``, ``$macro``, ``@00ff``.

    ``$weight`` stands for the macro of that name.
    """
    return b"".join(_assembled(text, {**MACROS, "weight": MACROS[weight]}))


def _assembled(text: str, macros: Mapping[str, str]) -> Iterator[bytes]:
    at, text = 0, text.strip()
    while at < len(text):
        token = _TOKEN.match(text, at)
        assert token, f"no opcode: {text[at : at + 40]}"
        at = token.end()
        if token[1]:
            end = _closing(text, at)
            close = _TOKEN.match(text, end)
            assert close
            yield from _repeated(text[at:end].strip(), int(close[2]), macros)
            at = close.end()
        elif token[3]:
            yield from _assembled(macros[token[3]], macros)
        elif token[4]:
            yield bytes.fromhex(token[4])
        else:
            yield _opcode(token[5], token[6])


def _repeated(inner: str, times: int, macros: Mapping[str, str]) -> Iterator[bytes]:
    if "#" not in inner:
        yield b"".join(_assembled(inner, macros)) * times
        return
    for number in range(times):
        yield from _assembled(numbered(inner, number), macros)


def _closing(text: str, at: int) -> int:
    """Where the bracket that was opened before ``at`` is closed; none is in quotes."""
    depth = 1
    for found in re.finditer(r'"(?:\\.|[^"\\])*"|[\[\]]', text[at:]):
        depth += {"[": 1, "]": -1}.get(found[0], 0)
        if not depth:
            return at + found.start()
    raise AssertionError("a bracket is not closed")


_NUMBERS = {"uint1": "<B", "uint2": "<H", "int4": "<i", "uint4": "<I", "uint8": "<Q", "float8": ">d"}
_SIZES = {"1": "<B", "4": "<I", "8": "<Q"}


def _opcode(name: str, given: str | None) -> bytes:
    """The opcode with its argument in the form that it takes; a small one if none is given."""
    code, kind = OPCODES[name].code.encode("latin-1"), getattr(OPCODES[name].arg, "name", "")
    quoted = given is not None and given.startswith('"')
    data = _text(json.loads(given)) if quoted and given else (given or ("0" if "unicode" not in kind else "")).encode()
    if not kind:
        return code
    if kind in _NUMBERS:
        return code + struct.pack(_NUMBERS[kind], (float if kind == "float8" else int)(data))
    if kind.startswith("long"):
        number = int(data)
        raw = number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)
        return code + struct.pack(_SIZES[kind[-1]], len(raw)) + raw
    if kind == "stringnl":
        data = b"'" + data + b"'"
    if kind == "stringnl_noescape_pair":
        data = data.replace(b" ", b"\n", 1) if b" " in data else data + b"\n"
    if kind.endswith(("nl", "_short", "_long", "noescape", "_pair")):
        return code + data + b"\n"
    return code + struct.pack(_SIZES[kind[-1]], len(data)) + data


STATE = 'PROTO:2 EMPTY_DICT BINUNICODE:"weight" $weight SETITEM STOP'


def in_zip(document: bytes) -> bytes:
    """The archive of torch.save with this pickle in it."""
    return archive([{"name": "data.pkl", "raw": document}])


def in_legacy(document: bytes) -> bytes:
    """What torch.save wrote before version 1.6, with this document."""
    keys = pickle('PROTO:2 EMPTY_LIST BINUNICODE:"0" APPEND STOP')
    return LEGACY_START + document + keys + SIX


def in_script(document: bytes) -> bytes:
    """An archive of TorchScript, whose module is this document."""
    return archive([{"name": "data.pkl", "raw": document}, {"name": "code/__torch__.py", "of": [f"t: {CODE}"]}])


LEGACY_START = pickle(
    "PROTO:2 LONG1:119547037146038801333356 STOP PROTO:2 BININT2:1001 STOP "
    'PROTO:2 EMPTY_DICT BINUNICODE:"little_endian" '
    "NEWTRUE SETITEM STOP"
)
SIX = struct.pack("<q6f", 6, *range(6))
CODE = 'class M(Module):\n  __parameters__ = ["weight", ]\n  __buffers__ = []\n'
CONTAINERS: Mapping[str, tuple[Callable[[bytes], bytes], str]] = {
    "zip": (in_zip, "tensor"),
    "legacy": (in_legacy, "old"),
    "plain": (bytes, "array"),
    "script": (in_script, "tensor"),
}
"""What a pickle may lie in, and which macro makes its weight there."""


# zip and tar

_LOCAL, _ENTRY = struct.Struct("<4s5H3I2H"), struct.Struct("<4s6H3I5H2I")
_END, _END64, _LOCATOR = struct.Struct("<4s4H2IH"), struct.Struct("<4sQ2H2I4Q"), struct.Struct("<4sIQI")
_METHODS = {"stored": 0, "deflated": 8, "bz2": 12, "lzma": 14}


def _packed(data: bytes, method: str) -> bytes:
    if method == "deflated":
        packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        return packer.compress(data) + packer.flush()
    if method == "lzma":
        filters = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16}]
        properties = bytes([0x5D]) + struct.pack("<I", 1 << 16)  # lc 3, lp 0, pb 2, and the size of the dictionary
        return (
            struct.pack("<BBH", 9, 4, len(properties))
            + properties
            + lzma.compress(data, lzma.FORMAT_RAW, filters=filters)
        )
    return bz2.compress(data) if method == "bz2" else data


def zipped(members: Sequence[Row], end: Row | None = None) -> bytes:
    """A zip archive of these members. What a member or the end of the directory states may be a lie.

    A member has ``name``, ``of`` (parts), ``method``; ``times``; ``packed`` (parts, as they lie there), ``size``,
    ``packed_size``, ``crc``, ``flags``, ``extra``, ``at``, which the directory states; ``local``, a table of what the
    header before it states instead; ``hidden``, if the directory has it not.
    """
    body, directory = bytearray(), bytearray()
    count = 0
    for member in _unrolled(members):
        data = member["raw"] if "raw" in member else parts(member.get("of", []))
        raw = parts(member["packed"]) if "packed" in member else _packed(data, member.get("method", "stored"))
        start = len(body)
        truth = {"size": len(data), "packed_size": len(raw), "crc": zlib.crc32(data), "flags": 0, "extra": "", **member}
        body += _local({**truth, **member.get("local", {})}) + raw
        if not member.get("hidden"):
            directory += _entry({"at": start, **truth})
            count += 1
    return bytes(body + directory + _ended(count, len(directory), len(body), end or {}))


def _unrolled(members: Sequence[Row]) -> Iterator[Row]:
    for member in members:
        times = member.get("times", 1)
        yield from (numbered(member, number) for number in range(times)) if times > 1 else (member,)


def _stated(member: Row) -> tuple[int, int, int, int, int]:
    method = member.get("method", "stored")
    number = _METHODS[method] if method in _METHODS else int(method)
    return (
        number,
        member["crc"],
        *(min(member[size], 0xFFFFFFFF) for size in ("packed_size", "size")),
        len(_name(member)),
    )


def _name(member: Row) -> bytes:
    return _text(member["name"])


def _extra(member: Row) -> bytes:
    return _hex(member["extra"])


def _flags(member: Row) -> int:
    return member["flags"] | (0 if member["name"].isascii() else 0x800)


def _local(member: Row) -> bytes:
    method, crc, packed, size, name = _stated(member)
    header = _LOCAL.pack(b"PK\3\4", 20, _flags(member), method, 0, 0x21, crc, packed, size, name, len(_extra(member)))
    return header + _name(member) + _extra(member)


def _entry(member: Row) -> bytes:
    method, crc, packed, size, name = _stated(member)
    place = min(member["at"], 0xFFFFFFFF)
    extra = len(_extra(member))
    fixed = (b"PK\1\2", 20, 20, _flags(member), method, 0, 0x21, crc, packed, size, name, extra, 0, 0, 0, 0, place)
    return _ENTRY_WIDE.pack(*fixed) + _name(member) + _extra(member)


_ENTRY_WIDE = struct.Struct("<4s6H3I5H2I")


def _ended(count: int, size: int, start: int, end: Row) -> bytes:
    count, size, start = end.get("count", count), end.get("size", size), end.get("start", start)
    comment = parts(end.get("comment", []))
    wide = b""
    if end.get("wide"):
        place = end.get("place", start + size)
        wide = _END64.pack(b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, start) + _LOCATOR.pack(
            b"PK\6\7", 0, place, 1
        )
        count, size, start = 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF
    few = min(count, 0xFFFF)
    return wide + _END.pack(b"PK\5\6", 0, 0, few, few, size, start, len(comment)) + comment


def archive(given: Sequence[Row] = (), end: Row | None = None) -> bytes:
    """The archive of torch.save: these members, and the usual ones whose names are not among them."""
    usual: Sequence[Row] = (
        {"name": "data.pkl", "raw": pickle(STATE)},
        {"name": "byteorder", "of": ["t: little"]},
        {"name": "data/0", "of": ["f: 0 1 2 3 4 5"]},
        {"name": "version", "of": ["t: 3\n"]},
    )
    names = {member["name"] for member in given}
    members = [
        *(each for each in usual if each["name"] not in names),
        *(each for each in given if not each.get("absent")),
    ]
    return zipped([{**each, "name": each.get("as", f"model/{each['name']}")} for each in members], end)


def tarred(members: Sequence[Row]) -> bytes:
    """A tar archive. A member has ``name``, ``of``; ``size``, ``sum``, ``type``, ``link``, as its header states."""
    made = bytearray()
    for member in _unrolled(members):
        data = member["raw"] if "raw" in member else parts(member.get("of", []))
        size = member.get("size", f"{len(data):011o}")
        header = bytearray(512)
        for at, text in ((0, member["name"]), (100, "0000644"), (124, size), (148, " " * 8), (257, "ustar")):
            header[at : at + len(text)] = _text(text)
        header[156:157] = _text(member.get("type", "0"))
        header[157 : 157 + len(member.get("link", ""))] = _text(member.get("link", ""))
        sums = member.get("sum", f"{sum(header):06o}\0 ")
        header[148 : 148 + len(sums)] = _text(sums)
        made += header[:512] + data + bytes(-len(data) % 512)
    return bytes(made) + bytes(1024)


TAR = {
    "storages": [
        "p: BININT1:1 STOP",
        'p: MARK BINUNICODE:"0" BINUNICODE:"cpu" GLOBAL:"torch FloatStorage" TUPLE STOP',
        "q: 6",
        "f: 0 1 2 3 4 5",
        "p: EMPTY_LIST STOP",
    ],
    "tensors": [
        "p: BININT1:1 STOP",
        'p: MARK BINUNICODE:"1" BINUNICODE:"0" GLOBAL:"torch FloatTensor" TUPLE STOP',
        "x: 02 00*7",
        "q: 2 3 3 1 0",
    ],
    "pickle": ['p: EMPTY_DICT BINUNICODE:"weight" BINUNICODE:"1" BINPERSID SETITEM STOP'],
}
"""The members of torch 0.1's archive."""


def in_tar(given: Sequence[Row] = ()) -> bytes:
    """The archive of torch 0.1: these members, and the usual ones whose names are not among them."""
    names = {member["name"] for member in given}
    usual = [{"name": name, "of": of} for name, of in TAR.items() if name not in names]
    return tarred([*usual, *(each for each in given if not each.get("absent"))])


# whole files

_INFO = '"dtype":"F32","shape":[2,3],"data_offsets":[0,24]'
_EXPORT = {
    "config": {
        "weight": {
            "path_name": "weight_0",
            "is_param": True,
            "use_pickle": False,
            "tensor_meta": {
                "dtype": 7,
                "sizes": [{"as_int": 2}, {"as_int": 3}],
                "strides": [{"as_int": 3}, {"as_int": 1}],
                "storage_offset": {"as_int": 0},
                "layout": 7,
                "device": {"type": "cpu", "index": None},
                "requires_grad": True,
            },
        }
    }
}


def exported(config: bytes, more: Sequence[Row] = ()) -> bytes:
    """An archive of torch.export with this description of its weights."""
    members: list[Row] = [
        {"name": "model/archive_format", "of": ["t: pt2"]},
        {"name": "model/byteorder", "of": ["t: little"]},
        {"name": "model/data/weights/model_weights_config.json", "raw": config},
        {"name": "model/data/weights/weight_0", "of": ["f: 0 1 2 3 4 5"]},
    ]
    names = {member["name"] for member in more}
    return zipped([*(each for each in members if each["name"] not in names), *more])


BASES: Mapping[str, Callable[[], bytes]] = {
    "zip": archive,
    "legacy": lambda: in_legacy(pickle(STATE, "old")),
    "plain": lambda: pickle(STATE, "array"),
    "tar": in_tar,
    "script": lambda: in_script(
        pickle(
            'PROTO:2 GLOBAL:"__torch__ M" EMPTY_TUPLE NEWOBJ EMPTY_DICT BINUNICODE:"weight" $tensor SETITEM BUILD STOP'
        )
    ),
    "export": lambda: exported(json.dumps(_EXPORT).encode()),
    "safetensors": lambda: _header(f'{{"weight":{{{_INFO}}}}}') + SIX[8:],
    "many": lambda: archive([{"name": "a#", "times": 3000}]),
    "npy": lambda: _npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n") + SIX[8:],
    "npz": lambda: zipped([{"name": "weight.npy", "raw": BASES["npy"]()}]),
    "dat": lambda: b"\1\6weight\6\2\2\3" + SIX[8:],
    "index": lambda: b'{"metadata": {}, "weight_map": {"weight": "a.safetensors"}}',
}
"""A whole file of each kind (``many``: with 3,000 members more), with the tensor ``weight``, float32, 2 x 3, 0 to 5."""


def made(row: Row) -> bytes:
    """The bytes of a file."""
    if "pickle" in row:
        into, weight = CONTAINERS[row.get("into", "zip")]
        data = into(pickle(row["pickle"], weight))
    elif "zip" in row:
        data = zipped(row["zip"], row.get("end"))
    elif "archive" in row:
        data = archive(row["archive"], row.get("end"))
    elif "tar" in row:
        data = in_tar(row["tar"])
    elif "export" in row:
        data = exported(parts(row["export"]), row.get("members", ()))
    else:
        data = BASES[row["base"]]() if "base" in row else parts(row["file"])
    for edit in row.get("edits", ()):
        data = _edited(data, edit)
    return data


def _edited(data: bytes, edit: Row) -> bytes:
    """``cut`` to so many bytes; or ``put`` parts at byte ``at``, or where ``find`` is and ``after`` so many bytes.

    They replace as many bytes, or ``drop``.
    """
    if "cut" in edit:
        return data[: edit["cut"]]
    at = data.index(part(edit["find"])) + edit.get("after", 0) if "find" in edit else edit.get("at", len(data))
    at = at if at >= 0 else len(data) + at
    put = parts(edit.get("put", []))
    return data[:at] + put + data[at + edit.get("drop", len(put)) :]


def write(row: Row, folder: Path) -> Path:
    """Write the row's file, or its folder, below ``folder``, and return the path to read."""
    if "folder" not in row:
        return _place(row, folder / row.get("name", "model.pth"))
    for name, each in row["folder"].items():
        (folder / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        _place(each, folder / "in" / name)
    return folder / "in" / row["open"] if "open" in row else folder / "in"


def _place(row: Row, path: Path) -> Path:
    """Put a file there, or what is none."""
    if "link" in row:
        path.symlink_to(row["link"])
    elif row.get("fifo"):
        os.mkfifo(path)
    elif row.get("socket"):
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(path))
    elif row.get("directory"):
        path.mkdir()
    else:
        path.write_bytes(made(row))
        if "sparse" in row:
            os.truncate(path, row["sparse"])
        if "mode" in row:
            path.chmod(row["mode"])
    return path
