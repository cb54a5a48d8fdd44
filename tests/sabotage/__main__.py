"""``python -m sabotage [NAME ...]``: runs the matrix with each fault, and writes docs/proof.md's section ``Sabotage``.

With names, only those faults are run, and nothing is written. Each run is ``tscompat run`` as a person starts it, in a
process of its own, with its own exit code and results.json. Exits with 1 if a check does not see what it must see.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from proof import write_section
from tscompat.results.file import load_results
from tscompat.verdicts.divergences import Outcome

from .fault import THE_RUN, Fault
from .page import Seen, page, unneeded
from .patched import patched
from .table import FAULTS

TESTS = Path(__file__).parents[1]
SECONDS = 300
AWAKE = "SABOTAGE"
"""The variable of the environment that wakes a fault, in the plugin and in the patched assembly."""


def main(names: Sequence[str]) -> int:
    """Run the faults of these names, or all. Returns the exit code."""
    unknown = {*names} - {fault.name for fault in FAULTS}
    if unknown:
        print(f"no such fault: {', '.join(sorted(unknown))}")
        return 2
    faults = [fault for fault in FAULTS if not names or fault.name in names]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sabotage-") as temporary:
        folder = Path(temporary)
        dll = patched(folder / "TorchSharp.dll")
        asleep = run(folder, dll, Fault("asleep", "TorchSharp", "no fault is awake", (), union(faults)))
        if asleep.code != 0:
            print(f"without a fault awake the run fails: {asleep.words}")
            return 2
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            seen = list(pool.map(partial(run, folder, dll), faults))
        environments = load_results(folder / "asleep" / "results.json").environments
    minutes = (time.monotonic() - began) / 60
    problems = [*(each.problem for each in seen if each.problem), *(unneeded(seen) if not names else ())]
    if not names:
        write_section("Sabotage", page(seen, next(iter(environments.values())), minutes))
    print(f"{len(seen)} faults in {minutes:.1f} minutes; {len(problems)} problems")
    print("\n".join(problems))
    return 1 if problems else 0


def union(faults: Iterable[Fault]) -> str:
    """An expression for ``-k`` that selects what any of the faults selects."""
    return " or ".join(f"({each})" for each in dict.fromkeys(fault.select for fault in faults))


def run(folder: Path, dll: Path, fault: Fault) -> Seen:
    """Run the part of the matrix that a fault names, with the fault awake."""
    out = folder / fault.name
    how = ["-p", "sabotage.plugin"] if fault.wrong else ["--torchsharp-dll", str(dll)]
    command = [sys.executable, "-m", "tscompat", "run", "-n", "0", "--out", str(out), "-k", fault.select, *how]
    paths = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, AWAKE: fault.name, "PYTHONPATH": paths}
    ended = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS
    )
    seen = _seen(fault, ended, out / "results.json")
    print(f"{fault.name}: exit code {seen.code}; {', '.join(seen.checks)}; {seen.words}", flush=True)
    return seen


def _seen(fault: Fault, ended: subprocess.CompletedProcess[str], file: Path) -> Seen:
    """What a run has shown. One that ends before it has results has shown the end of its output."""
    results = load_results(file) if file.exists() else None
    if results is None or ended.returncode not in (0, 1):
        problem = (
            results.problems[-1].partition("\n")[0] if results and results.problems else ended.stdout[-500:].strip()
        )
        return Seen(fault, ended.returncode, (THE_RUN,), problem)
    failed = [record for record in results.verdicts if record.outcome is Outcome.FAILED]
    words = f"{failed[0].id}: {failed[0].verdict}: {failed[0].detail}" if failed else "; ".join(results.problems)
    return Seen(fault, ended.returncode, tuple(dict.fromkeys(record.check for record in failed)), words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
