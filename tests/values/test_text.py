"""Text that JSON, HTML and a terminal can hold."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tscompat.values.text import escaped, message, quoted, reason, shown

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


@pytest.mark.parametrize("words", ["x" * 80, "\x00" * 20])
def test_what_just_fits_is_not_cut(words: str) -> None:
    assert "…" not in shown(words)


def test_letters_beside_what_is_escaped_stay_as_they_are() -> None:
    assert shown("\x00漢") == "\\x00漢"


def test_a_name_in_quotes() -> None:
    assert quoted("a\n") == r"'a\n'"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("one\n  two", "one\n  two"),
        ("one\x1b\n\U0010ffff", "one\\x1b\n\\U0010ffff"),
        ("\U0010ffff" * 100, "\\U0010ffff" * 100),
        ("x" * 2000, "x" * 2000),
    ],
)
def test_a_message_keeps_its_lines_and_escapes_the_rest(words: str, expected: str) -> None:
    assert message(words) == expected


def test_a_long_message_keeps_its_ends() -> None:
    assert message("x" * 996 + "漢" * 1000 + "y" * 996) == "x" * 996 + " … " + "y" * 996


def test_a_long_message_is_cut_between_characters() -> None:
    made = message(f"a{'漢' * 1000}b")
    assert (set(made), len(made.encode()) <= 2000) == ({"a", "b", "漢", " ", "…"}, True)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(2, "No such file or directory", "/a/b.dat"), "/a/b.dat: No such file or directory"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError("odd"), "odd"),
        (ValueError("a: b"), "a: b"),
    ],
)
def test_the_reason_of_an_error_has_no_number(error: Exception, words: str) -> None:
    assert reason(error) == words
