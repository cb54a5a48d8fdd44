"""Reads what torch.save wrote before version 1.6. Imports its neighbours. May import values.

Of files it imports item and source. ``_legacy_save`` and ``_legacy_load`` of torch/serialization.py: pickles of a magic
number, of the protocol, of the machine, of the document, of the keys; then for each key a count and the elements. All
numbers are little-endian, whichever the machine.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from tscompat.files.item import ModelFileError
from tscompat.files.source import Source
from tscompat.values.text import shown

from .calls import TorchRules
from .described import Storage, are_sizes
from .inert import Global, Value, is_list, is_tuple
from .machine import MOST_STEPS, Machine, PickleError
from .torch_zip import PROTOCOL, Pickled, storage_identity

MAGIC = 0x1950A86A20F9469CFC6C
_FIRST = 64
"""Bytes of a pickle of the magic number, at most."""
_COUNT = struct.Struct("<q")


class _View(NamedTuple):
    """A storage that is a part of another, as torch 0.1 to 0.3 saved it."""

    part: Storage
    whole: Storage
    start: int
    """In bytes."""


class _Storages:
    """The storages that a document names, before their bytes are found."""

    def __init__(self) -> None:
        self.by_key: dict[str, tuple[Storage, int]] = {}
        self.views: dict[str, _View] = {}

    def of(self, identity: Value) -> Value:
        """The storage of ``('storage', class, key, device, number of elements, view)``. Raises PickleError.

        ``('module', class, file, source)`` stands for the class.
        """
        if is_tuple(identity) and identity[:1] == ("module",) and len(identity) > 1:
            return identity[1]
        (dtype, itemsize), key, count = storage_identity(identity)
        known = self.by_key.get(key)
        if known is None:
            known = self.by_key[key] = Storage(dtype, count * itemsize, lambda: b""), itemsize
        if known[0].dtype != dtype or known[0].nbytes != count * itemsize:
            raise PickleError(f"damaged: the storage {shown(key)} has two dtypes or sizes")
        view = identity[5] if is_tuple(identity) and len(identity) > 5 else None
        return known[0] if view is None else self._part(known[0], itemsize, view)

    def _part(self, whole: Storage, itemsize: int, view: Value) -> Storage:
        """The part of a storage that ``(key, offset, number of elements)`` names."""
        if not is_tuple(view) or len(view) != 3 or not are_sizes(view[1:]):
            raise PickleError("damaged: a part of a storage has no offset or number of elements")
        if not isinstance(view[0], str | int):
            raise PickleError("damaged: a part of a storage has no key")
        key, offset, count = str(view[0]), *(itemsize * each for each in view[1:])
        if offset + count > whole.nbytes:
            raise PickleError("damaged: a part of a storage reaches outside of it")
        if key not in self.views:
            self.views[key] = _View(Storage(whole.dtype, count, lambda: b""), whole, offset)
        return self.views[key].part


def claims(source: Source) -> bool:
    """Whether the file begins with the pickle of torch's magic number, in any protocol."""
    machine = Machine(source.data[:_FIRST], 0, TorchRules(lambda identity: None), limit=4)
    try:
        return machine.load() == MAGIC
    except PickleError:
        return False


def unpickled(source: Source) -> Pickled:
    """The document of a legacy file. Raises ModelFileError."""
    try:
        return read(source)
    except PickleError as error:
        raise ModelFileError(f"{source.path}: {error}") from error


def read(source: Source) -> Pickled:
    """As ``unpickled``, but raises PickleError."""
    at = steps = protocol = 0
    storages = _Storages()
    views = storages.views.values()
    rules = TorchRules(storages.of)
    documents: list[Value] = []
    named: list[Global] = []
    for _ in range(5):
        machine = Machine(source.data, at, rules, MOST_STEPS - steps)
        documents.append(machine.load())
        named += machine.globals
        at = machine.at
        steps += machine.steps
        protocol = max(protocol, machine.protocol)
    *_, document, keys = documents
    for key in _keys(keys):
        at = _fill(source, at, key, storages.by_key.pop(key, None))
    if storages.by_key:
        raise PickleError(f"damaged: the elements of the storage {shown(next(iter(storages.by_key)))} are missing")
    if at < len(source.data):
        raise PickleError(
            f"{len(source.data) - at:,} bytes follow what torch.save wrote, another model perhaps: in Python load one "
            "after the other from the opened file, and save each alone"
        )
    for part, whole, start in views:
        if whole.where is not None:
            _place(source, part, whole.where + start)
    return Pickled(document, named, {PROTOCOL: str(protocol)}, steps)


def _keys(keys: Value) -> Iterator[str]:
    if not is_list(keys):
        raise PickleError("damaged: the list of storages is missing")
    found: list[Any] = keys
    for key in found:
        if not isinstance(key, str | int):
            raise PickleError("damaged: the list of storages has something else than keys")
        yield str(key)


def _fill(source: Source, at: int, key: str, storage: tuple[Storage, int] | None) -> int:
    """Find the storage's elements at byte ``at``, and return the first byte after them."""
    if storage is None:
        raise PickleError(f"damaged: no tensor has the storage {shown(key)}, or it comes twice")
    found, itemsize = storage
    header = source.data[at : at + _COUNT.size]
    left = len(source.data) - at - _COUNT.size
    if len(header) == _COUNT.size:
        (count,) = _COUNT.unpack(header)
        if count * itemsize != found.nbytes:
            raise PickleError(
                f"damaged: at byte {at:,} the storage {shown(key)} has {count:,} elements, and "
                f"{found.nbytes // itemsize:,} are expected"
            )
    if left < found.nbytes:
        raise PickleError(
            f"incomplete: {found.nbytes:,} bytes of the storage {shown(key)} are expected, {max(left, 0):,} are there"
        )
    return _place(source, found, at + _COUNT.size)


def _place(source: Source, storage: Storage, start: int) -> int:
    """The storage begins at this byte. Returns the first byte after it."""
    end = start + storage.nbytes
    storage.where = start
    storage.read = lambda: source.data[start:end]
    return end
