"""What a verb shows of a peer that died."""

from __future__ import annotations

import pytest

from tscompat.dotnet_side.errors import PeerDied
from tscompat.values.verdict import Kind
from tscompat.verbs.peer import last_words


@pytest.mark.parametrize(
    ("kind", "detail", "log", "words"),
    [
        (
            Kind.TIMEOUT,
            "no answer before the deadline",
            "",
            "no answer before the deadline: it does not end, or waits for something that does not come",
        ),
        (
            Kind.CRASH,
            "the peer died with exit code 3",
            "",
            "its process died with exit code 3, as after Environment.Exit",
        ),
        (
            Kind.CRASH,
            "the peer died with signal SIGABRT",
            "Stack overflow.\n\n----\n   at A.B()\n   at A.C()\n   at A.D()",
            "its process died with signal SIGABRT: Stack overflow. at A.B() at A.C()",
        ),
        (Kind.MEMORY, "the peer took more than 9 MiB", "", "its process took more than 9 MiB"),
    ],
)
def test_how_it_died(kind: Kind, detail: str, log: str, words: str) -> None:
    assert last_words(PeerDied(kind, detail, log)) == words
