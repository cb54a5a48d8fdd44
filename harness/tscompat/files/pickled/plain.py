"""Reads plain pickles: of arrays, and of tensors, of which each storage is a pickle of torch's in bytes.

Imports its neighbours. Of files it imports item and source.
"""

from __future__ import annotations

from collections.abc import Callable

from tscompat.files.item import ModelFileError
from tscompat.files.source import Source

from . import torch_legacy
from .calls import TorchRules
from .described import Storage
from .inert import Global, Value, is_bytes
from .machine import Machine, PickleError
from .torch_zip import Pickled

_STORAGE = Global("torch.storage", "_load_from_bytes")


class _PlainRules(TorchRules):
    """As for torch.save, but a storage is given as bytes: what torch.save wrote of it alone."""

    def __init__(self, source: Source) -> None:
        super().__init__(_no_storage)
        self._source = source

    def call(self, function: Value, args: Value, charge: Callable[[int], None]) -> Value:
        if function != _STORAGE:
            return super().call(function, args, charge)
        if len(args) != 1 or not is_bytes(args[0]):
            raise PickleError("damaged: a storage is given as something else than bytes")
        pickled = torch_legacy.read(Source(self._source.path, memoryview(args[0])))
        charge(pickled.steps)
        if not isinstance(pickled.document, Storage):
            raise PickleError("damaged: a storage is given as the bytes of something else")
        pickled.document.where = None  # counted from the first of these bytes
        return pickled.document


def _no_storage(identity: Value) -> Value:
    raise PickleError("it refers to objects outside of the file, which only the program that saved it has")


def unpickled(source: Source) -> Pickled:
    """What the pickle describes. Raises ModelFileError with the path."""
    machine = Machine(source.data, 0, _PlainRules(source))
    try:
        document = machine.load()
    except PickleError as error:
        raise ModelFileError(f"{source.path}: {error}") from error
    return Pickled(document, list(machine.globals))


def claims(source: Source) -> bool:
    """Whether the file is one whole pickle."""
    machine = Machine(source.data, 0, _PlainRules(source))
    try:
        machine.load()
    except (PickleError, ModelFileError):
        return False
    return machine.at == len(source.data)
