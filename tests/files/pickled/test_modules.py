"""A module's state dict is put together within bounds."""

from __future__ import annotations

import pytest

from tscompat.files.pickled.described import Storage, Tensor
from tscompat.files.pickled.inert import Record
from tscompat.files.pickled.modules import TooMuch, state_dict

DEPTH = 200


def made(parameters: dict[str, Tensor], children: dict[str, Record]) -> Record:
    module = Record(None, ())
    module.state = {"_parameters": parameters, "_modules": children}
    return module


def nested(depth: int) -> Record:
    """A module with one parameter, so many levels down."""
    storage = Storage("float32", 4, lambda: bytes(4))
    module = made({"w": Tensor(storage, "float32", 0, (1,), (1,))}, {})
    for _ in range(depth - 1):
        module = made({}, {"m": module})
    return module


def test_the_deepest_module_that_is_read() -> None:
    assert [*state_dict(nested(DEPTH))] == ["m." * (DEPTH - 1) + "w"]


def test_a_deeper_module_is_refused() -> None:
    with pytest.raises(TooMuch, match="nested deeper than 200 levels"):
        state_dict(nested(DEPTH + 1))
