"""The session's exit code, and when it writes docs/proof.md."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sensitivity import __main__ as session
from sensitivity.__main__ import main

CASE = "layer/linear/default/f32"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The titles of the sections that are written; docs/proof.md stays as it is."""
    titles: list[str] = []

    def write(title: str, text: str) -> None:
        titles.append(title)

    def by_default() -> list[str]:
        return [CASE]

    monkeypatch.setattr(session, "write_section", write)
    monkeypatch.setattr(session, "of_a_default_run", by_default)
    return titles


def test_a_pattern_measures_and_writes_nothing(written: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["layer/linear/d*/f32"]) == 0
    assert written == []
    assert capfd.readouterr().out.startswith(f"{CASE}: 2 of 2 seen; Python at 0.")


def test_a_problem_fails_the_session_and_stands_in_docs(written: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def problems(*_: object) -> Iterator[str]:
        yield "a problem"

    monkeypatch.setattr(session, "problems", problems)
    assert main([]) == 1
    assert written == ["Sensitivity"]


def test_a_pattern_that_matches_nothing_is_an_error(written: list[str]) -> None:
    assert main(["layer/linear"]) == 2
