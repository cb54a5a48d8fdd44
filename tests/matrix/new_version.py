"""A plugin of pytest for a run: TorchSharp is of a version that no entry names, and has lost a fault."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tscompat.results.environment import Environment
from tscompat.verdicts.divergences import Divergence, Divergences
from tscompat.verdicts.entries import Entries, read_entries

GONE = {
    "cause": "Nothing.",
    "upstream": "nowhere: nothing",
    "versions": ["TorchSharp 0.107.0"],
    "reproduction": {"csharp": "1;", "shows": "1"},
    "expect": [{"kind": "bits", "ids": ["dat/python-to-dotnet/cpu/role/both/u8/bits"], "message": "^no"}],
}


RUNNING: Any = vars(Environment)["running"].fget


def _running(environment: Environment) -> list[str]:
    return [each.replace("TorchSharp 0.107.0", "TorchSharp 0.108.0") for each in RUNNING(environment)]


def _load(folder: Path, names: Collection[str]) -> Divergences:
    entries = read_entries(folder) | msgspec.convert({"gone-in-the-new-one": GONE}, Entries)
    return Divergences(Divergence.of(entries), names, {})


def _nothing(self: Divergences, ids: Iterable[str]) -> list[str]:
    return []


patch = pytest.MonkeyPatch()
patch.setattr(Environment, "running", property(_running))
patch.setattr(Divergences, "load", _load)
patch.setattr(Divergences, "stale", _nothing)
