"""The id of a verdict, and what compares it with a prediction."""

import pytest

from tscompat.values.verdict import PASS, Kind, Verdict, VerdictId

TEXT = "dat/python-to-dotnet/cpu/layout/source/transposed/bf16/bits"


def test_case_keeps_its_slashes() -> None:
    assert VerdictId.parse(TEXT) == VerdictId("dat", "python-to-dotnet", "cpu", "layout/source/transposed/bf16", "bits")


def test_prints_what_was_parsed() -> None:
    assert str(VerdictId.parse(TEXT)) == TEXT


def test_a_case_of_one_part_is_enough() -> None:
    assert VerdictId.parse("a/b/c/d/e").case == "d"


def test_fewer_than_five_parts_are_refused() -> None:
    with pytest.raises(ValueError, match=r"'dat/cpu/f32/bits' is not a verdict id: expected route/direction"):
        VerdictId.parse("dat/cpu/f32/bits")


def test_kinds_are_the_published_words() -> None:
    words = "pass bits bytes dtype shape names order refused accepted crash timeout memory not-run"
    assert [kind.value for kind in Kind] == words.split()


def test_a_verdict_that_compared_something_knows_whether_it_is_as_predicted() -> None:
    verdict = Verdict(Kind.BITS, "why").comparing(lambda predicts: list(predicts) == ["a fault"])
    assert verdict == Verdict(Kind.BITS, "why")
    assert verdict.as_predicted is not None
    assert (verdict.as_predicted(["a fault"]), verdict.as_predicted([])) == (True, False)


def test_a_pass_predicts_nothing() -> None:
    assert PASS.comparing(lambda predicts: True).as_predicted is None
