"""Makes the page: one HTML file that needs nothing else. May import verdicts, results.

Its parts lie in ``page/``. The script's files share one scope, in the order of ``SCRIPTS``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from tscompat.results.comparison import ran_on
from tscompat.results.end import Against, green, replaced, sentence, times
from tscompat.results.environment import Environment, facts_of
from tscompat.results.file import Results
from tscompat.results.table import LOOKS, shown_names
from tscompat.results.templates import filled
from tscompat.verdicts.divergences import Outcome

from .data import Data, packed

PARTS = Path(__file__).with_name("page")
SCRIPTS = ("data.js", "elements.js", "map.js", "verdict.js", "start.js")
SECTIONS = {
    "failures": "Failures",
    "changes": "Changes",
    "faults": "Known divergences",
    "reasons": "Not run",
    "verdicts": "Verdicts",
    "time": "Time",
    "environment": "Environment",
}


def page(results: Results, data: Data, against: Against | None = None) -> str:
    """The page of results. ``against`` is the run that they are compared with."""
    sums = Counter(record.outcome for record in results.verdicts)
    names = shown_names(results)
    words = sentence(results).plain
    there = {"failures": sums[Outcome.FAILED], "changes": against}
    return filled(
        "page.html.jinja",
        PARTS,
        title=f"torchsharp-compat: {words}",
        sentence=words,
        color="green" if green(results) else "red",
        sums=[(outcome.value, sums[outcome], look[2]) for outcome, look in LOOKS.items()],
        ran_on="; ".join(", ".join(facts_of(each)) for each in results.environments.values()),
        started=_time(results.started),
        finished=results.finished and _time(results.finished),
        problems=results.problems,
        replaced=list(replaced(results.environments.values())),
        against=against,
        ran_on_now="; ".join(map(ran_on, results.environments.values())),
        failures=sums[Outcome.FAILED],
        sections=[(name, words) for name, words in SECTIONS.items() if there.get(name, True)],
        time=times(results.timing) if results.timing else "The run has not come to its end.",
        environments=[names[key] or "this run" for key in results.environments],
        facts=list(_facts(list(results.environments.values()))),
        version=next(iter(results.environments.values())).tscompat,
        style=(PARTS / "page.css").read_text(encoding="utf-8"),
        script="".join((PARTS / name).read_text(encoding="utf-8") for name in SCRIPTS),
        data=packed(data),
    )


def _time(instant: str) -> str:
    return instant[:16].replace("T", " ")


def _facts(environments: list[Environment]) -> Iterator[tuple[str, list[str]]]:
    """Each field of the environments, with its value in each."""
    flat = [dict(_flat(msgspec.to_builtins(each))) for each in environments]
    for fact in dict.fromkeys(fact for each in flat for fact in each):
        yield fact, [each.get(fact, "none") for each in flat]


def _flat(fields: dict[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name} ")  # pyright: ignore[reportUnknownArgumentType]
        else:
            yield f"{before}{name}".replace("_", " "), "none" if value is None else str(value)
