"""The one test: each verdict is an item of pytest. May import every room above it in ARCHITECTURE.md's table.

A pass is reported as passed, an expected divergence as xfailed, not-run as skipped with its reason, all else as failed.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import msgspec
import pytest

from tscompat.catalogue import load_catalogue
from tscompat.dotnet_side.client import Client, WithoutDotnet
from tscompat.dotnet_side.errors import PeerBroken
from tscompat.dotnet_side.process import Peer, PeerKeeper, inside
from tscompat.python_side import scripts
from tscompat.resources.folders import data_folder
from tscompat.values.verdict import VerdictId
from tscompat.verdicts.divergences import Divergences, Outcome

from .beginning import BEGINNING
from .controller import BROKEN, DEATHS, DOTNET_SECONDS, RECORD
from .keyword import item_name
from .setting import IDS, SETTING, Setting
from .worker import Worker

DECIDING = pytest.StashKey[Worker]()
"""What decides the verdicts of this process, which ``hooks`` closes at the end."""


class Matrix(pytest.Module):
    """Stands in pytest's tree for this module, which pytest does not import."""

    def collect(self) -> Iterator[VerdictItem]:
        """An item for each verdict that the run decides."""
        for verdict_id in self.config.stash[IDS]:
            yield VerdictItem.of(self, verdict_id)

    @cached_property
    def worker(self) -> Worker:
        """Decides the verdicts of this process; made when the first item runs, with a peer of its own."""
        setting = self.config.stash[SETTING]
        given: dict[str, Any] = getattr(self.config, "workerinput", {})
        folder = Path(setting.run_folder, given.get("workerid", "main"))
        folder.mkdir()
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(folder / "inductor")
        divergences = Divergences.load(data_folder("cases") / "divergences", setting.running)
        gc.freeze()  # keeps the tens of thousands of items out of the garbage collections after large cases
        worker = Worker(
            load_catalogue(),
            folder,
            setting,
            self._client(setting, folder),
            divergences,
            scripts.load_all(setting.scripts),
        )
        self.config.stash[DECIDING] = worker
        return worker

    def _client(self, setting: Setting, folder: Path) -> Client:
        """The client of .NET. In the run's first process it begins with the peer that ``begin`` has started."""
        if setting.publish is None:
            return WithoutDotnet()
        beginning = self.config.stash.get(BEGINNING, None)
        first = [beginning.peer.result()] if beginning and beginning.peer else []
        command = inside(Path(setting.publish))
        return PeerKeeper(lambda: first.pop() if first else Peer(command, folder / "peer.log", setting.memory_limit))


class VerdictItem(pytest.Item):
    """One verdict."""

    parent: Matrix

    verdict_id: str

    @classmethod
    def of(cls, parent: Matrix, verdict_id: str) -> Self:
        """Make the pytest item of a verdict id."""
        name = item_name(verdict_id)
        # pytest 9 makes of a string the id that --lf compares; from the name alone it would make another.
        nodeid = f"{parent.nodeid}::{name}"
        item = cls.from_parent(parent, name=name, nodeid=nodeid)  # pyright: ignore[reportUnknownMemberType]
        item.verdict_id = verdict_id
        return item

    def runtest(self) -> None:
        """Transfer, compare, judge."""
        try:
            record, dotnet_seconds, deaths = self.parent.worker.decide(VerdictId.parse(self.verdict_id))
        except PeerBroken as broken:
            self.user_properties.append((BROKEN, str(broken)))
            pytest.fail(str(broken), pytrace=False)
        written = msgspec.json.encode(record).decode("utf-8")
        self.user_properties += [(RECORD, written), (DOTNET_SECONDS, dotnet_seconds)]
        if deaths:
            self.user_properties.append((DEATHS, msgspec.json.encode(deaths).decode("utf-8")))
        found = f"{record.verdict}: {record.detail}"
        match record.outcome:
            case Outcome.PASSED:
                return
            case Outcome.DIVERGENCE:
                raise pytest.xfail.Exception(f"{record.divergence}: {found}", pytrace=False)  # a traceback takes 0.1 s
            case Outcome.NOT_RUN:
                pytest.skip(record.detail)
            case Outcome.FAILED:
                pytest.fail(f"{found}\n{record.reason}\nagain: {record.rerun}", pytrace=False)

    def reportinfo(self) -> tuple[Path, None, str]:
        """The place that pytest names in a report: the file, no line, the item's name."""
        return self.path, None, self.name
