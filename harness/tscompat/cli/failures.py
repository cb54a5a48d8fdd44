"""What ``tscompat gate`` shows and keeps of failures. May import golden."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from tscompat.golden.gate import Finding

SHOWN = 20
ALL, UNEXPECTED = "failures.txt", "unexpected"
"""In the output folder: all failures, and the files that were written otherwise, each under its golden path."""


class Failures:
    """The failures of a gate: all are kept in the output folder, the first are shown too."""

    def __init__(self, out: Path, again: Callable[[str], str]) -> None:
        """Removes what an earlier gate has kept there. ``again`` makes the command that looks at one golden file."""
        self._out = out
        self._again = again
        self.count = 0
        self.shown: list[str] = []
        """The sentences of those that were shown."""
        (out / ALL).unlink(missing_ok=True)
        shutil.rmtree(out / UNEXPECTED, ignore_errors=True)

    def add(self, sentence: str, name: str, *files: tuple[str, Path]) -> None:
        """Keep a failure at the golden file ``name``, with files and what each is."""
        self.count += 1
        shown = [f"    {what}: {file}" for what, file in files]
        lines = [sentence, *shown, f"    again: {self._again(name)}"]
        self._out.mkdir(parents=True, exist_ok=True)
        with (self._out / ALL).open("a", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        if self.count <= SHOWN:
            self.shown.append(sentence)
            typer.echo("\n".join(lines))

    def found(self, finding: Finding) -> None:
        """Keep a failed finding, and the file that was written."""
        golden, files = finding.golden, list[tuple[str, Path]]()
        if finding.written:
            kept = self._out / UNEXPECTED / golden.name
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(finding.written, kept)
            files.append(("written", kept))
        files.append(("golden", golden.path))
        words = finding.verdict.detail or finding.judgement.reason
        self.add(f"{golden.name}, {finding.what}: {finding.verdict.kind}: {words}", golden.name, *files)

    def end(self) -> None:
        """Show how many were not shown, and where all of them are."""
        if self.count > SHOWN:
            typer.echo(f"… and {self.count - SHOWN} more")
        if self.count:
            typer.echo(f"all failures: {self._out / ALL}")
