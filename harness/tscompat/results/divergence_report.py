"""Makes the report of a known divergence, in Markdown, as it can be filed upstream. May import values, verdicts."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Mapping

from tscompat.values.verdict import Kind
from tscompat.verdicts.coverage import Covered
from tscompat.verdicts.entries import BEFORE, Entry

from .table import first_sentence
from .templates import filled

EXPECTED: Mapping[Kind, str] = {
    Kind.BITS: "The values are equal on both sides (outputs: within the rounding of their dtype).",
    Kind.BYTES: "The file has the bytes that its format defines, and the other side reads it.",
    Kind.DTYPE: "The element types are equal on both sides.",
    Kind.SHAPE: "The shapes are equal on both sides.",
    Kind.NAMES: "Both sides have the same entries.",
    Kind.ORDER: "The entries are in the order of PyTorch's state dict.",
    Kind.REFUSED: "No exception, as in PyTorch.",
    Kind.ACCEPTED: "An exception, as in PyTorch.",
    Kind.CRASH: "An exception at most: the process goes on.",
    Kind.TIMEOUT: "It comes to an end.",
    Kind.MEMORY: "It takes memory for what it loads.",
}
"""What is expected instead of a verdict of each kind."""


def divergence_report(name: str, entry: Entry, covered: Covered, versions: Mapping[str, str]) -> str:
    """The report of the entry of this name. ``versions`` are those of all packages that entries name."""
    routes: Counter[str] = Counter()
    for row in covered.get(name, ()):
        routes.update(row.routes)
    return filled(
        "divergence.md.jinja",
        title=first_sentence(entry.cause).rstrip("."),
        name=name,
        entry=entry,
        expected=[EXPECTED[kind] for kind in dict.fromkeys(each.kind for each in entry.expect)],
        pieces=[(language, BEFORE[language] + code.strip()) for language, code in entry.reproduction.pieces],
        routes=sorted(routes.items()),
        versions={package: version for package, version in versions.items() if "sha256" not in version},
        system=platform.platform(),
    )
