"""Prints the results at the end of a run, for a terminal of any width, with or without colour. May import verdicts."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tscompat.verdicts.divergences import Outcome

from .file import Results, Timing
from .record import Record

SHOWN_FAILURES = 10
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


def show(results: Results, console: Console) -> None:
    """Print the counts (of all verdicts, the architectures, the layers), the failures, the known divergences, what was
    not run, another TorchSharp.dll, upstream's scripts, the times, the run's problems, and the sums.
    """
    by_outcome: dict[Outcome, list[Record]] = {outcome: [] for outcome in LOOKS}
    for record in results.verdicts:
        by_outcome[record.outcome].append(record)

    _show_counts([(row, record) for record in results.verdicts for row in (record.dtype, ALL)], console)
    _show_modules(results.verdicts, console)
    if results.verdicts:
        legend = ", ".join(f"{mark.strip() or 'no mark'}: {words}" for mark, _, words in LOOKS.values())
        console.print(Text(f"({legend})\n", DIM))
    _show_failures(by_outcome[Outcome.FAILED], console)
    divergences = [f"{r.divergence}: {first_sentence(r.reason)}" for r in by_outcome[Outcome.DIVERGENCE]]
    _show_groups("Known divergences", divergences, console)
    _show_assumed(results.verdicts, console)
    _show_groups("Not run", [r.detail for r in by_outcome[Outcome.NOT_RUN]], console)
    for environment in results.environments.values():
        if environment.torchsharp and environment.dotnet and environment.dotnet.torchsharp_dll:
            found = f"{environment.dotnet.torchsharp_dll} (--torchsharp-dll), {environment.torchsharp.sha256}"
            console.print(f"TorchSharp.dll is {found}", highlight=False, soft_wrap=True)
        if environment.libtorch and environment.dotnet and environment.dotnet.native:
            found = f"that of {environment.dotnet.native} (--native), {environment.libtorchsharp}"
            words = f"LibTorchSharp is {found}, with libtorch {environment.libtorch.version}"
            console.print(words, highlight=False, soft_wrap=True)
    scripts = [script for environment in results.environments.values() for script in environment.scripts.items()]
    for name, digest in scripts:
        console.print(f"Script {name}.py: {digest}", highlight=False)
    if results.timing:
        console.print(_times(results.timing), highlight=False)
    for problem in results.problems:
        console.print(Text(f"Problem: {problem}", WRONG))
    if not results.complete:
        console.print(Text("Incomplete: the run stopped before its end.", WRONG))
    counts = {outcome: len(records) for outcome, records in by_outcome.items()}
    sums = [
        Text(f"{counts[outcome]} {words}", style if counts[outcome] else "")
        for outcome, (_, style, words) in LOOKS.items()
    ]
    if results.problems:
        number = len(results.problems)
        sums.append(Text(f"{number} problem{'s' if number > 1 else ''}", WRONG))
    console.print(Text(", ").join(sums))


def _show_modules(records: Sequence[Record], console: Console) -> None:
    """Print a table of the architectures, by name, and a line about all layers."""
    families: dict[str, list[Record]] = {"arch": [], "layer": []}
    for record in records:
        families.get(record.case.split("/")[0], []).append(record)
    if families["arch"]:
        console.print(Text("Architectures", TITLE))
        _show_counts([("/".join(record.case.split("/")[1:-1]), record) for record in families["arch"]], console)
    if families["layer"]:
        cases = {outcome: {r.case for r in families["layer"] if r.outcome is outcome} for outcome in LOOKS}
        numbers = [Text(f"{len(set[str]().union(*cases.values()))} cases")]
        for outcome in (Outcome.DIVERGENCE, Outcome.FAILED):
            _, style, words = LOOKS[outcome]
            numbers.append(Text(f"{len(cases[outcome])} with {words}", style if cases[outcome] else ""))
        console.print(Text.assemble(("Layers", TITLE), ": ", Text(", ").join(numbers)), "", sep="\n")


def _show_counts(placed: Sequence[tuple[str, Record]], console: Console) -> None:
    """Print a table of counts: a row for each name in ``placed``, a column for each route."""
    if not placed:
        return
    counts: defaultdict[tuple[str, str], Counter[Outcome]] = defaultdict(Counter)
    for row, record in placed:
        counts[row, record.route][record.outcome] += 1
    rows = sorted({row for row, _ in counts}, key=row_order)
    columns = {route: _cells([counts[row, route] for row in rows]) for route in sorted({route for _, route in counts})}
    for routes in _blocks(columns, console.width - max(map(len, rows)) - _PADDING):
        table = Table("", *routes, box=box.SIMPLE_HEAD, show_edge=False)
        for index, row in enumerate(rows):
            if row == ALL:
                table.add_section()
            table.add_row(row, *(columns[route][index] for route in routes))
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


def _show_failures(failures: Sequence[Record], console: Console) -> None:
    if not failures:
        return
    console.print(Text(f"Failures ({len(failures)})", WRONG))
    for record in failures[:SHOWN_FAILURES]:
        lines = [f"  {record.id}", "    " + ": ".join(filter(None, (record.reason, record.detail)))]
        lines += [f"    kept: {file}" for file in record.files]
        lines += [f"    again: {record.rerun}"] if record.rerun else []
        # soft_wrap leaves long lines to the terminal, so that ids, paths and commands can be copied whole.
        console.print(Text("\n".join(lines)), soft_wrap=True)
    if len(failures) > SHOWN_FAILURES:
        console.print(Text(f"  … and {len(failures) - SHOWN_FAILURES} more in results.json"))
    console.print()


def _show_assumed(records: Sequence[Record], console: Console) -> None:
    """Print what became of the divergences that were assumed to go on, since they name no version of what ran."""
    ids: defaultdict[Outcome, list[str]] = defaultdict(list)
    for record in records:
        if record.assumed and record.divergence:
            ids[record.outcome].append(record.divergence)
    if not ids:
        return
    on, passed = set(ids[Outcome.DIVERGENCE]), ids[Outcome.PASSED]
    new = sum(record.outcome is Outcome.FAILED for record in records)
    words = f"known divergences assumed to go on: {len(on)}, gone: {len(set(passed) - on)}; new failures: {new}"
    console.print(Text.assemble(("New version", TITLE), ": ", words), "", sep="\n")
    _show_groups("Gone", [f"{name}, in part" if name in on else name for name in passed], console)


def _show_groups(title: str, words: Sequence[str], console: Console) -> None:
    """Print each distinct text once, with its count, the most frequent first."""
    if not words:
        return
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right")
    for sentence, count in Counter(words).most_common():
        table.add_row(f"  {count}", Text(sentence))
    console.print(Text(title, TITLE), table, "")


def _times(timing: Timing) -> str:
    cores = "1 core" if timing.cores == 1 else f"{timing.cores} cores"
    ratio = "" if timing.overhead_ratio is None else f", overhead ratio {timing.overhead_ratio:.1f}"
    return (
        f"Time: harness {timing.harness_seconds:.1f} s, TorchSharp {timing.torchsharp_seconds:.1f} s; "
        f"whole run {timing.wall_seconds:.1f} s on {cores}{ratio}"
    )


def first_sentence(words: str) -> str:
    return re.split(r"(?<=[.!?]) ", " ".join(words.split()))[0]


def row_order(row: str) -> tuple[bool, bool, list[str | int]]:
    """A sort key: names with their numbers by value (bf16, bool, c32, c64, c128, …), then ``mixed``, then ``all``."""
    parts = re.split(r"(\d+)", row)
    return row == ALL, row == "mixed", [int(part) if part.isdigit() else part for part in parts]
