"""Text that JSON, HTML and a terminal can hold."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tscompat.values.text import escaped, shown

CHARACTERS = st.characters(codec=None, exclude_categories=())


def test_a_lone_surrogate_is_escaped() -> None:
    assert escaped("a\udcff|\N{GREEK SMALL LETTER ALPHA}") == "a\\udcff|\N{GREEK SMALL LETTER ALPHA}"


@given(st.text(CHARACTERS))
def test_everything_can_be_encoded_then_and_only_surrogates_change(words: str) -> None:
    made = escaped(words)
    assert json.loads(json.dumps(made).encode()) == made
    assert (made == words) is not any("\ud800" <= each <= "\udfff" for each in words)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("layer.0.weight", "layer.0.weight"),
        ("a\x1b[31m", r"a\x1b[31m"),
        ("a\u202eb\n", r"a\u202eb\n"),
        ("\ud800", r"\ud800"),
        ("é漢", "é漢"),
    ],
)
def test_what_a_terminal_would_obey_is_escaped(words: str, expected: str) -> None:
    assert shown(words) == expected


@pytest.mark.parametrize("words", ["x" * 1000, "\x00" * 1000, "\U0010ffff" * 81])
def test_long_words_are_cut(words: str) -> None:
    assert len(shown(words)) == 80


def test_the_beginning_and_the_end_are_kept() -> None:
    assert shown("begin" + "." * 1000 + "end", 20) == "begin.....…......end"
