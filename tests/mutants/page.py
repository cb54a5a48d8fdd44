"""The section ``Mutants`` of docs/proof.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from proof import table

from .mutant import FATES, NO_TEST, Mutant
from .rooms import BEHIND_THE_PEER, ROOMS, SLOW

LEAST = 95
"""How many of a hundred mutants must be seen."""


def counted(mutants: Sequence[Mutant]) -> list[Mutant]:
    """The mutants that tests without .NET must see."""
    return [mutant for mutant in mutants if mutant.fate != NO_TEST or _room(mutant) not in BEHIND_THE_PEER]


def share(mutants: Sequence[Mutant]) -> float:
    """How many of a hundred are seen."""
    return 100 * sum(mutant.seen for mutant in mutants) / len(mutants) if mutants else 100.0


def page(mutants: Sequence[Mutant], reasons: Mapping[str, str], minutes: float, versions: str) -> str:
    """The section, in Markdown."""
    counting = counted(mutants)
    survivors = [mutant for mutant in counting if not mutant.seen]
    lines = [
        f"`nox -s mutants` on {datetime.now(UTC):%Y-%m-%d}, {minutes:.0f} minutes: {len(counting)} mutants of the code",
        f"that judges, {share(counting):.1f} % seen by the tests of their own room, without .NET.",
        f"{versions}.",
        "",
        "A mutant is a function with one change. It is *killed* by a test that fails; one whose tests do not end",
        "(*timeout*) or whose process ends (*died*) is seen as well. *No test* reaches its function: it survives,",
        f"except in {', '.join(f'`{room}/`' for room in sorted(BEHIND_THE_PEER))}, where it needs .NET and counts for",
        "nothing. mutmut changes no function with a decorator and no code outside functions. Tests that are left out",
        f"because they are slow: {'; '.join(f'`{name}` ({why})' for name, why in SLOW.items())}.",
        "",
        *_table("room", [(f"**{room}**", _of(room, mutants)) for room in ROOMS] + [("**all**", list(mutants))]),
        "",
        *_table("file", [(file, [m for m in mutants if m.file == file]) for file in _files(survivors)]),
        "",
        "What survives, and why:",
        *_reasons(survivors, reasons),
    ]
    return "\n".join(lines)


def _table(title: str, rows: Sequence[tuple[str, list[Mutant]]]) -> Iterator[str]:
    return table((title, "mutants", *FATES, "seen %"), (_cells(name, mutants) for name, mutants in rows))


def _cells(name: str, mutants: Sequence[Mutant]) -> tuple[str, ...]:
    fates = Counter(mutant.fate for mutant in mutants)
    return name, str(len(mutants)), *(str(fates[fate]) for fate in FATES), f"{share(counted(mutants)):.1f}"


def _reasons(survivors: Sequence[Mutant], reasons: Mapping[str, str]) -> Iterator[str]:
    by_reason: dict[str, list[Mutant]] = {}
    for mutant in survivors:
        by_reason.setdefault(reasons.get(mutant.key, "**no reason**"), []).append(mutant)
    for why, those in by_reason.items():
        yield from ("", why, "")
        yield from (f"* {times} {_code(key)}" for key, times in Counter(mutant.key for mutant in those).items())


def _code(text: str) -> str:
    """A span of code, in which there may be backticks."""
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}"


def _files(mutants: Sequence[Mutant]) -> list[str]:
    return list(dict.fromkeys(mutant.file for mutant in mutants))


def _of(room: str, mutants: Sequence[Mutant]) -> list[Mutant]:
    return [mutant for mutant in mutants if _room(mutant) == room]


def _room(mutant: Mutant) -> str:
    return next(room for room in ROOMS if mutant.file.startswith(f"{room}/"))
