"""The digest that a pass must show: each part of an entry changes it."""

from __future__ import annotations

import pytest

from tscompat.dotnet_side.digest import digest
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, StateDict, Tensor

I16, I8 = BY_NAME["i16"], BY_NAME["i8"]
ENTRIES = [Entry("a", Tensor(I16, (2, 1), b"\1\2\3\4")), Entry("b", Tensor(I8, (), b"\5"))]


@pytest.mark.parametrize(
    "others",
    [
        [Entry("c", ENTRIES[0].tensor), ENTRIES[1]],
        [Entry("a", Tensor(BY_NAME["f16"], (2, 1), b"\1\2\3\4")), ENTRIES[1]],
        [Entry("a", Tensor(I16, (1, 2), b"\1\2\3\4")), ENTRIES[1]],
        [ENTRIES[0], Entry("b", Tensor(I8, (), b"\6"))],
        ENTRIES[::-1],
        ENTRIES[:1],
    ],
    ids=["name", "dtype", "shape", "bits", "order", "one-less"],
)
def test_other_entries_have_another_digest(others: StateDict) -> None:
    assert digest(others) != digest(ENTRIES)


def test_where_the_bytes_lie_changes_nothing() -> None:
    assert digest([Entry(name, tensor._replace(data=bytearray(tensor.data))) for name, tensor in ENTRIES]) == digest(
        ENTRIES
    )
