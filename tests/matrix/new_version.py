"""A plugin of pytest for a run: TorchSharp is of a version that no entry names, and has lost a fault."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import msgspec
import pytest

from tscompat.dotnet_side.cache import Publish
from tscompat.matrix import controller
from tscompat.matrix.environment import running
from tscompat.python_side.scripts import Script
from tscompat.verdicts.divergences import Divergence, Divergences
from tscompat.verdicts.entries import Entries, read_entries

GONE = {
    "cause": "Nothing.",
    "upstream": "nowhere: nothing",
    "versions": ["TorchSharp 0.107.0"],
    "reproduction": {"csharp": "1;", "shows": "1"},
    "expect": [{"kind": "bits", "ids": ["dat/python-to-dotnet/cpu/role/both/u8/bits"], "message": "^no"}],
}


def _new(publish: Publish | None, versions: Mapping[str, str], scripts: Mapping[str, Script]) -> list[str]:
    return [each.replace("TorchSharp 0.107.0", "TorchSharp 0.108.0") for each in running(publish, versions, scripts)]


def _load(folder: Path, names: Collection[str]) -> Divergences:
    entries = read_entries(folder) | msgspec.convert({"gone-in-the-new-one": GONE}, Entries)
    return Divergences(Divergence.of(entries), names, {})


def _nothing(self: Divergences, ids: Iterable[str]) -> list[str]:
    return []


patch = pytest.MonkeyPatch()
patch.setattr(controller, "running", _new)
patch.setattr(Divergences, "load", _load)
patch.setattr(Divergences, "stale", _nothing)
