"""Text that JSON can hold."""

import json

from hypothesis import given
from hypothesis import strategies as st

from tscompat.values.text import escaped

CHARACTERS = st.characters(codec=None, exclude_categories=())


def test_a_lone_surrogate_is_escaped() -> None:
    assert escaped("a\udcff|\N{GREEK SMALL LETTER ALPHA}") == "a\\udcff|\N{GREEK SMALL LETTER ALPHA}"


@given(st.text(CHARACTERS))
def test_everything_can_be_encoded_then_and_only_surrogates_change(words: str) -> None:
    made = escaped(words)
    assert json.loads(json.dumps(made).encode()) == made
    assert (made == words) is not any("\ud800" <= each <= "\udfff" for each in words)
