"""The command line that runs a verb again."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tscompat.resources.repeat import SESSION, repeat


@pytest.mark.parametrize(
    ("prefix", "verb", "words"),
    [
        ("/usr", "run", "tscompat run -k 'a b'"),
        ("/usr", "gate", "tscompat gate -k 'a b'"),
        ("/project/.nox/env-3.11", "run", "nox -- -k 'a b'"),
        ("/project/.nox/env-3.11", "gate", "nox -s gate -- -k 'a b'"),
        ("/usr", "report", "tscompat report -k 'a b'"),
        ("/project/.nox/env-3.11", "report", "/python -m tscompat report -k 'a b'"),
    ],
)
def test_what_nox_has_started_nox_starts_again(
    prefix: str, verb: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(Path(prefix)))
    monkeypatch.setattr(sys, "executable", "/python")
    assert repeat(verb, ["-k", "a b"]) == words


def test_each_session_is_one_of_nox() -> None:
    noxfile = (Path(__file__).parents[2] / "noxfile.py").read_text(encoding="utf-8")
    for _, *named in SESSION.values():
        assert named == ["--"] or f"def {named[1]}(" in noxfile
