"""Reads archives of torch.export: the tensors of the exported program's state dict. Imports its neighbours.

Since torch 2.8 (torch/export/pt2_archive/_package.py) a JSON document describes them, and each has a record. Before,
the state dict is an archive of torch.save in the archive. May import values. Of files it imports item, source, zips.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from tscompat.files.item import ModelFileError
from tscompat.files.source import Source
from tscompat.files.zips import Member, members
from tscompat.values.text import shown

from .described import Storage, Tensor, tensor, unreadable
from .inert import Value, is_dict
from .machine import PickleError
from .torch_zip import Archive, is_swapped

_WEIGHTS = "data/weights/"
_CONFIG = "_weights_config.json"
_BEFORE = ("serialized_state_dict.pt", "serialized_state_dict.json")
_COMPILED = "data/aotinductor/"
_STRIDED = 7
_MOST_JSON = 1 << 27
DTYPES = {
    **{1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32", 8: "float64"},
    **{9: "complex32", 10: "complex64", 11: "complex128", 12: "bool", 13: "bfloat16", 28: "uint16"},
    **{29: "float8_e4m3fn", 30: "float8_e5m2", 31: "float8_e4m3fnuz", 32: "float8_e5m2fnuz"},
    **{33: "float8_e8m0fnu", 34: "uint32", 35: "uint64"},
}
"""``ScalarType`` of torch/_export/serde/schema.py."""


class _Int(msgspec.Struct):
    as_int: int


class _Meta(msgspec.Struct):
    dtype: int
    sizes: list[_Int]
    strides: list[_Int]
    storage_offset: _Int
    layout: int


class _Payload(msgspec.Struct):
    path_name: str
    use_pickle: bool
    tensor_meta: _Meta | None


class _Config(msgspec.Struct):
    config: dict[str, _Payload]


def is_export(found: Iterable[str]) -> bool:
    """Whether these are the names of the members of an archive of torch.export."""
    return any(name.endswith((_CONFIG, *_BEFORE)) or _COMPILED in name for name in found)


def state_dict(source: Source, found: Mapping[str, Member]) -> dict[str, Value]:
    """The exported program's state dict. Raises ModelFileError."""
    configs = [name for name in found if name.endswith(_CONFIG) and _WEIGHTS in name]
    if len(configs) > 1:
        names = ", ".join(shown(name.rpartition("/")[2].removesuffix(_CONFIG)) for name in configs[:8])
        raise ModelFileError(
            f"{source.path}: an archive of {len(configs)} exported programs ({names}): torch.export.save() one"
        )
    if configs:
        return _described(source, found, configs[0])
    before = next((found[name] for name in found if name.endswith(_BEFORE)), None)
    if before is None:
        raise ModelFileError(
            f"{source.path}: what AOTInductor compiled, whose weights lie in a library: convert the program that was "
            "exported before it was compiled"
        )
    document = _nested(source, before)
    if not is_dict(document):
        raise ModelFileError(f"{source.path}: the state dict of the exported program is none")
    return document


def _nested(source: Source, member: Member) -> Value:
    """The document of an archive of torch.save that is a member."""
    inner = Source(source.path, memoryview(member.read()))
    return Archive(inner, members(inner), offset=member.start if member.stored else None).unpickled().document


def _described(source: Source, found: Mapping[str, Member], config: str) -> dict[str, Value]:
    where = f"{source.path}: {shown(config)}"
    folder = config[: config.index(_WEIGHTS) + len(_WEIGHTS)]
    if found[config].size > _MOST_JSON:
        raise ModelFileError(f"{where} has {found[config].size:,} bytes, more than {_MOST_JSON:,}")
    try:
        payloads = msgspec.json.decode(found[config].read(), type=_Config).config
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ModelFileError(f"{where} does not describe weights: {shown(str(error), 200)}") from error
    order = next((found[name] for name in found if name == "byteorder" or name.endswith("/byteorder")), None)
    swapped = is_swapped(source, order)
    nested: dict[str, Value] = {}
    storages: dict[tuple[str, int], Storage] = {}
    state: dict[str, Value] = {}
    for name, payload in payloads.items():
        member = found.get(folder + payload.path_name)
        if member is None:
            raise ModelFileError(f"{source.path}: damaged: the record {shown(payload.path_name)} is missing")
        try:
            if not payload.use_pickle:
                state[name] = _tensor(member, payload.tensor_meta, storages, swapped=swapped)
                continue
            if member.name not in nested:
                nested[member.name] = _nested(source, member)
            state[name] = nested[member.name]
        except PickleError as error:
            raise ModelFileError(f"{source.path}: {error}, in {shown(name)}") from error
    return state


def _tensor(member: Member, meta: _Meta | None, storages: dict[tuple[str, int], Storage], *, swapped: bool) -> Tensor:
    if meta is None or meta.dtype not in DTYPES:
        return unreadable("a tensor of a dtype that is not known here: load it with torch.export.load()")
    if meta.layout != _STRIDED:
        return unreadable("a sparse tensor: make it dense in Python (to_dense())")
    dtype = DTYPES[meta.dtype]
    key = member.name, meta.dtype
    if key not in storages:
        storages[key] = Storage(
            dtype,
            member.size,
            member.read,
            where=member.start if member.stored else None,
            copies=not member.stored,
            swapped=swapped,
        )
    sizes, strides = ([each.as_int for each in numbers] for numbers in (meta.sizes, meta.strides))
    return tensor(storages[key], meta.storage_offset.as_int, sizes, strides)
