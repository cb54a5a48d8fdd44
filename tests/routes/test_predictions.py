"""A prediction matches only a state dict that is exactly what the fault produces."""

from __future__ import annotations

import pytest

from tscompat.catalogue import TensorSpec
from tscompat.dotnet_side.digest import digest
from tscompat.routes.predictions import predicted
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, StateDict, Tensor
from tscompat.values.verdict import Kind

F16 = BY_NAME["f16"]
SPECS = [
    TensorSpec(name, F16, (2,), "random", buffer, tied)
    for name, buffer, tied in (("w", False, ""), ("mean", True, ""), ("again", False, "w"), ("bias", False, ""))
]
PLUS, MINUS = 0x3C, 0xBC
"""The high bytes of 1 and of -1 in float16; the low byte is the entry's place."""


def state_dict(*signs: int) -> StateDict:
    """An entry for each spec, of two numbers with these signs."""
    one, two = signs
    data = (bytes([place, one, place, two]) for place in range(len(SPECS)))
    return [Entry(spec.name, Tensor(F16, (2,), each)) for spec, each in zip(SPECS, data, strict=True)]


ENTRIES, OTHER_SIGN = state_dict(PLUS, MINUS), state_dict(MINUS, PLUS)
PARAMETERS_FIRST = [ENTRIES[place] for place in (0, 3, 1, 2)]


@pytest.mark.parametrize(
    ("kind", "found", "names"),
    [
        (Kind.BITS, OTHER_SIGN, {"sign-of-the-storage"}),
        (Kind.BITS, [*OTHER_SIGN[:-1], ENTRIES[-1]], set[str]()),
        (Kind.ORDER, OTHER_SIGN, set[str]()),
        (Kind.ORDER, PARAMETERS_FIRST, {"parameters-before-buffers"}),
        (Kind.ORDER, ENTRIES[::-1], set[str]()),
    ],
    ids=["sign", "sign-of-all-but-one", "sign-as-order", "parameters-first", "another-order"],
)
def test_what_is_predicted(kind: Kind, found: StateDict, names: set[str]) -> None:
    assert predicted(kind, SPECS, ENTRIES, digest(found)) == names


def test_a_complex_number_has_the_other_sign_in_its_imaginary_part() -> None:
    c64, spec = BY_NAME["c64"], TensorSpec("w", BY_NAME["c64"], (), "random", buffer=False)
    entries, found = ([Entry("w", Tensor(c64, (), b"\0\0\x80\x3f\0\0" + sign))] for sign in (b"\x80\x3f", b"\x80\xbf"))
    assert predicted(Kind.BITS, [spec], entries, digest(found)) == {"sign-of-the-storage"}
