"""``python -m sensitivity [PATTERN ...]``: what the checks of computed values see, for docs/proof.md's ``Sensitivity``.

Measures the cases of a default run. With patterns of case ids, those of any run that match are measured, and nothing is
written. Exits with 1 if the checks see too little, or if Python itself is not within the bound (page.py). Takes all
cores.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from fnmatch import fnmatchcase

from proof import write_section
from tscompat.catalogue import load_catalogue
from tscompat.matrix.environment import environment

from .cases import checks, is_short, measure, of_a_default_run
from .measured import Measured
from .page import page, problems


def main(patterns: Sequence[str]) -> int:
    """Measure the cases that one of the patterns matches, or those of a default run. Returns the exit code."""
    began = time.monotonic()
    matching = [each for each in checks() if any(fnmatchcase(each, pattern) for pattern in patterns)]
    chosen = matching if patterns else of_a_default_run()
    if not chosen:
        print(f"no case that computes matches {' or '.join(patterns)}")
        return 2
    measured: list[Measured] = []
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        for each in pool.map(measure, sorted(chosen, key=is_short)):
            most = max((one.part for one in each.reached), default=0.0)
            seen = [one.seen for one in (*each.scaled, *each.faults)]
            print(f"{each.case}: {sum(seen)} of {len(seen)} seen; Python at {most:.2f} of the bound", flush=True)
            measured.append(each)
    measured.sort(key=lambda each: chosen.index(each.case))
    minutes = (time.monotonic() - began) / 60
    cases = load_catalogue()
    found = list(problems(measured, cases))
    if not patterns:
        write_section(
            "Sensitivity", page(measured, cases, len(checks()) - len(chosen), environment(None, {}, {}), minutes)
        )
    print(f"{len(measured)} cases in {minutes:.1f} minutes; {len(found)} problems")
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
