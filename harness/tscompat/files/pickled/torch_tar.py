"""Reads the tar archives that torch.save wrote in version 0.1. Imports its neighbours. May import values.

Of files it imports item and source. ``legacy_load`` in torch/serialization.py: the members ``storages`` (a count; for
each storage a pickle of key, device and class, then its elements; a pickle of views), ``tensors`` (a count; for each
tensor a pickle of key, key of the storage and class, then rank, sizes, strides, offset), and ``pickle``.
"""

from __future__ import annotations

import re
import struct
from typing import Any

from tscompat.files.item import ModelFileError
from tscompat.files.source import Source

from .calls import TorchRules
from .described import Storage, storage_class, tensor
from .inert import Value, is_list, is_tuple
from .machine import Machine, PickleError
from .torch_zip import PROTOCOL, Pickled

_BLOCK = 512
_MEMBERS = ("storages", "tensors", "pickle")
_OCTAL = re.compile(rb"[ \0]*([0-7]*)[ \0]*")
_MOST = 1 << 20
"""Members that are looked at."""
_RANK, _NUMBER = struct.Struct("<i4x"), struct.Struct("<q")


def members(data: memoryview) -> dict[str, memoryview]:
    """The content of the regular files of a tar archive, by name: as many as are whole. Empty if it is none.

    Of several files of one name the last counts, as for tar and for the tarfile library, with which torch read them.
    """
    found: dict[str, memoryview] = {}
    at = 0
    for _ in range(_MOST):
        header = bytes(data[at : at + _BLOCK])
        size = _size(header)
        if size is None or at + _BLOCK + size > len(data):
            break
        name = header[:100].split(b"\0")[0].decode(errors="replace").removeprefix("./")
        if header[156:157] in (b"0", b"\0"):
            found[name] = data[at + _BLOCK : at + _BLOCK + size]
        at += _BLOCK + -(-size // _BLOCK) * _BLOCK
    return found


def _size(header: bytes) -> int | None:
    """The size of the member after this header, None if it is no header: its sum is not right (POSIX, ustar)."""
    found = [_OCTAL.fullmatch(header[start:end]) for start, end in ((124, 136), (148, 156))]
    if len(header) < _BLOCK or None in found:
        return None
    size, expected = (int(each[1] or b"0", 8) for each in found if each)
    return size if sum(header) - sum(header[148:156]) + 8 * 32 == expected else None


def is_torch(found: dict[str, memoryview]) -> bool:
    """Whether these are the members of torch's archive."""
    return all(name in found for name in _MEMBERS)


def unpickled(source: Source) -> Pickled:
    """The document of the archive. Raises ModelFileError."""
    found = members(source.data)
    if not is_torch(found):
        raise ModelFileError(
            f"{source.path}: no tar archive of torch.save, or incomplete: it lacks {', '.join(_MEMBERS)}"
        )
    objects: dict[Any, Value] = {}
    try:
        _read_storages(found["storages"], objects)
        _read_tensors(found["tensors"], objects)
        machine = Machine(found["pickle"], 0, TorchRules(lambda identity: _object(objects, identity)))
        document = machine.load()
    except PickleError as error:
        raise ModelFileError(f"{source.path}: {error}") from error
    except (struct.error, IndexError):
        raise ModelFileError(f"{source.path}: incomplete or damaged: a member of the archive ends early") from None
    return Pickled(document, list(machine.globals), {PROTOCOL: str(machine.protocol)})


def _object(objects: dict[Any, Value], identity: Value) -> Value:
    """What a persistent id stands for: a tensor or storage by its key; a class by ``(class, file, source)``."""
    if is_tuple(identity) and identity:
        return identity[0]
    found = objects.get(_key(identity))
    if found is None:
        raise PickleError("damaged: a tensor is missing")
    return found


def _key(value: Value) -> Value:
    return str(value) if isinstance(value, str) or type(value) is int else None


def _load(data: memoryview, at: int) -> tuple[Value, int]:
    machine = Machine(data, at, TorchRules(lambda identity: None))
    return machine.load(), machine.at


def _fields(value: Value, count: int) -> tuple[Value, ...]:
    if not is_tuple(value) or len(value) != count:
        raise PickleError("damaged: a list of storages or tensors has something else in it")
    return value


def _count(value: Value) -> int:
    if type(value) is not int or not 0 <= value < _MOST:
        raise PickleError("damaged: the number of storages or tensors is none")
    return value


def _read_storages(data: memoryview, objects: dict[Any, Value]) -> None:
    count, at = _load(data, 0)
    itemsizes: dict[Any, int] = {}
    for _ in range(_count(count)):
        described, at = _load(data, at)
        key, _, cls = _fields(described, 3)
        kind = storage_class(cls)
        if kind is None:
            raise PickleError("damaged: a storage has no class")
        (number,) = _NUMBER.unpack_from(data, at)
        at += _NUMBER.size
        elements = data[at : at + max(number, 0) * kind[1]]
        if number < 0 or len(elements) < number * kind[1]:
            raise PickleError(f"incomplete: a storage of {number:,} elements ends early")
        at += len(elements)
        if _key(key) in objects:
            raise PickleError("damaged: a storage comes twice")
        objects[_key(key)] = _storage(kind[0], elements)
        itemsizes[_key(key)] = kind[1]
    views, _ = _load(data, at)
    for view in views if is_list(views) else ():
        key, root, offset, number = _fields(view, 4)
        whole, itemsize = objects.get(_key(root)), itemsizes.get(_key(root), 1)
        if not isinstance(whole, Storage) or type(offset) is not int or type(number) is not int:
            raise PickleError("damaged: a part of a storage has no offset or number of elements")
        if not 0 <= offset * itemsize <= (offset + number) * itemsize <= whole.nbytes:
            raise PickleError("damaged: a part of a storage reaches outside of it")
        elements = memoryview(whole.read())[offset * itemsize : (offset + number) * itemsize]
        objects[_key(key)] = _storage(whole.dtype, elements)


def _storage(dtype: str, elements: memoryview) -> Storage:
    return Storage(dtype, len(elements), lambda: elements)


def _read_tensors(data: memoryview, objects: dict[Any, Value]) -> None:
    count, at = _load(data, 0)
    for _ in range(_count(count)):
        described, at = _load(data, at)
        key, storage, _ = _fields(described, 3)
        (rank,) = _RANK.unpack_from(data, at)
        layout = struct.Struct(f"<{2 * rank + 1}q") if 0 <= rank <= len(data) // 16 else _NUMBER
        numbers = layout.unpack_from(data, at + _RANK.size)
        if len(numbers) != 2 * rank + 1:
            raise PickleError("damaged: a tensor has no rank")
        at += _RANK.size + layout.size
        objects[_key(key)] = tensor(objects.get(_key(storage)), numbers[-1], numbers[:rank], numbers[rank : 2 * rank])
