"""What the options of a run may be, and what the controller hands to its workers. Imports nothing of ours."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

RUNS = {"default": {"default"}, "full": {"default", "full"}, "large": {"large"}}
"""What each run takes (``Case.run``)."""


@dataclass(frozen=True)
class Setting:
    """What a worker needs to know."""

    run_folder: str
    out: str
    publish: str | None
    """The folder that a peer loads; None in a run without .NET."""
    environment: str
    """The key of what the run runs on."""
    running: list[str]
    """What takes part, each with its version, as the divergences name it."""
    memory_limit: int
    """Bytes that one peer may take."""
    scripts: dict[str, str]
    """The paths to upstream's scripts, absolute, by the name that routes know them by."""
    again: str
    """The command that starts a run like this one; ``-k ID`` makes it one of a single verdict."""


SETTING = pytest.StashKey[Setting]()
IDS = pytest.StashKey[list[str]]()
"""The verdicts to decide, in their order."""
