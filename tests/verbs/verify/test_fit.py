"""A file's tensors beside a class's: who is who, what differs, and the options that give the class's names."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tscompat.verbs.convert.names import Names, pattern_and_replacement, renamed
from tscompat.verbs.renaming import apply, options
from tscompat.verbs.verify.document import Entry
from tscompat.verbs.verify.fit import findings, first_misplaced, pair, rows
from verbs.items import item

Sizes = dict[str, tuple[int, ...]]


def entries(sizes: Sizes, dtype: str = "float32") -> list[Entry]:
    return [Entry(name=name, dtype=dtype, shape=shape) for name, shape in sizes.items()]


def layer(name: str, *sizes: int) -> Sizes:
    """The sizes of a Linear layer."""
    return {f"{name}.weight": sizes, f"{name}.bias": sizes[:1]}


def norm(name: str, size: int) -> Sizes:
    """The sizes of a BatchNorm layer."""
    ends = ("weight", "bias", "running_mean", "running_var")
    return {**{f"{name}.{end}": (size,) for end in ends}, f"{name}.num_batches_tracked": ()}


def found(file: list[Entry], cls: list[Entry], one_option: str = "") -> list[tuple[str, str, str]]:
    pairs = pair(file, cls)
    made = findings(rows(pairs), first_misplaced(pairs, cls, BUFFERS), one_option)
    return [(each.what, each.name, each.detail) for each in made]


BUFFERS = {"bn.running_mean", "bn.running_var", "bn.num_batches_tracked"}
MODEL = {**layer("fc1", 8, 4), **norm("bn", 8), **layer("fc2", 3, 8)}


def test_a_class_that_fits_has_no_finding() -> None:
    assert found(entries(MODEL), entries(MODEL)) == []


FAULTS: dict[str, tuple[Sizes, tuple[str, str, str]]] = {
    "a layer of another name": (
        {**layer("fc1", 8, 4), **norm("bn", 8), **layer("head", 3, 8)},
        ("renamed", "fc2", "head in the class (weight, bias)"),
    ),
    "a buffer that the class lacks": (
        {name: shape for name, shape in MODEL.items() if name != "bn.running_mean"},
        ("missing-in-class", "bn.running_mean", "the class has none"),
    ),
    "a layer that the class lacks": (
        {**layer("fc1", 8, 4), **layer("fc2", 3, 8)},
        ("missing-in-class", "bn", "the class has none (weight, bias, running_mean, running_var, num_batches_tracked)"),
    ),
    "a parameter that only the class has": (
        {**MODEL, "scale": (1,)},
        ("missing-in-file", "scale", "the file has none"),
    ),
    "a layer that only the class has": (
        {**MODEL, **layer("fc3", 5, 3)},
        ("missing-in-file", "fc3", "the file has none (weight, bias)"),
    ),
    "a transposed weight": (
        {**MODEL, "fc2.weight": (8, 3)},
        ("transposed", "fc2.weight", "[3, 8] in the file, [8, 3] in the class"),
    ),
    "another size": (
        {**MODEL, "fc1.weight": (8, 5)},
        ("shape", "fc1.weight", "[8, 4] in the file, [8, 5] in the class"),
    ),
    "a name within a layer": (
        {name.replace("fc1.bias", "fc1.offset"): shape for name, shape in MODEL.items()},
        ("renamed", "fc1.bias", "fc1.offset in the class"),
    ),
    "another order": (
        {**layer("fc2", 3, 8), **layer("fc1", 8, 4), **norm("bn", 8)},
        ("order", "fc1.weight", "the first is fc1.weight in the file and fc2.weight in the class; "
         "a load finds tensors by name"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_one_finding(name: str) -> None:
    cls, finding = FAULTS[name]
    assert found(entries(MODEL), entries(cls)) == [finding]


PARAMETERS_FIRST = {name: MODEL[name] for name in sorted(MODEL, key=lambda name: name in BUFFERS)}


@pytest.mark.parametrize("buffers", [BUFFERS, None])
def test_parameters_before_buffers_are_no_other_order(buffers: set[str] | None) -> None:
    cls = entries(PARAMETERS_FIRST)
    assert first_misplaced(pair(entries(MODEL), cls), cls, buffers) is None


@pytest.mark.parametrize("buffers", [BUFFERS, None])
def test_buffers_in_another_order(buffers: set[str] | None) -> None:
    cls = entries({name: MODEL[name] for name in sorted(MODEL, key=lambda name: (name in BUFFERS, name[::-1]))})
    assert first_misplaced(pair(entries(MODEL), cls), cls, buffers) is not None


def test_layers_below_one_name_that_are_all_missing_are_one_finding() -> None:
    file = {**layer("head", 2, 2), **layer("blocks.0.fc", 2, 2), **layer("blocks.1.fc", 2, 2)}
    assert found(entries(file), entries(layer("head", 2, 2))) == [
        ("missing-in-class", "blocks", "the class has none (0.fc.weight, 0.fc.bias, 1.fc.weight, 1.fc.bias)")
    ]


def test_one_dtype_of_a_whole_class_is_one_finding() -> None:
    assert found(entries(MODEL, "bfloat16"), entries(MODEL)) == [
        ("dtype", "fc1.weight", "bfloat16 in the file, float32 in the class; the same of 8 more")
    ]


def test_layers_that_one_option_renames_are_one_finding() -> None:
    file = {f"module.{name}": shape for name, shape in MODEL.items()}
    (finding,) = found(entries(file), entries(MODEL), "--strip-prefix module.")
    assert finding[:2] == ("renamed", "module.fc1")
    assert finding[2].endswith("; this and 2 more by --strip-prefix module.")


def test_layers_of_one_shape_are_matched_in_their_order() -> None:
    file = {**layer("a", 4, 4), **layer("b", 4, 4)}
    assert pair(entries(file), entries({**layer("x", 4, 4), **layer("y", 4, 4)})).renamed == {
        **{"a.weight": "x.weight", "a.bias": "x.bias"},
        **{"b.weight": "y.weight", "b.bias": "y.bias"},
    }


ALIKE: dict[str, tuple[list[str], list[str]]] = {
    "letters and words": (["q_proj", "k_proj", "v_proj"], ["key", "query", "value"]),
    "numbers, sorted as text": ([f"net.{n}" for n in sorted(range(12), key=str)], [f"layers.{n}" for n in range(12)]),
    "parts in common": (["old.norm", "old.head"], ["new.head", "new.norm"]),
}


@pytest.mark.parametrize("what", ALIKE)
def test_of_layers_of_one_shape_those_whose_names_are_alike_are_matched(what: str) -> None:
    ours, theirs = ALIKE[what]
    file, cls = ({name: shape for each in side for name, shape in layer(each, 4, 4).items()} for side in (ours, theirs))
    pairs = pair(entries(file), entries(cls))
    for old, new in pairs.renamed.items():
        old_layer, new_layer = old.rpartition(".")[0], new.rpartition(".")[0]
        assert old_layer.rpartition(".")[2][:1] == new_layer.rpartition(".")[2][:1]
    assert (len(pairs.renamed), pairs.by_order) == (2 * len(ours), set())


COUNTED: dict[str, tuple[list[str], list[str]]] = {
    "with others between them": ([f"features.{n}" for n in (0, 2, 4, 6)], [f"conv.{n}" for n in range(4)]),
    "from 0 and from 1": ([f"block_{n}" for n in range(4)], [f"layers.block_{n}" for n in range(1, 5)]),
    "sorted as text": ([f"net.{n}" for n in (0, 10, 2, 4)], [f"layers.{n}" for n in range(4)]),
}


@pytest.mark.parametrize("what", COUNTED)
def test_layers_that_are_counted_otherwise_are_matched_by_rank_and_named(what: str) -> None:
    ours, theirs = COUNTED[what]
    file, cls = ({f"{each}.weight": (4, 4) for each in side} for side in (ours, theirs))
    pairs = pair(entries(file), entries(cls))
    ranked = sorted(ours, key=lambda name: int(re.sub(r"\D", "", name)))
    assert pairs.renamed == {f"{a}.weight": f"{b}.weight" for a, b in zip(ranked, theirs, strict=True)}
    assert pairs.by_order == {*file}


def test_layers_that_only_order_shows_are_named() -> None:
    file = {**layer("a", 4, 4), **layer("b", 4, 4)}
    pairs = pair(entries(file), entries({**layer("x", 4, 4), **layer("y", 4, 4)}))
    assert pairs.by_order == {*file}


def test_gamma_and_beta_are_weight_and_bias_in_any_order() -> None:
    pairs = pair(entries({"norm.beta": (8,), "norm.gamma": (8,)}), entries({"ln.weight": (8,), "ln.bias": (8,)}))
    assert (pairs.renamed, pairs.by_order) == ({"norm.beta": "ln.bias", "norm.gamma": "ln.weight"}, set())


def test_names_of_one_shape_in_a_layer_that_show_nothing_are_named() -> None:
    pairs = pair(entries({"norm.a": (8,), "norm.b": (8,)}), entries({"ln.x": (8,), "ln.y": (8,)}))
    assert pairs.by_order == {"norm.a", "norm.b"}


def test_of_more_layers_of_one_shape_those_that_are_alike_are_matched() -> None:
    file = {**layer("old.norm", 4, 4), **layer("old.head", 4, 4)}
    pairs = pair(entries(file), entries(layer("new.head", 4, 4)))
    assert pairs.renamed == {"old.head.weight": "new.head.weight", "old.head.bias": "new.head.bias"}
    assert [each.name for each in pairs.only_file] == ["old.norm.weight", "old.norm.bias"]


def test_a_layer_without_any_likeness_is_not_taken_for_another() -> None:
    pairs = pair(entries({**layer("a", 4, 4), **layer("b", 4, 4)}), entries(layer("c", 4, 4)))
    assert pairs.renamed == {}


def test_other_names_within_a_renamed_layer() -> None:
    file = {"norm.gamma": (8,), "norm.running": (8, 8)}
    assert pair(entries(file), entries({"ln.weight": (8,), "ln.state": (8, 8)})).renamed == {
        "norm.gamma": "ln.weight",
        "norm.running": "ln.state",
    }


RENAMES: dict[str, tuple[dict[str, str], list[str], list[tuple[str, str]]]] = {
    "a prefix too many": (
        {"module.fc.weight": "fc.weight", "module.b": "b"},
        [],
        [("--strip-prefix", "module.")],
    ),
    "a prefix that is missing": ({"fc.weight": "net.fc.weight", "b": "net.b"}, [], [("--add-prefix", "net.")]),
    "one layer": ({"fc.weight": "head.weight", "fc.bias": "head.bias"}, ["a.fc.w"], [("--rename", r"^fc\.=head.")]),
    "parts in all places": (
        {f"layer.{n}.attention.{end}": f"blocks.{n}.attn.{end}" for n in ("a", "b", "c") for end in ("weight", "bias")},
        ["norm.weight"],
        [("--rename", r"(^|\.)layer(?=\.|$)=\g<1>blocks"), ("--rename", r"(^|\.)attention(?=\.|$)=\g<1>attn")],
    ),
    "a number in every layer": (
        {f"layers.{n}.fc.weight": f"h{n}.linear.weight" for n in range(600)},
        ["layers.fc.weight"],
        [("--rename", r"^layers\.(\d+)\.fc\.=h\g<1>.linear.")],
    ),
    "single names": ({"a": "b\\1", "x+": "y"}, [], [("--rename", r"^a$=b\\1"), ("--rename", r"^x\+$=y")]),
}  # fmt: skip


@pytest.mark.parametrize("name", RENAMES)
def test_the_options_that_give_the_names(name: str) -> None:
    wanted, others, expected = RENAMES[name]
    assert [*options([*wanted, *others], wanted)] == expected


@pytest.mark.parametrize("name", RENAMES)
def test_convert_gives_the_names_with_these_options(name: str) -> None:
    wanted, others, _ = RENAMES[name]
    given = options([*wanted, *others], wanted)
    values = {option: value for option, value in given if option != "--rename"}
    rename = [pattern_and_replacement(value) for option, value in given if option == "--rename"]
    names = Names({}, values.get("--strip-prefix", ""), rename, values.get("--add-prefix", ""))
    made = renamed([item([1.0], name=each) for each in [*wanted, *others]], names, print)
    assert [each.name for each in made] == [*wanted.values(), *others]


def test_a_name_that_no_option_can_give() -> None:
    assert options(["a"], {"a": "b=c"}) == ()


NAMES = st.lists(st.text("abc.=\\^$", min_size=1, max_size=6), min_size=1, max_size=6, unique=True)


@given(NAMES, NAMES)
def test_options_give_the_names_or_there_are_none(old: list[str], new: list[str]) -> None:
    wanted = dict(zip(old, new, strict=False))
    found = options(old, {name: other for name, other in wanted.items() if name != other})
    assert not found or [apply(found, name) for name in old] == [wanted.get(name, name) for name in old]


def test_nothing_to_rename_takes_no_option() -> None:
    assert options(["a"], {}) == ()
