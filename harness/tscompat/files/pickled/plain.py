"""Reads plain pickles: of arrays, and of tensors, of which each storage is a pickle of torch's in bytes.

Imports its neighbours. Of files it imports item and source.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from weakref import WeakKeyDictionary

from tscompat.files.item import ModelFileError
from tscompat.files.source import Source

from . import torch_legacy
from .calls import TorchRules
from .described import Storage
from .inert import Global, Value, is_bytes
from .machine import Machine, PickleError
from .torch_zip import PROTOCOL, Pickled

_MOST_STEPS_OF_JOBLIB = 10_000
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


_run: WeakKeyDictionary[Source, Pickled | ModelFileError] = WeakKeyDictionary()
"""What the pickles are that are open: they are read to know whether they are pickles, and then used."""


def unpickled(source: Source) -> Pickled:
    """What the pickle describes. Raises ModelFileError with the path."""
    if source not in _run:
        _run[source] = _unpickled(source)
    found = _run[source]
    if isinstance(found, ModelFileError):
        raise found
    return found


def _unpickled(source: Source) -> Pickled | ModelFileError:
    machine = Machine(source.data, 0, _PlainRules(source))
    try:
        document = machine.load()
    except (PickleError, ModelFileError) as error:
        return ModelFileError(f"{source.path}: {error}")
    after = len(source.data) - machine.at
    if after:
        return ModelFileError(f"{source.path}: damaged, or several pickles: {after:,} bytes follow the first")
    return Pickled(document, list(machine.globals), {PROTOCOL: str(machine.protocol)})


def is_joblib(source: Source) -> bool:
    """Whether the file begins as a pickle that names classes of joblib, which keeps arrays between its opcodes."""
    machine = Machine(source.data, 0, _PlainRules(source), limit=_MOST_STEPS_OF_JOBLIB)
    with suppress(PickleError, ModelFileError):
        machine.load()
    return any(each.module.startswith("joblib.") for each in machine.globals)


def is_several(source: Source) -> bool:
    """Whether one whole pickle stands at the start of the file, and another right after it."""
    machine = Machine(source.data, 0, _PlainRules(source))
    with suppress(PickleError, ModelFileError):
        machine.load()
        Machine(source.data, machine.at, _PlainRules(source)).load()
        return True
    return False


def claims(source: Source) -> bool:
    """Whether the file is one whole pickle."""
    try:
        unpickled(source)
    except ModelFileError:
        return False
    return True
