"""Prints tables of results, for a terminal of any width, with or without colour. May import verdicts."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tscompat.verdicts.divergences import Outcome

from .environment import names_of
from .file import Results
from .record import Record

ALL = "all"
TITLE, WRONG, DIM = "bold", "bold red", "dim"
"""Styles of text."""
_PADDING = 2
"""The width of the spaces around a cell; the next column is one apart."""

# outcome: the mark behind its numbers in the table, its style, its words
LOOKS: dict[Outcome, tuple[str, str, str]] = {
    Outcome.PASSED: (" ", "green", "passed"),
    Outcome.DIVERGENCE: ("d", "yellow", "known divergences"),
    Outcome.FAILED: ("F", WRONG, "failures"),
    Outcome.NOT_RUN: ("n", DIM, "not run"),
}


Parts = Mapping[str, Sequence[Record]]
"""The records of each environment, by its name. The name is empty where there is one environment."""


def show_tables(results: Results, console: Console) -> None:
    """Print the counts (of all verdicts, the architectures, the layers), each known divergence, and each reason why
    verdicts were not run. What several environments have stands side by side.
    """
    parts = parts_of(results)
    if len(parts) > 1:
        placed = [(row, name, record) for name, of in parts.items() for record in of for row in (record.route, ALL)]
    else:
        placed = [(row, record.route, record) for record in results.verdicts for row in (record.dtype, ALL)]
    columns = [*parts] if len(parts) > 1 else sorted({record.route for record in results.verdicts})
    _show_counts(placed, columns, console)
    _show_modules(parts, columns, console)
    if results.verdicts:
        legend = ", ".join(f"{mark.strip() or 'no mark'}: {words}" for mark, _, words in LOOKS.values())
        console.print(Text(f"({legend})\n", DIM))
    _show_groups("Known divergences", parts, _known, console)
    _show_groups("Not run", parts, lambda record: record.detail if record.outcome is Outcome.NOT_RUN else "", console)


def shown_names(results: Results) -> dict[str, str]:
    """The name of each environment, by key; of the only one it is empty."""
    return names_of(results.environments) if len(results.environments) > 1 else dict.fromkeys(results.environments, "")


def parts_of(results: Results) -> Parts:
    """The records of each environment, by its name."""
    return {
        name: [record for record in results.verdicts if record.environment == key]
        for key, name in shown_names(results).items()
    }


def _show_modules(parts: Parts, columns: Sequence[str], console: Console) -> None:
    """Print a table of the architectures, by name, and a line about all layers."""
    families: dict[str, list[tuple[str, Record]]] = {"arch": [], "layer": []}
    for name, records in parts.items():
        for record in records:
            families.get(record.case.split("/")[0], []).append((name, record))
    if families["arch"]:
        console.print(Text("Architectures", TITLE))
        placed = [("/".join(r.case.split("/")[1:-1]), name or r.route, r) for name, r in families["arch"]]
        _show_counts(placed, columns, console)
    for part in parts if families["layer"] else ():
        layers = [record for name, record in families["layer"] if name == part]
        cases = {outcome: {record.case for record in layers if record.outcome is outcome} for outcome in LOOKS}
        numbers = [Text(f"{len(set[str]().union(*cases.values()))} cases")]
        for outcome in (Outcome.DIVERGENCE, Outcome.FAILED):
            _, style, words = LOOKS[outcome]
            numbers.append(Text(f"{len(cases[outcome])} with {words}", style if cases[outcome] else ""))
        title = Text.assemble(("Layers", TITLE), f" ({part})" if part else "", ": ")
        console.print(Text.assemble(title, Text(", ").join(numbers)))
    if families["layer"]:
        console.print()


def _show_counts(placed: Sequence[tuple[str, str, Record]], columns: Sequence[str], console: Console) -> None:
    """Print a table of counts. ``placed`` has each record with the row and the column in which it counts; a column in
    which none counts is left out."""
    if not placed:
        return
    counts: defaultdict[tuple[str, str], Counter[Outcome]] = defaultdict(Counter)
    for row, column, record in placed:
        counts[row, column][record.outcome] += 1
    rows = sorted({row for row, _ in counts}, key=row_order)
    there = {name for _, name in counts}
    cells = {name: _cells([counts[row, name] for row in rows]) for name in columns if name in there}
    for names in _blocks(cells, console.width - max(map(len, rows)) - _PADDING):
        table = Table("", *names, box=box.SIMPLE_HEAD, show_edge=False)
        for index, row in enumerate(rows):
            if row == ALL:
                table.add_section()
            table.add_row(row, *(cells[name][index] for name in names))
        console.print(table)
        console.print()


def _cells(counters: Sequence[Counter[Outcome]]) -> list[Text]:
    """One route's cells, a number for each outcome, aligned. An outcome that no cell has takes no space."""
    widths = {outcome: max(len(str(counter[outcome])) for counter in counters) for outcome in LOOKS}
    occurring = [outcome for outcome in LOOKS if any(counter[outcome] for counter in counters)]

    def number(outcome: Outcome, count: int) -> Text:
        mark, style, _ = LOOKS[outcome]
        return Text((f"{count}{mark}" if count else "").rjust(widths[outcome] + 1), style)

    return [Text(" ").join(number(outcome, counter[outcome]) for outcome in occurring) for counter in counters]


def _blocks(columns: dict[str, list[Text]], width: int) -> Iterator[list[str]]:
    """Split the routes into blocks, each with as many as fit side by side into ``width`` characters."""
    block: list[str] = []
    used = 0
    for route, cells in columns.items():
        needed = max(len(route), len(cells[0])) + _PADDING + 1
        if block and used + needed > width:
            yield block
            block, used = [], 0
        block.append(route)
        used += needed
    if block:
        yield block


def _known(record: Record) -> str:
    if record.outcome is not Outcome.DIVERGENCE:
        return ""
    return f"{record.divergence}: {first_sentence(record.reason)}"


def _show_groups(title: str, parts: Parts, words: Callable[[Record], str], console: Console) -> None:
    """Print each distinct text that records have once, with its count in each environment."""
    show_table(title, {name: Counter(filter(None, map(words, records))) for name, records in parts.items()}, console)


def show_table(title: str, counts: Mapping[str, Counter[str]], console: Console) -> None:
    """Print each text with its counts, the most frequent first."""
    total = sum(counts.values(), Counter[str]())
    if not total:
        return
    table = Table.grid(padding=(0, 2))
    for _ in counts:
        table.add_column(justify="right")
    if len(counts) > 1:
        table.add_row(*(Text(f"  {name}", DIM) for name in counts))
    for sentence, _ in total.most_common():
        table.add_row(*(f"  {counter[sentence]}" for counter in counts.values()), Text(sentence))
    console.print(Text(title, TITLE), table, "")


def counted(number: int, thing: str) -> str:
    """``1 verdict``, ``2 verdicts``."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def first_sentence(words: str) -> str:
    return re.split(r"(?<=[.!?]) ", " ".join(words.split()))[0]


def row_order(row: str) -> tuple[bool, bool, list[str | int]]:
    """A sort key: names with their numbers by value (bf16, bool, c32, c64, c128, …), then ``mixed``, then ``all``."""
    parts = re.split(r"(\d+)", row)
    return row == ALL, row == "mixed", [int(part) if part.isdigit() else part for part in parts]
