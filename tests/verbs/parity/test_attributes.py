"""Attributes are compared as values, whatever form each side keeps them in."""

from __future__ import annotations

import pytest

from tscompat.verbs.parity.attributes import unlike
from tscompat.verbs.parity.document import Attribute


@pytest.mark.parametrize(
    ("name", "value", "theirs", "text"),
    [
        ("eps", 1e-5, "eps", "1E-05"),
        ("eps", 1e-5, "eps", "9.99999974737875E-06"),
        ("batch_first", True, "_batchFirst", "true"),
        ("kernel_size", (3, 3), "kernel_size", "[3, 3]"),
        ("padding", (1, 1), "padding", "1"),
        ("stride", 2, "stride", "[2, 2]"),
        ("padding_mode", "zeros", "padding_mode", "Zeros"),
        ("approximate", "none", "approximate", "None"),
        ("scale_factor", 2.0, "scale_factor", "[2, 2]"),
    ],
)
def test_the_same(name: str, value: object, theirs: str, text: str) -> None:
    assert unlike({name: value}, {theirs: text}) == []


@pytest.mark.parametrize(
    ("value", "text", "ours"),
    [
        (1e-5, "1E-12", "1e-05"),
        (True, "false", "true"),
        ((3, 3), "[3, 5]", "[3, 3]"),
        (2, "[2, 1]", "2"),
        ((1, 1), "0", "[1, 1]"),
        ("zeros", "Reflect", "zeros"),
        (0.1, "0.2", "0.1"),
    ],
)
def test_another_value(value: object, text: str, ours: str) -> None:
    assert unlike({"a": value}, {"a": text}) == [Attribute(name="a", python=ours, dotnet=text)]


@pytest.mark.parametrize(
    ("value", "text"), [(True, "1"), ("zeros", "3"), (3, "zeros"), ((1, 2), "[1, 2, 3]"), (1, "null")]
)
def test_what_cannot_be_compared(value: object, text: str) -> None:
    assert unlike({"a": value}, {"a": text}) == []


@pytest.mark.parametrize("name", ["training", "inplace", "_private"])
def test_what_changes_no_output(name: str) -> None:
    assert unlike({name: True}, {name: "false"}) == []


def test_what_one_side_does_not_keep() -> None:
    assert unlike({"eps": 1.0}, {"momentum": "0.1"}) == []


@pytest.mark.parametrize(("name", "value", "text"), [("dim", -1, "1"), ("start_dim", 1, "-3")])
def test_an_axis_from_the_end_may_be_the_same(name: str, value: int, text: str) -> None:
    assert unlike({name: value}, {name: text}) == []


def test_another_axis() -> None:
    assert [each.name for each in unlike({"dim": 1}, {"dim": "0"})] == ["dim"]
