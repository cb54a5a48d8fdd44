"""Runs the matrix with several versions of TorchSharp, one after the other. May import dotnet_side, results.

Each run is a process of its own and writes into a folder of its own, below the output folder. After each, the results
of all that have run are written there as one file.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

import pytest
import typer

from tscompat.dotnet_side.build import Versions
from tscompat.results.file import load_results, save_results
from tscompat.results.lock import lock
from tscompat.results.merge import Piece, merge
from tscompat.results.record import UNEXPECTED

INTERRUPTED = 130
ENDED_BY = {-signal.SIGINT: INTERRUPTED, -signal.SIGTERM: INTERRUPTED}
"""The exit code of a process that one of these signals has ended before pytest had begun."""
_ONE_FILE = ("--junitxml", "--junit-xml")


def run_each(versions: Sequence[Versions], out: Path, arguments: Callable[[Path, Versions], list[str]]) -> list[int]:
    """Run the matrix with each of these versions. Returns pytest's exit codes; Ctrl-C ends them.

    ``arguments`` makes pytest's arguments for an output folder and versions. What ran is kept, and so is what ran after
    a version that could not. Raises FolderInUse, and OSError where the folder cannot be written to.
    """
    held = lock(out)
    try:
        shutil.rmtree(out / UNEXPECTED, ignore_errors=True)
        (out / "results.json").unlink(missing_ok=True)
        codes: list[int] = []
        pieces: list[Piece] = []
        missing = [str(each.torchsharp) for each in versions]
        for each in versions:
            version = str(each.torchsharp)
            typer.echo(f"TorchSharp {version}, in {out / version}")
            results = out / version / "results.json"
            before = written(results)
            codes.append(_wait([sys.executable, "-m", "tscompat.matrix", *arguments(out / version, each)]))
            if has_results(codes[-1], results, before):
                pieces.append(Piece(version, version, load_results(results)))
                missing.remove(version)
            if pieces:
                ended = "it could not run, or the run ended before it"
                problems = [f"found no results of TorchSharp {each}: {ended}" for each in missing]
                save_results(merge(pieces, problems), out / "results.json")
            if codes[-1] == INTERRUPTED:
                break
        return codes
    finally:
        held.release()


def written(file: Path) -> int:
    """When a file was written last; 0 if it is not there."""
    return file.stat().st_mtime_ns if file.exists() else 0


def has_results(code: int, results: Path, before: int) -> bool:
    """Whether a run that ended with this code has written its results; ``before`` is when they were written before it.

    A run that is refused may find those of the run that holds the folder.
    """
    return code != pytest.ExitCode.USAGE_ERROR and written(results) not in (0, before)


def refuse_one_file(given: Sequence[str]) -> None:
    """Raises typer.BadParameter for pytest's options that name one file, which each run would write anew."""
    for option in given:
        if option.startswith(_ONE_FILE):
            raise typer.BadParameter(f"{option} names one file, and each --torchsharp is a run: run them one by one")


def _wait(command: Sequence[str]) -> int:
    """Run a command until it ends, and return its exit code. Ctrl-C reaches the command too; SIGTERM is handed on."""
    with subprocess.Popen(command) as child:

        def hand_on(number: int, frame: FrameType | None) -> None:
            child.send_signal(number)

        before = signal.signal(signal.SIGTERM, hand_on)
        try:
            while True:
                try:
                    return ENDED_BY.get(child.wait(), child.returncode)
                except KeyboardInterrupt:
                    continue
        finally:
            signal.signal(signal.SIGTERM, before)
