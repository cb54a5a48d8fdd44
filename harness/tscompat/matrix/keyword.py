"""Applies ``-k`` to verdict ids as pytest would, and finds the ids nearest to an expression that selects none.

Imports nothing of ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from heapq import nlargest

from _pytest.mark import KeywordMatcher, _parse_expression  # pyright: ignore[reportPrivateUsage]

MODULE = "test_matrix.py"
"""The module to which all items belong."""
WORDS_OF_THE_GRAMMAR = {"and", "or", "not"}


def item_name(verdict_id: str) -> str:
    """The name of a verdict's item of pytest."""
    return f"test_verdict[{verdict_id}]"


def keyword(expression: str) -> Callable[[str], bool]:
    """A function: whether pytest's ``-k`` selects the item of a verdict id. It uses pytest's parser and matcher.

    Raises pytest.UsageError, in pytest's own words, if ``expression`` is not valid.
    """
    if not expression.strip():
        return lambda verdict_id: True
    parsed = _parse_expression(expression.lstrip(), "Wrong expression passed to '-k'")
    return lambda verdict_id: parsed.evaluate(KeywordMatcher({MODULE, item_name(verdict_id)}))


def nearest(expression: str, ids: Sequence[str], number: int = 3) -> list[str]:
    """The ids with most of the parts that the expression means: for each of its words, the most similar part that is no
    mere number.
    """
    words: set[str] = set(re.findall(r"[\w+.-]+", expression)) - WORDS_OF_THE_GRAMMAR
    parts = sorted({part for each in ids for part in each.split("/") if not part.isdecimal()})
    meant = {get_close_matches(word, parts, 1, 0.0)[0] for word in words}
    return nlargest(number, ids, key=lambda each: len(meant.intersection(each.split("/"))))
