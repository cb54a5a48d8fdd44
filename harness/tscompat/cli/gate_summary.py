"""The outcome of ``tscompat gate`` as Markdown, for the summary of a job on GitHub. May import resources,
results, verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tscompat.resources.whole import write_whole
from tscompat.results.table import LOOKS, counted
from tscompat.verdicts.divergences import Outcome

FENCE = "`" * 8
"""Around sentences that may have any text in them, as the names of entries."""


class Summary:
    """What each reader and writer did with the golden files, counted."""

    def __init__(self) -> None:
        self.counts: Counter[Outcome] = Counter()
        self.running: Sequence[str] = ()
        """What ran, with versions."""
        self._rows: dict[str, Counter[Outcome]] = {}

    def add(self, what: str, outcome: Outcome) -> None:
        """Count an outcome of a reader or writer: ``read by TorchSharp (dat-stream)``."""
        self.counts[outcome] += 1
        self._rows.setdefault(what, Counter())[outcome] += 1

    def write(self, path: Path, failures: Sequence[str], could_not_run: str = "") -> None:
        """Write the outcome, with sentences of failures, or the reason why there is none. Raises OSError."""
        failed = self.counts[Outcome.FAILED]
        verdict = f"Incompatible: {counted(failed, 'failure')}" if failed else "Compatible"
        lines = [f"### {'Could not run' if could_not_run else verdict}", ""]
        if could_not_run:
            lines += _fenced([could_not_run])
        if self._rows:
            lines += self._table()
        if self.running:
            lines += [", ".join(f"`{name}`" for name in self.running), ""]
        if failures:
            more = failed - len(failures)
            lines += [*_fenced(failures), *([f"… and {more} more", ""] if more > 0 else [])]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, ("\n".join(lines).encode(errors="backslashreplace"),))

    def _table(self) -> list[str]:
        rows = {"all": self.counts, **dict(sorted(self._rows.items()))}
        return [
            f"| | {' | '.join(words for _, _, words in LOOKS.values())} |",
            f"|---|{'---:|' * len(LOOKS)}",
            *(
                f"| {what} | {' | '.join(str(counts[outcome] or '') for outcome in LOOKS)} |"
                for what, counts in rows.items()
            ),
            "",
        ]


def _fenced(sentences: Sequence[str]) -> list[str]:
    return [FENCE, *sentences, FENCE, ""]
