"""Which tensor of one model is which of another."""

from __future__ import annotations

from tscompat.files.item import Item
from tscompat.values.tensors import Quantizer
from tscompat.verbs.diff.matching import matched
from verbs.items import item

Named = tuple[str, list[float]]


def of(*named: Named) -> list[Item]:
    return [item(values, name=name) for name, values in named]


def pairs(a: list[Item], b: list[Item]) -> list[tuple[str, str, str | None]]:
    return [(pair.a.name, pair.b.name, pair.by) for pair in matched(a, b).pairs]


def lone(a: list[Item], b: list[Item]) -> list[list[str]]:
    found = matched(a, b)
    return [[each.name for each in side] for side in (found.missing, found.extra)]


def test_by_name_whatever_they_hold() -> None:
    assert pairs(of(("a", [1]), ("b", [2])), of(("b", [1]), ("a", [2, 3]))) == [("a", "a", None), ("b", "b", None)]


def test_a_name_that_comes_several_times_is_matched_in_order() -> None:
    found = matched(of(("a", [1]), ("a", [2])), of(("a", [3]), ("a", [4]), ("a", [5, 6])))
    assert ([bytes(pair.b.read())[2:] for pair in found.pairs], [each.shape for each in found.extra]) == (
        [b"\x40\x40", b"\x80\x40"],
        [(2,)],
    )


def test_by_bits() -> None:
    a, b = of(("x", [1, 2]), ("y", [3, 4])), of(("p", [3, 4]), ("q", [1, 2]))
    assert pairs(a, b) == [("x", "q", "bits"), ("y", "p", "bits")]


def test_bits_of_another_dtype_or_shape_are_no_likeness() -> None:
    a = [item([0, 0], name="x"), item([[0], [0]], name="y")]
    b = [item([0, 0], "i32", name="p"), item([0, 0, 0], name="q")]
    assert (pairs(a, b), lone(a, b)) == ([], [["x", "y"], ["p", "q"]])


def test_bits_of_another_quantizer_are_no_likeness() -> None:
    a, b = ([item([1, 5], "qi8", name)._replace(quantizer=Quantizer(scale, 3))] for name, scale in (("x", 1), ("y", 2)))
    assert lone(a, b) == [["x"], ["y"]]


def test_of_the_same_bits_the_names_with_the_same_end() -> None:
    zeros: list[float] = [0, 0]
    a, b = of(("b1", zeros), ("b2", zeros)), of(("m.b2", zeros), ("m.b1", zeros))
    assert pairs(a, b) == [("b1", "m.b1", "bits"), ("b2", "m.b2", "bits")]


def test_of_the_same_bits_and_other_names_their_order() -> None:
    zeros: list[float] = [0, 0]
    assert pairs(of(("a", zeros), ("b", zeros)), of(("x", zeros), ("y", zeros), ("z", zeros))) == [
        ("a", "x", "bits"),
        ("b", "y", "bits"),
    ]


def test_by_the_end_of_the_name_in_both_directions() -> None:
    a = of(("module.fc.weight", [1, 2]), ("norm", [3]))
    b = of(("fc.weight", [5, 6]), ("ema.model.norm", [7]))
    assert pairs(a, b) == [("module.fc.weight", "fc.weight", "name"), ("norm", "ema.model.norm", "name")]


def test_the_end_of_a_name_is_of_whole_parts() -> None:
    a, b = of(("weight", [1, 2]), ("x", [9])), of(("my_weight", [5, 6]), ("y", [8]))
    assert lone(a, b) == [["x"], ["y"]]  # my_weight is like weight; x and y are not alike


def test_of_another_shape_the_end_of_a_name_is_no_likeness() -> None:
    assert pairs(of(("m.w", [1, 2])), of(("w", [1, 2, 3]))) == []


def test_an_end_that_several_names_have_is_no_likeness() -> None:
    a = of(("w", [1, 2]))
    b = of(("p.w", [3, 4]), ("q.w", [5, 6]))
    assert (pairs(a, b), lone(a, b)) == ([], [["w"], ["p.w", "q.w"]])


def test_two_ends_of_one_name_are_matched_once() -> None:
    a, b = of(("b.w", [1, 2]), ("w", [3, 4])), of(("a.b.w", [5, 6]))
    assert (pairs(a, b), lone(a, b)) == ([("b.w", "a.b.w", "name")], [["w"], []])


def test_by_a_shape_that_no_other_has_and_a_name_that_is_alike() -> None:
    a, b = of(("fc.weight", [1, 2]), ("fc.bias", [3])), of(("head.weight", [5, 6]), ("head.bias", [7]))
    assert pairs(a, b) == [("fc.weight", "head.weight", "shape"), ("fc.bias", "head.bias", "shape")]


def test_by_a_shape_that_others_have_nothing_is_matched() -> None:
    a, b = of(("fc.weight", [1, 2]), ("fc.bias", [3, 4])), of(("head.weight", [5, 6]), ("head.bias", [7, 8]))
    assert pairs(a, b) == []


def test_pairs_are_in_the_order_of_a() -> None:
    a, b = of(("a.x", [1]), ("k", [2]), ("z", [3])), of(("k", [2]), ("x", [9]), ("y", [3]))
    assert [name for name, _, _ in pairs(a, b)] == ["a.x", "k", "z"]


def test_elements_are_read_only_of_what_has_no_partner() -> None:
    def fail() -> bytes:
        raise AssertionError

    named = item([1], name="a")._replace(read=fail)
    alone = item([1], name="b")._replace(read=fail)
    assert len(matched([named, alone], [named]).missing) == 1
