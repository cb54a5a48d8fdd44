"""``-k`` selects the same verdict ids, before there are items, as pytest selects among the items."""

from __future__ import annotations

from pathlib import Path

import pytest
from _pytest.mark import KeywordMatcher
from _pytest.mark.expression import Expression
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tscompat.catalogue import load_catalogue
from tscompat.matrix import hooks
from tscompat.matrix.keyword import WORDS_OF_THE_GRAMMAR, item_name, keyword, nearest
from tscompat.routes import verdict_ids

IDS = [str(each) for each in verdict_ids(load_catalogue())]
BITS = "dat/python-to-dotnet/cpu/pattern/identity/bf16/bits"
SOME = [BITS, *IDS[::1000]]


@st.composite
def words(draw: st.DrawFn) -> str:
    """A piece of the name of some item, in lower or upper case, that is no operator: "or" is in "order"."""
    name = item_name(draw(st.sampled_from(SOME)))
    start = draw(st.integers(0, len(name) - 1))
    word = name[start : draw(st.integers(start + 1, len(name)))]
    assume(word not in WORDS_OF_THE_GRAMMAR)
    return word if draw(st.booleans()) else word.upper()


EXPRESSIONS = st.recursive(
    words() | st.sampled_from(["test_matrix", "tests", "matrix.py", "session", "no-such-case"]),
    lambda inner: st.one_of(
        inner.map("not {}".format),
        inner.map("({})".format),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join),
    ),
    max_leaves=5,
)


class Collected:
    """A plugin that keeps what pytest has collected."""

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.items = {item.name[13:-1]: item for item in session.items}


@pytest.fixture(scope="module")
def items() -> dict[str, pytest.Item]:
    """A few items of a real run that was collected without ``-k``, by verdict id."""
    matrix, collected = Path(hooks.__file__).parent, Collected()
    options = ("-c", str(matrix / "pytest.ini"), "--rootdir", str(matrix), "--collect-only", "-p", "no:terminal")
    pytest.main(
        [*options, "--tscompat-route=dat", "--tscompat-device=cpu", str(matrix / "test_matrix.py")], [collected]
    )
    return {each: collected.items[each] for each in [BITS, *list(collected.items)[::40]]}


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(expression=EXPRESSIONS)
def test_it_is_what_pytest_selects(items: dict[str, pytest.Item], expression: str) -> None:
    by_pytest = Expression.compile(expression)
    selected = [each for each, item in items.items() if by_pytest.evaluate(KeywordMatcher.from_item(item))]
    assert list(filter(keyword(expression), items)) == selected


def test_no_expression_selects_everything() -> None:
    assert list(filter(keyword(" "), SOME)) == SOME


def test_a_wrong_expression_is_refused_in_the_words_of_pytest() -> None:
    with pytest.raises(pytest.UsageError, match="Wrong expression passed to '-k': a or 'b'"):
        keyword("a or 'b'")


@pytest.mark.parametrize(
    ("expression", "meant"),
    [
        (BITS.replace("identity", "identty"), BITS),
        ("quantiser", "/quantizer"),
        ("tronsposed/bf17", "/transposed/bf16/"),
        ("c31 and optim", "/c32/"),
    ],
)
def test_the_nearest_id_is_what_was_meant(expression: str, meant: str) -> None:
    assert meant in nearest(expression, IDS)[0]


def test_three_ids_are_near() -> None:
    assert len(nearest("identty", IDS)) == 3
