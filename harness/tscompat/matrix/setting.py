"""The kinds of run, and what the controller sends to its workers. Imports nothing of ours."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

RUNS = {"default": {"default"}, "full": {"default", "full"}, "large": {"large"}}
"""The kinds of run, and the values of ``Case.run`` that each takes."""


@dataclass(frozen=True)
class Setting:
    """What a worker needs to know."""

    run_folder: str
    out: str
    publish: str | None
    """The folder that a peer loads; None in a run without .NET."""
    dotnet_device: str | None
    """cuda where .NET finds a CUDA device, else cpu; None in a run without .NET."""
    environment: str
    """The key of the run's environment, by which records name it."""
    running: list[str]
    """The packages and scripts of the run with their versions, as divergences name them."""
    memory_limit: int
    """Bytes that one peer may take."""
    scripts: dict[str, str]
    """The absolute paths to upstream's scripts, by ``Route.script``."""
    again: str
    """The command that starts a run like this one; ``-k ID`` makes it one of a single verdict."""


SETTING = pytest.StashKey[Setting]()
VERBOSITY = pytest.StashKey[int]()
"""How many -v were given, less how many -q."""
IDS = pytest.StashKey[list[str]]()
"""The ids of the verdicts to decide, in order."""
