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
    ("words", "most", "expected"),
    [
        ("fc.weight ñ 名", 80, "fc.weight ñ 名"),
        ("\x1b[31m\x07\n", 80, r"\x1b[31m\x07\n"),
        ("a\u202eb\u2028", 80, r"a\u202eb\u2028"),
        ("\udc80", 80, r"\udc80"),
        ("abcdef", 6, "abcdef"),
        ("abcdefg", 6, "abcde…"),
        ("\n\n\n\n", 6, r"\n\n\…"),
    ],
)
def test_what_a_terminal_gets(words: str, most: int, expected: str) -> None:
    assert shown(words, most) == expected


@given(st.text(CHARACTERS), st.integers(1, 20))
def test_what_a_terminal_gets_is_printable_and_no_longer_than_asked(words: str, most: int) -> None:
    made = shown(words, most)
    assert (made.isprintable(), len(made) <= most) == (True, True)
