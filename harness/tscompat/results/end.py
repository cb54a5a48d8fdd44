"""Prints the end of a run on one screen: whether it is green, and what to know first. May import values, verdicts.

The tables (``table``) and the report have the rest.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tscompat.values.verdict import Kind
from tscompat.verdicts.divergences import Outcome
from tscompat.verdicts.versions import order

from .comparison import DECIDED, Baseline, compare
from .environment import Environment
from .file import Results, Timing
from .record import Difference, Record
from .table import DIM, LOOKS, TITLE, WRONG, Parts, counted, first_sentence, parts_of, show_table, shown_names

SHOWN_FAILURES = 5
SHOWN_KNOWN = 10
SHOWN_REASONS = 5
DANGER = (
    *(Kind.BITS, Kind.ACCEPTED, Kind.DTYPE, Kind.SHAPE, Kind.NAMES, Kind.ORDER),
    *(Kind.CRASH, Kind.TIMEOUT, Kind.MEMORY, Kind.BYTES, Kind.REFUSED),
)
"""What a divergence can be, the most dangerous first: what is wrong without an error (wrong values, then input that
should be refused), what ends the process, files with other bytes, errors."""
SINCE = ("regression", "fixed", "changed", "new")
"""The changes since a baseline that are counted: of what a run leaves out, nothing is known."""


class Against(NamedTuple):
    """What a run is compared with."""

    name: str
    baseline: Baseline


def show_end(results: Results, console: Console, against: Against | None = None) -> None:
    """Print the verdict in a sentence, what is unexpected, what differs from a baseline, the most dangerous of the
    known divergences, what was not run, what was tested in the place of a package, the time, the sums.
    """
    console.print(sentence(results), "", sep="\n")
    names = shown_names(results)
    failures = [record for record in results.verdicts if record.outcome is Outcome.FAILED]
    for record in failures[:SHOWN_FAILURES]:
        # soft_wrap leaves long lines to the terminal, so that ids, paths and commands can be copied whole.
        console.print(Text("\n".join(_unexpected(record, names[record.environment]))), soft_wrap=True)
    if len(failures) > SHOWN_FAILURES:
        console.print(f"… and {len(failures) - SHOWN_FAILURES} more in results.json")
    for problem in results.problems[:SHOWN_FAILURES]:
        console.print(Text(f"problem: {problem}", WRONG), soft_wrap=True)
    if len(results.problems) > SHOWN_FAILURES:
        console.print(
            Text(f"… and {counted(len(results.problems) - SHOWN_FAILURES, 'problem')} more in results.json", WRONG)
        )
    if failures or results.problems:
        console.print()
    if against and len(results.environments) == 1:
        console.print(Text(f"Since {against.name}: {since(results, against.baseline)}"), "", sep="\n", soft_wrap=True)
    parts = parts_of(results)
    for (name, records), environment in zip(parts.items(), results.environments.values(), strict=True):
        _show_assumed(environment, name, records, console)
    _show_known(results.verdicts, console)
    _show_not_run(results.verdicts, console)
    for words in (*replaced(results.environments.values()), *_scripts(results.environments.values())):
        console.print(words, highlight=False, soft_wrap=True)
    if results.timing:
        console.print(times(results.timing), highlight=False)
    _show_sums(parts, len(results.problems), console)


def sentence(results: Results) -> Text:
    """Whether the run is green."""
    sums = Counter(record.outcome for record in results.verdicts)
    failed, known = sums[Outcome.FAILED], sums[Outcome.DIVERGENCE]
    part = f"Shard {results.part.shard}. " if results.part else ""
    decided = sums[Outcome.PASSED] + known + failed
    if not results.complete:
        words = f"The run stopped before its end: {decided} verdicts are decided, {failed} of them are unexpected."
    elif failed:
        words = (
            f"Not as expected: {failed} of {counted(decided, 'verdict')} {'is' if failed == 1 else 'are'} unexpected."
        )
    elif results.problems:
        words = f"Not as expected: the run has {counted(len(results.problems), 'problem')}."
    elif not decided:
        words = "Nothing was decided."
    else:
        faults = f", {known} show a known divergence" if known else ""
        words = f"As expected: of {counted(decided, 'verdict')} {sums[Outcome.PASSED]} passed{faults}."
        return Text(f"{part}{words}", LOOKS[Outcome.PASSED][1])
    return Text(f"{part}{words}", WRONG)


def green(results: Results) -> bool:
    """Whether the run came to its end, decided something, and found nothing unexpected."""
    return sentence(results).style != WRONG


def _unexpected(record: Record, environment: str) -> Iterator[str]:
    yield f"unexpected: {record.id}" + (f" ({environment})" if environment else "")
    yield "  " + ": ".join(filter(None, (record.reason, record.detail)))
    if record.difference:
        yield f"  first difference: {in_words(record.difference)}"
    yield from (f"  kept: {file}" for file in record.files)
    if record.rerun:
        yield f"  again: {record.rerun}"


def in_words(first: Difference) -> str:
    """A first difference as a sentence."""
    where = first.field if first.entry is None else f"{first.entry!r}, {first.field}"
    offset = "" if first.offset is None else f" at byte {first.offset:#x}"
    return f"{where}{offset}: {first.expected} expected, {first.found} found"


def since(results: Results, baseline: Baseline) -> str:
    """What differs from a baseline, in numbers. What was not run is left out."""
    new = Baseline.of(results, "")
    decided = {verdict_id for verdict_id, row in new.verdicts.items() if row.outcome in DECIDED}
    counts = Counter(change.what for change in compare(baseline, new) if change.verdict_id in decided)
    return ", ".join(f"{counts[what]} {what}" for what in SINCE if counts[what]) or "nothing differs"


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
    show_table("Gone", {name: gone}, console)


class Known(NamedTuple):
    """A known divergence, as the verdicts of a run show it."""

    name: str
    kind: Kind
    """The most dangerous kind among its verdicts."""
    number: int
    """How many verdicts show it."""
    cause: str


def known_by_danger(records: Iterable[Record]) -> list[Known]:
    """The known divergences of these records, the most dangerous first."""
    found: dict[str, Known] = {}
    for record in records:
        if record.outcome is Outcome.DIVERGENCE and record.divergence:
            name, kind, number, cause = found.get(
                record.divergence, Known(record.divergence, record.verdict, 0, record.reason)
            )
            found[name] = Known(name, min(kind, record.verdict, key=DANGER.index), number + 1, cause)
    return sorted(found.values(), key=lambda each: (DANGER.index(each.kind), -each.number, each.name))


def _show_known(records: Sequence[Record], console: Console) -> None:
    """Print a line for each of the most dangerous known divergences."""
    ordered = known_by_danger(records)
    if not ordered:
        return
    console.print(Text.assemble(("Known divergences", TITLE), f" ({len(ordered)}), the most dangerous first"))
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(justify="right")
    table.add_column()
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    for name, kind, number, cause in ordered[:SHOWN_KNOWN]:
        table.add_row(f"  {number}", kind, Text(f"{name}: {first_sentence(cause)}"))
    console.print(table)
    if len(ordered) > SHOWN_KNOWN:
        console.print(Text(f"  … and {len(ordered) - SHOWN_KNOWN} more (--tables shows all)", DIM))
    console.print()


def _show_not_run(records: Sequence[Record], console: Console) -> None:
    """Print the most frequent reasons."""
    reasons = Counter(record.detail for record in records if record.outcome is Outcome.NOT_RUN)
    if not reasons:
        return
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right")
    for reason, number in reasons.most_common(SHOWN_REASONS):
        table.add_row(f"  {number}", Text(reason))
    console.print(Text("Not run", TITLE), table)
    if len(reasons) > SHOWN_REASONS:
        console.print(Text(f"  … and {len(reasons) - SHOWN_REASONS} other reasons (--tables shows all)", DIM))
    console.print()


def replaced(environments: Iterable[Environment]) -> Iterator[str]:
    """Sentences on what was tested in the place of a package's."""
    for environment in environments:
        if environment.torchsharp and environment.dotnet and environment.dotnet.torchsharp_dll:
            found = f"{environment.dotnet.torchsharp_dll} (--torchsharp-dll), {environment.torchsharp.sha256}"
            yield f"TorchSharp.dll is {found}"
        if environment.libtorch and environment.dotnet and environment.dotnet.native:
            found = f"that of {environment.dotnet.native} (--native), {environment.libtorchsharp}"
            yield f"LibTorchSharp is {found}, with libtorch {environment.libtorch.version}"


def _scripts(environments: Iterable[Environment]) -> Iterator[str]:
    """Upstream's scripts that ran."""
    every = dict.fromkeys(script for environment in environments for script in environment.scripts.items())
    yield from (f"Script {name}.py: {digest}" for name, digest in every)


def times(timing: Timing) -> str:
    """Where the time went, as a sentence."""
    ratio = "" if timing.overhead_ratio is None else f", overhead ratio {timing.overhead_ratio:.1f}"
    return (
        f"Time: harness {timing.harness_seconds:.1f} s, TorchSharp {timing.torchsharp_seconds:.1f} s; "
        f"whole run {timing.wall_seconds:.1f} s on {counted(timing.cores, 'core')}{ratio}"
    )


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
        lines[-1].append(Text(counted(problems, "problem"), WRONG))
    for name, sums in zip(parts, lines, strict=True):
        console.print(Text.assemble(f"{name}: " if name else "", Text(", ").join(sums)))
