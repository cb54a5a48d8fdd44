"""New names by the options of convert, in their order, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tscompat.files.item import Contents, ModelFileError, Unfit
from tscompat.verbs.convert.names import Names, pattern_and_replacement, read_map, renamed, tell_prefix
from verbs.items import item


def contents(*names: str) -> Contents:
    return [item([1], name=name) for name in names]


def changed(names: Names, *old: str) -> list[str]:
    return [each.name for each in renamed(contents(*old), names, print)]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (Names(), ["m.a.w", "m.b.w"]),
        (Names(strip_prefix="m."), ["a.w", "b.w"]),
        (Names(strip_prefix="m.a."), ["w", "m.b.w"]),
        (Names(add_prefix="net."), ["net.m.a.w", "net.m.b.w"]),
        (Names(rename=[(r"\.w$", ".weight")]), ["m.a.weight", "m.b.weight"]),
        (Names(rename=[(r"m\.(\w)", r"\1.m")]), ["a.m.w", "b.m.w"]),
        (Names(rename=[("a", "c"), ("c", "d")]), ["m.d.w", "m.b.w"]),
        (Names({"m.a.w": "m.b.w", "m.b.w": "m.a.w"}), ["m.b.w", "m.a.w"]),
    ],
)
def test_each_option(names: Names, expected: list[str]) -> None:
    assert changed(names, "m.a.w", "m.b.w") == expected


def test_a_prefix_is_taken_off_once() -> None:
    assert changed(Names(strip_prefix="m."), "m.m.a.m.w") == ["m.a.m.w"]


def test_a_pattern_is_replaced_wherever_it_matches() -> None:
    assert changed(Names(rename=[("m", "n")]), "m.m.w") == ["n.n.w"]


def test_the_order_of_the_options() -> None:
    names = Names({"x": "m.y"}, strip_prefix="m.", rename=[("^y$", "z")], add_prefix="n.")
    assert changed(names, "x", "m.y2") == ["n.z", "n.y2"]


def test_what_is_no_tensor_is_renamed_too() -> None:
    assert renamed([Unfit("m.x", "why")], Names(strip_prefix="m."), print) == [Unfit("x", "why")]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (Names(strip_prefix="q."), "--strip-prefix q.: no name begins with it"),
        (Names(strip_prefix="m"), "begins with a dot, '.a.w': give m. with its dot"),
        (Names(rename=[("q", "x")]), "--rename q=x: no name matches"),
        (Names(rename=[("(", "x")]), r"--rename \(=x: wrong as a regular expression"),
        (Names(rename=[("a", r"\7")]), "wrong as a regular expression"),
        (Names(rename=[("(.+)", r"\1\1")] * 20), "makes a name of .* letters; expected at most 65,536"),
        (Names({"m.a.w": "x", "q\n": "y"}), r"--map: the source has no 'q\\n'"),
        (Names({"m.a.w": "m.b.w"}), r"several tensors would have one name.*\n  'm.b.w': 'm.a.w', 'm.b.w'"),
        (Names(rename=[("[ab]", "x")]), r"\n  'm.x.w': 'm.a.w', 'm.b.w'"),
    ],
)
def test_what_is_refused(names: Names, words: str) -> None:
    with pytest.raises(ModelFileError, match=words):
        changed(names, "m.a.w", "m.b.w")


def test_two_tensors_of_one_name_are_for_others_to_refuse() -> None:
    assert changed(Names(), "a", "a") == ["a", "a"]


def test_names_without_the_prefix_are_told() -> None:
    said: list[str] = []
    renamed(contents("m.a", "b"), Names(strip_prefix="m."), said.append)
    assert said == ["--strip-prefix m.: 1 names do not begin with it and stay: 'b'"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [("a=b", ("a", "b")), ("a=", ("a", "")), ("(?=x)y=z", ("(?=x)y", "z")), ("^encoder=e", ("^encoder", "e"))],
)
def test_a_pattern_and_its_replacement(words: str, expected: tuple[str, str]) -> None:
    assert pattern_and_replacement(words) == expected


@pytest.mark.parametrize("words", ["", "a", "=b"])
def test_no_pattern_or_no_replacement(words: str) -> None:
    with pytest.raises(ModelFileError, match="expected PATTERN=REPLACEMENT"):
        pattern_and_replacement(words)


def written(folder: Path, data: bytes) -> Path:
    (folder / "map.json").write_bytes(data)
    return folder / "map.json"


def test_a_map(tmp_path: Path) -> None:
    assert read_map(written(tmp_path, b'{"a": "b", "\\ud800": ""}')) == {"a": "b", "\ud800": ""}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a map of names"),
        (b"\xff", "not a map of names"),
        (b"[" * 100_000, "not a map of names"),
        (b'{"a": "b", "a": "c"}', "a name is there twice"),
        (b'["a"]', "expected a JSON object of old and new names"),
        (b'{"a": 1}', "expected a JSON object of old and new names"),
        (b" " * ((1 << 26) + 1), "expected at most"),
    ],
    ids=["empty", "no UTF-8", "deep", "twice", "a list", "a number", "large"],
)
def test_no_map(data: bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=words):
        read_map(written(tmp_path, data))


def test_a_device_is_no_map() -> None:
    with pytest.raises((ModelFileError, OSError)):
        read_map(Path("/dev/null"))


@pytest.mark.parametrize(
    ("names", "prefix"),
    [
        (["module.a.w", "module.b.w"], "module."),
        (["module._orig_mod.a.w", "module._orig_mod.b"], "module._orig_mod."),
        (["module.weight", "module.bias"], "module."),
        (["n_averaged", "module.a.w", "module.b.w"], "module."),
        (["bert.a.w", "bert.b.w"], "bert."),
        (["fc.weight", "fc.bias"], ""),
        (["a.w", "b.w"], ""),
        (["a", "a.b"], ""),
        (["x.y.z"], ""),
        (["model.module.a.w", "model.other.b.w"], "model."),
        ([], ""),
    ],
)
def test_a_prefix_that_all_names_share(names: list[str], prefix: str) -> None:
    said: list[Any] = []
    tell_prefix(names, said.append)
    assert [sentence.rpartition("--strip-prefix ")[2] for sentence in said] == (
        [f"{prefix} takes it off"] if prefix else []
    )
