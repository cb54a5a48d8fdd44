"""Prints the results at the end of a run, for a terminal of any width, with or without colour. May import verdicts."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tscompat.verdicts.divergences import Outcome
from tscompat.verdicts.versions import order

from .environment import Environment, names_of
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


Parts = Mapping[str, Sequence[Record]]
"""The records of each environment, by its name. The name is empty where there is one environment."""


def show(results: Results, console: Console) -> None:
    """Print the counts (of all verdicts, the architectures, the layers), the failures, the known divergences, what was
    not run, another TorchSharp.dll, upstream's scripts, the times, the run's problems, and the sums. What several
    environments have stands side by side.
    """
    names = names_of(results.environments) if len(results.environments) > 1 else dict.fromkeys(results.environments, "")
    parts = {name: [record for record in results.verdicts if record.environment == key] for key, name in names.items()}
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
    _show_failures(results.verdicts, names, console)
    _show_groups("Known divergences", parts, _known, console)
    for key, name in names.items():
        _show_assumed(results.environments[key], name, parts[name], console)
    _show_groups("Not run", parts, lambda record: record.detail if record.outcome is Outcome.NOT_RUN else "", console)
    for environment in results.environments.values():
        if environment.torchsharp and environment.dotnet and environment.dotnet.torchsharp_dll:
            found = f"{environment.dotnet.torchsharp_dll} (--torchsharp-dll), {environment.torchsharp.sha256}"
            console.print(f"TorchSharp.dll is {found}", highlight=False, soft_wrap=True)
        if environment.libtorch and environment.dotnet and environment.dotnet.native:
            found = f"that of {environment.dotnet.native} (--native), {environment.libtorchsharp}"
            words = f"LibTorchSharp is {found}, with libtorch {environment.libtorch.version}"
            console.print(words, highlight=False, soft_wrap=True)
    scripts = {script: None for environment in results.environments.values() for script in environment.scripts.items()}
    for name, digest in scripts:
        console.print(f"Script {name}.py: {digest}", highlight=False)
    if results.timing:
        console.print(_times(results.timing), highlight=False)
    for problem in results.problems:
        console.print(Text(f"Problem: {problem}", WRONG))
    if not results.complete:
        console.print(Text("Incomplete: the run stopped before its end.", WRONG))
    _show_sums(parts, len(results.problems), console)


def _show_sums(parts: Parts, problems: int, console: Console) -> None:
    """Print a line of numbers for each environment. The last has the number of problems of all."""
    lines: list[list[Text]] = []
    for records in parts.values():
        counts = Counter(record.outcome for record in records)
        lines.append(
            [
                Text(f"{counts[outcome]} {words}", style if counts[outcome] else "")
                for outcome, (_, style, words) in LOOKS.items()
            ]
        )
    if problems:
        lines[-1].append(Text(f"{problems} problem{'s' if problems > 1 else ''}", WRONG))
    for name, sums in zip(parts, lines, strict=True):
        console.print(Text.assemble(f"{name}: " if name else "", Text(", ").join(sums)))


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


def _show_failures(records: Sequence[Record], names: Mapping[str, str], console: Console) -> None:
    """``names`` has those of the environments, by key."""
    failures = [record for record in records if record.outcome is Outcome.FAILED]
    if not failures:
        return
    console.print(Text(f"Failures ({len(failures)})", WRONG))
    for record in failures[:SHOWN_FAILURES]:
        of = names[record.environment]
        lines = [f"  {record.id}" + (f" ({of})" if of else "")]
        lines += ["    " + ": ".join(filter(None, (record.reason, record.detail)))]
        lines += [f"    kept: {file}" for file in record.files]
        lines += [f"    again: {record.rerun}"] if record.rerun else []
        # soft_wrap leaves long lines to the terminal, so that ids, paths and commands can be copied whole.
        console.print(Text("\n".join(lines)), soft_wrap=True)
    if len(failures) > SHOWN_FAILURES:
        console.print(Text(f"  … and {len(failures) - SHOWN_FAILURES} more in results.json"))
    console.print()


def _show_assumed(environment: Environment, name: str, records: Sequence[Record], console: Console) -> None:
    """Print what became of the divergences that were assumed to go on, since they name no version of what ran."""
    ids: defaultdict[Outcome, list[str]] = defaultdict(list)
    for record in records:
        if record.assumed and record.divergence:
            ids[record.outcome].append(record.divergence)
    if not ids:
        return
    on, passed = set(ids[Outcome.DIVERGENCE]), ids[Outcome.PASSED]
    new = sum(record.outcome is Outcome.FAILED for record in records)
    running = dict(each.split() for each in environment.running)
    known = sorted(each.split() for each in {record.assumed for record in records if record.assumed})
    older = [order(running[package]) < order(version) for package, version in known]
    title = "Older version" if all(older) else "Other versions" if any(older) else "New version"
    versions = ", ".join(
        f"{package} {running[package]} {'before' if before else 'after'} {version}"
        for (package, version), before in zip(known, older, strict=True)
    )
    words = ", ".join(
        f"{number} {one if number == 1 else many}"
        for number, one, many in (
            (len(on), "known divergence is assumed to go on", "known divergences are assumed to go on"),
            (len(set(passed) - on), "is gone", "are gone"),
            (new, "failure is new", "failures are new"),
        )
    )
    console.print(Text.assemble((title, TITLE), f" ({versions}): {words}"), "", sep="\n", soft_wrap=True)
    gone = Counter(f"{each}, in part" if each in on else each for each in passed)
    _show_table("Gone", {name: gone}, console)


def _known(record: Record) -> str:
    if record.outcome is not Outcome.DIVERGENCE:
        return ""
    return f"{record.divergence}: {first_sentence(record.reason)}"


def _show_groups(title: str, parts: Parts, words: Callable[[Record], str], console: Console) -> None:
    """Print each distinct text that records have once, with its count in each environment."""
    _show_table(title, {name: Counter(filter(None, map(words, records))) for name, records in parts.items()}, console)


def _show_table(title: str, counts: Mapping[str, Counter[str]], console: Console) -> None:
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
