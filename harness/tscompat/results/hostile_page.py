"""Makes docs/hostile.md from records: how readers meet files that break the format. May import values, verdicts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tscompat.values.verdict import Kind

from .record import Record
from .table import first_sentence
from .templates import filled

PREFIX = "hostile-"
"""How the names of the routes of hostile files begin."""


class Danger(NamedTuple):
    """How dangerous it is what a reader does."""

    words: str
    kinds: tuple[Kind, ...]
    """The kinds of the check ``refusal`` that show it."""


DANGERS = (
    Danger("taken, wrong", (Kind.ACCEPTED,)),
    Danger("half loaded", (Kind.BITS,)),
    Danger("process gone", (Kind.CRASH, Kind.TIMEOUT)),
    Danger("memory", (Kind.MEMORY,)),
    Danger("unclear error", (Kind.REFUSED,)),
    Danger("taken, right", (Kind.BYTES,)),
    Danger("refused", (Kind.PASS,)),
)
"""The most dangerous first."""


def hostile_page(versions: Mapping[str, str], records: Sequence[Record]) -> str:
    """The page, in Markdown. ``versions`` has those of TorchSharp and TorchSharp.PyBridge."""
    hostile = [record for record in records if record.route.startswith(PREFIX)]
    counts: defaultdict[tuple[str, str], Counter[Kind]] = defaultdict(Counter)
    for record in hostile:
        if record.check == "refusal":
            counts[record.route, record.case.split("/")[2]][record.verdict] += 1
    faults: defaultdict[str, Counter[str]] = defaultdict(Counter)
    causes: dict[str, str] = {}
    for record in hostile:
        if record.divergence:
            danger = next(each.words for each in DANGERS if record.verdict in each.kinds)
            faults[record.divergence]["next load" if record.check == "after" else danger] += 1
            causes[record.divergence] = first_sentence(record.reason)
    order = ["taken, wrong", "half loaded", "process gone", "next load", *(each.words for each in DANGERS[3:])]
    return filled(
        "hostile.md.jinja",
        version=versions["TorchSharp"],
        bridge=versions["TorchSharp.PyBridge"],
        files=len({record.case for record in hostile}),
        dangers=[each.words for each in DANGERS],
        rows=[[*key, *_row(kinds)] for key, kinds in sorted(counts.items())],
        totals=[[route, *_row(kinds)] for route, kinds in _by_route(counts).items()],
        faults=[
            (name, {words: found[words] for words in order if found[words]}, causes[name])
            for name, found in sorted(faults.items(), key=lambda each: [-each[1][words] for words in order])
        ],
    )


def _by_route(counts: Mapping[tuple[str, str], Counter[Kind]]) -> Mapping[str, Counter[Kind]]:
    routes: defaultdict[str, Counter[Kind]] = defaultdict(Counter)
    for (route, _), kinds in sorted(counts.items()):
        routes[route] += kinds
    return routes


def _row(kinds: Counter[Kind]) -> list[str]:
    return [str(sum(kinds[kind] for kind in each.kinds) or "") for each in DANGERS]
