"""``python -m mutants [PATTERN ...]``: runs the tests of each room with each mutant of its code.

Without patterns it writes docs/proof.md's section ``Mutants``. With patterns (``values/compare.py``, ``routes/*``) it
tries the files that match and writes nothing. Exits with 1 if less than 95 % are seen, or for a survivor without a
reason in survivors.toml.
"""

from __future__ import annotations

import fnmatch
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from proof import write_section
from tscompat.resources.folders import fast_folder

from .mutant import Mutant
from .page import LEAST, counted, page, share
from .reasons import read_reasons, without_reason, without_survivor
from .rooms import ROOMS
from .scratch import PACKAGE, run_mutants


def main(patterns: Sequence[str]) -> int:
    """Try the mutants of the files that match a pattern, or of all. Returns the exit code."""
    reasons = read_reasons()
    files = {room: matching(room, patterns or ["*"]) for room in ROOMS}
    if not any(files.values()):
        print(f"no file matches {' '.join(patterns)}; the rooms are {', '.join(ROOMS)}")
        return 2
    began = time.monotonic()
    mutants: list[Mutant] = []
    for room, those in files.items():
        if those:
            print(f"\n{room}: {len(those)} files", flush=True)
            with tempfile.TemporaryDirectory(prefix="mutants-", dir=fast_folder()) as folder:
                try:
                    mutants += run_mutants(room, those, Path(folder) / "copy")
                except subprocess.CalledProcessError as error:
                    print(f"mutmut cannot try {room} (exit code {error.returncode}): see above")
                    return 2
    minutes = (time.monotonic() - began) / 60
    counting = counted(mutants)
    survivors = [mutant for mutant in counting if not mutant.seen]
    problems = [*without_reason(survivors, reasons), *(() if patterns else without_survivor(survivors, reasons))]
    if share(counting) < LEAST:
        problems.append(f"{share(counting):.1f} % are seen; expected {LEAST} % or more")
    if not patterns:
        write_section("Mutants", page(mutants, reasons, minutes, versions()))
    print("\n".join(problems))
    seen = sum(mutant.seen for mutant in counting)
    print(f"{seen} of {len(counting)} mutants seen in {minutes:.1f} minutes; {len(problems)} problems")
    return 1 if problems else 0


def versions() -> str:
    """The versions of what ran."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("mutmut", "pytest", "hypothesis", "numpy"))
    return f"{packages}, Python {platform.python_version()}"


def matching(room: str, patterns: Sequence[str]) -> list[str]:
    """The files of a room that match a pattern, as paths from tscompat."""
    files = (file.relative_to(PACKAGE).as_posix() for file in sorted((PACKAGE / room).rglob("*.py")))
    return [file for file in files if any(fnmatch.fnmatch(file, pattern) for pattern in patterns)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
