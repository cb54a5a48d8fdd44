"""A module's state dict is put together within bounds."""

from __future__ import annotations

import pytest

from tscompat.files.pickled.described import Storage, Tensor
from tscompat.files.pickled.inert import Record
from tscompat.files.pickled.modules import TooMuch, state_dict

DEPTH = 200


def nested(depth: int) -> Record:
    """A module with one parameter, so many levels down."""
    storage = Storage("float32", 4, lambda: bytes(4))
    entries: dict[str, object] = {"w": Tensor(storage, "float32", 0, (1,), (1,))}
    children: dict[str, object] = {}
    for _ in range(depth):
        module = Record(None, ())
        module.state = {"_parameters": entries, "_modules": children}
        entries, children = {}, {"m": module}
    return module


def test_the_deepest_module_that_is_read() -> None:
    assert [*state_dict(nested(DEPTH))] == ["m." * (DEPTH - 1) + "w"]


def test_a_deeper_module_is_refused() -> None:
    with pytest.raises(TooMuch, match="nested deeper than 200 levels"):
        state_dict(nested(DEPTH + 1))
