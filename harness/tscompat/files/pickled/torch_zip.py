"""Reads the zip archives of torch.save and TorchScript: a pickle, and a record for each storage.

What such an archive has: caffe2/serialize/inline_container.h in PyTorch. Imports its neighbours. Of files it imports
item, source and zips. May import values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tscompat.files.item import ModelFileError
from tscompat.files.source import Source
from tscompat.files.zips import Member
from tscompat.values.text import shown

from .calls import TorchRules
from .described import Storage, storage_class
from .inert import Global, Value, is_tuple
from .machine import Machine, PickleError

_PICKLE, _DATA = "data.pkl", "data/"
_MOST_PACKED = 1 << 28
"""Bytes of a compressed pickle: without it, a small file could take any memory."""

_MOST_UNPACKED = 1 << 30
"""Bytes: a compressed record is unpacked for each tensor in it."""


PROTOCOL = "pickle protocol"
_VERSIONS = {"version": "archive version", "byteorder": "byte order"}
"""Records of a line, and what they state."""
_MOST_WORD = 64


class Pickled(NamedTuple):
    """What a pickle describes, and which classes and functions it names."""

    document: Value
    named: list[Global]
    about: dict[str, str]
    """What the file states about itself, by name."""
    steps: int = 0
    """How many steps the reading took."""


def run(pickle: memoryview, rules: TorchRules, path: object) -> Pickled:
    """Run a pickle that fills the bytes. Raises ModelFileError with the path."""
    machine = Machine(pickle, 0, rules)
    try:
        document = machine.load()
    except PickleError as error:
        raise ModelFileError(f"{path}: {error}") from error
    return Pickled(document, list(machine.globals), {PROTOCOL: str(machine.protocol)})


def root_of(names: Iterable[str]) -> str | None:
    """The folder, with its slash, of the only pickle among these members of an archive, or of the outermost one.

    None if there is none, and if there are several.
    """
    found = [name for name in names if name == _PICKLE or name.endswith("/" + _PICKLE)]
    least = min((name.count("/") for name in found), default=0)
    outer = [name for name in found if name.count("/") == least]
    return outer[0].removesuffix(_PICKLE) if len(outer) == 1 else None


def is_swapped(source: Source, byteorder: Member | None) -> bool:
    """Whether an archive's elements are big-endian, by its record. Raises ModelFileError for another word."""
    word = byteorder.head(_MOST_WORD) if byteorder else b"little"
    if word not in (b"little", b"big"):
        raise ModelFileError(f"{source.path}: damaged: its byte order is {shown(repr(word))}, expected little or big")
    return word == b"big"


class Archive:
    """A zip archive of torch's: the folder that all its records are in, and the records by name without it."""

    def __init__(self, source: Source, members: Mapping[str, Member], offset: int | None = 0) -> None:
        """``offset`` is where the source begins in the file, None if it does not lie there as it is.

        Raises ModelFileError where no member, or several, are the pickle.
        """
        self.source = source
        self._offset = offset
        root = root_of(members)
        if root is None:
            raise ModelFileError(f"{source.path}: expected one {_PICKLE} in the archive, found none or several")
        self.records = {name.removeprefix(root): member for name, member in members.items() if name.startswith(root)}
        self.swapped = is_swapped(source, self.records.get("byteorder"))
        self._storages: dict[str, Storage] = {}
        packed = sum(member.size for member in self.records.values() if not member.stored)
        self._left_to_unpack = 4 * packed + _MOST_UNPACKED

    def unpickled(self) -> Pickled:
        """What the pickle describes. Raises ModelFileError."""
        member = self.records[_PICKLE]
        if not member.stored and member.size > _MOST_PACKED:
            raise ModelFileError(
                f"{self.source.path}: {shown(member.name)} has {member.size:,} bytes and is compressed: zip it again "
                "with -0"
            )
        pickled = run(memoryview(member.read()), TorchRules(self._storage), self.source.path)
        stated = {
            words: self.records[name].head(_MOST_WORD) for name, words in _VERSIONS.items() if name in self.records
        }
        about = {words: raw.decode("ascii", "backslashreplace").strip() for words, raw in stated.items()}
        return pickled._replace(about=pickled.about | about)

    def _storage(self, identity: Value) -> Storage:
        """The storage of ``('storage', class, key, device, number of elements)``. Raises PickleError."""
        kind, key, count = storage_identity(identity)
        dtype, itemsize = kind
        known = self._storages.get(key)
        if known is None:
            member = self.records.get(_DATA + key)
            if member is None:
                raise PickleError(f"damaged: the record {shown(_DATA + key)} of a tensor is missing")
            known = self._storages[key] = Storage(
                dtype,
                member.size,
                member.read,
                where=self._offset + member.start if member.stored and self._offset is not None else None,
                copies=not member.stored,
                swapped=self.swapped,
            )
        if known.copies:
            self._left_to_unpack -= known.nbytes
            if self._left_to_unpack < 0:
                raise PickleError("many tensors share compressed records: unzip the file, and zip it again with -0")
        if not 0 <= known.nbytes - count * itemsize < itemsize:
            raise PickleError(
                f"damaged: the record {shown(_DATA + key)} has {known.nbytes:,} bytes, and {count * itemsize:,} are "
                "expected"
            )
        if known.dtype == dtype:
            return known
        return Storage(dtype, known.nbytes, known.read, where=known.where, copies=known.copies, swapped=self.swapped)


_TEXT = re.compile(r"\('storage', <class '([\w.]+)\.(\w+)'>, '(\w+)', '[^']*', (\d{1,19})(?:, None)?\)")
"""A persistent id of protocol 0: the tuple in words."""


def _fields(identity: Value) -> tuple[Any, ...]:
    found = _TEXT.fullmatch(identity) if isinstance(identity, str) else None
    if found is None:
        return ()
    module, name, key, count = found.groups()
    return "storage", Global(module, name), key, "", int(count)


def storage_identity(identity: Value) -> tuple[tuple[str, int], str, int]:
    """torch's dtype and bytes of an element, key and number of elements of a persistent id. Raises PickleError."""
    fields = identity if is_tuple(identity) else _fields(identity)
    kind = storage_class(fields[1]) if 5 <= len(fields) <= 6 and fields[0] == "storage" else None
    if kind is None:
        raise PickleError("it refers to something outside of the file that is no storage of torch's")
    key, count = fields[2], fields[4]
    if not isinstance(key, str | int) or type(count) is not int or not 0 <= count < 1 << 62:
        raise PickleError("damaged: a storage has no key or no number of elements")
    return kind, str(key), count
