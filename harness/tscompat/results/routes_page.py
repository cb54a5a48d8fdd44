"""Makes docs/routes.md from records: which route transfers what. May import verdicts.

The page has the routes that transfer values (those with a check ``bits``), with a row for each direction. It leaves out
the checks of the file alone (``bytes``, ``order``) and all devices but the CPU. Its last table counts all verdicts
that it gets.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatch
from typing import NamedTuple

from tscompat.verdicts.divergences import Outcome

from .record import Record
from .table import first_sentence, row_order
from .templates import filled

YES = "yes"
MOST = 0.9
"""A route that passes this share of a need's verdicts transfers "all but a few"."""
NOT_ABOUT_VALUES = ("bytes", "order")
PLAIN = ("pattern", "shape", "count")
"""The families whose tensors have nothing special but their element type."""


class Need(NamedTuple):
    """Something that a person wants to transfer."""

    column: str
    words: str
    cases: str
    """A pattern that the ids of the cases for this need match."""


NEEDS = (
    Need("names", "names in any script, of any length", "name/*"),
    Need("views", "transposed, sliced, channels-last, conjugated", "layout/*"),
    Need("quantized", "quantized tensors with their scale and zero point", "quantized/*"),
    Need("layers", "the layers of torch.nn", "layer/*"),
    Need("models", "architectures: ResNet, GPT, U-Net, ...", "arch/*"),
    Need("tied", "two names of one tensor", "tied/*"),
    Need("nested", "modules in modules", "generated/*"),
    Need("programs", "architectures as TorchScript or exported programs, with their outputs", "program/*"),
    Need("large", "a tensor above 2 GiB, a file above 4 GiB", "large/*"),
    Need("optimizers", "the state of an optimizer", "optim/*"),
)


def routes_page(versions: Mapping[str, str], formats: Mapping[str, str], records: Sequence[Record]) -> str:
    """The page, in Markdown.

    ``versions`` are those of TorchSharp, PyBridge, torch and safetensors, by name. ``formats`` are those of the file
    formats that this torch writes, by the names of ``environment.Formats``.
    """
    names = sorted({record.route for record in records if record.check == "bits"})
    transferred = [
        record
        for record in records
        if record.route in names and record.device == "cpu" and record.check not in NOT_ABOUT_VALUES
    ]
    plain = [record for record in transferred if record.case.split("/")[0] in PLAIN]
    dtypes = sorted({record.dtype for record in plain}, key=row_order)
    wanted = [[record for record in transferred if fnmatch(record.case, need.cases)] for need in NEEDS]
    return filled(
        "routes.md.jinja",
        versions=versions,
        formats=formats,
        dtypes=dtypes,
        needs=NEEDS,
        by_dtype=_rows(names, [[record for record in plain if record.dtype == dtype] for dtype in dtypes]),
        by_need=_rows(names, wanted),
        best=[_best(names, records) for records in wanted],
        counted=_counted(records),
        faults={name: _faults(record for record in transferred if record.route == name) for name in names},
    )


def _counted(records: Iterable[Record]) -> dict[str, dict[str, int]]:
    """How many verdicts there are of each check, by route: a case that is lost shows here."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for record in records:
        counts[record.route][record.check] += 1
    return {route: dict(sorted(counts[route].items())) for route in sorted(counts)}


def _rows(names: Iterable[str], columns: Sequence[Sequence[Record]]) -> list[list[str]]:
    """A row for each route and direction with records: its name, then a word for the records of each column."""
    tables: list[defaultdict[tuple[str, str], set[Outcome]]] = []
    for records in columns:
        outcomes: defaultdict[tuple[str, str], set[Outcome]] = defaultdict(set)
        for record in records:
            outcomes[record.route, record.direction].add(record.outcome)
        tables.append(outcomes)
    return [
        [f"{name} {direction.replace('-', ' ')}", *(_word(outcomes[name, direction]) for outcomes in tables)]
        for name in names
        for direction in ("python-to-dotnet", "dotnet-to-python")
        if any((name, direction) in outcomes for outcomes in tables)
    ]


def _best(names: Iterable[str], records: Sequence[Record]) -> str:
    """Names the routes whose records all passed, in all their directions; if there are none, those with most passed."""
    passed: defaultdict[str, list[bool]] = defaultdict(list)
    for record in records:
        if record.outcome is not Outcome.NOT_RUN:
            passed[record.route].append(record.outcome is Outcome.PASSED)
    whole = [name for name in names if passed[name] and all(passed[name])]
    most = [name for name in names if passed[name] and sum(passed[name]) >= MOST * len(passed[name])]
    if whole or not most:
        return ", ".join(whole) or "no route transfers most of it"
    return f"all but a few by {', '.join(most)}"


def _word(outcomes: set[Outcome]) -> str:
    if outcomes <= {Outcome.NOT_RUN}:
        return "not run" if outcomes else "–"
    if outcomes <= {Outcome.PASSED, Outcome.NOT_RUN}:
        return YES if Outcome.NOT_RUN not in outcomes else "yes, where run"
    return "part" if Outcome.PASSED in outcomes else "no"


def _faults(records: Iterable[Record]) -> dict[str, str]:
    """The first sentence of each divergence's cause, by the name of the divergence."""
    found = {
        record.divergence: first_sentence(record.reason)
        for record in records
        if record.divergence and record.outcome is Outcome.DIVERGENCE
    }
    return dict(sorted(found.items()))
