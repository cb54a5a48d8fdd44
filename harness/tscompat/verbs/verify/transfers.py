"""Sends the tensors of a file through the real TorchSharp, in both directions, by each route that people use.

May import values, resources, dotnet_side, files, verbs. In .NET the targets of loads hold the complement of the bits
before, so that untouched memory cannot pass. What TorchSharp saves is read by ``files`` and compared here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tscompat.dotnet_side import messages
from tscompat.dotnet_side.errors import PeerDied
from tscompat.dotnet_side.messages import Thrown
from tscompat.dotnet_side.process import PeerKeeper
from tscompat.files.item import Item, ModelFileError, listed
from tscompat.files.kinds import read
from tscompat.files.writers import WRITERS
from tscompat.values.compare import compare_names, difference, first
from tscompat.values.tensors import Tensor
from tscompat.values.verdict import Kind, Verdict
from tscompat.verbs.convert.conversion import Conversion, Selected
from tscompat.verbs.peer import FLAT, ON_THE_CPU, loaded, refused, seconds_for

from .document import RouteFound, Transfer


class Route(NamedTuple):
    """A way into TorchSharp."""

    name: str
    suffix: str
    overload: str
    """The calls of .NET (dotnet_side/inside/overloads)."""
    kind: str
    """The kind of file (``files.kinds.FORMS``) that it takes as it is."""
    lines: tuple[str, ...]
    """The C# that loads ``{file}`` into ``model``."""


ROUTES = (
    Route(".dat, Module.load", ".dat", "module-path", "dat", ('model.load("{file}");',)),
    Route(
        ".safetensors, PyBridge",
        ".safetensors",
        "pybridge-safetensors",
        "safetensors",
        ("using TorchSharp.PyBridge;", 'model.load_safetensors("{file}");'),
    ),
    Route(
        ".pth, PyBridge", ".pth", "pybridge-pickle", "torch", ("using TorchSharp.PyBridge;", 'model.load_py("{file}");')
    ),
)
SINGLE = (Route(".dat, Tensor.Load", ".dat", "tensor-path", "dat-tensor", ('var tensor = Tensor.Load("{file}");',)),)
"""For a file of one tensor without a name."""


def passed(transfer: Transfer) -> bool:
    """Whether it did what it shall do."""
    return transfer.kind == Kind.PASS


def as_transfer(verdict: Verdict) -> Transfer:
    """The verdict as data of the document."""
    return Transfer(kind=str(verdict.kind), detail=verdict.detail)


class Transfers:
    """The tensors of a file, and a peer to send them through."""

    def __init__(self, peer: PeerKeeper, folder: Path, selected: Selected) -> None:
        self._peer = peer
        self._folder = folder
        self._selected = selected
        self._items = selected.items
        self._single = selected.single
        self.expected = folder / "expected.dat"
        """The tensors in TorchSharp's format, as the oracle writes it."""

    def write_expected(self) -> str:
        """Write the expected file. Returns why TorchSharp can hold none of its tensors; empty if it is written."""
        if faults := self._selected.unfit(WRITERS[".dat"]):
            return _in_one_line(faults)
        write(self.expected, self._items)
        return ""

    def by(self, route: Route, whole: Path | None) -> RouteFound:
        """Try a route, with the file as it is if ``whole`` is given, else with what it is converted to."""
        file = whole.name if whole else route.suffix
        artifact = whole or (self.expected if route.kind == "dat" else self._folder / f"artifact{route.suffix}")
        faults = [] if whole else self._selected.unfit(WRITERS[route.suffix])
        if faults:
            to_dotnet = to_python = Verdict(Kind.REFUSED, _in_one_line(faults))
        else:
            if artifact not in (whole, self.expected):
                write(artifact, self._items, single=self._single)
            to_dotnet = self._to_dotnet(route, artifact)
            to_python = self._to_python(route)
            if artifact not in (whole, self.expected):
                artifact.unlink()
        return RouteFound(
            route=route.name,
            file=file,
            to_dotnet=as_transfer(to_dotnet),
            to_python=as_transfer(to_python),
            lines=route.lines,
        )

    def _to_dotnet(self, route: Route, artifact: Path) -> Verdict:
        call = messages.Load(
            overload=route.overload,
            expected=str(self.expected),
            artifact=str(artifact),
            module=None if self._single else FLAT,
            placement=ON_THE_CPU,
            identity=False,
            strict=True,
        )
        try:
            return loaded(self._peer.ask(call, self._seconds), self._items)
        except PeerDied as died:
            return Verdict(died.kind, died.detail)

    def _to_python(self, route: Route) -> Verdict:
        artifact = self._folder / f"again{route.suffix}"
        call = messages.Save(
            overload=route.overload,
            expected=str(self.expected),
            artifact=str(artifact),
            module=None if self._single else FLAT,
            placement=ON_THE_CPU,
            flip=None,
        )
        try:
            answer = self._peer.ask(call, self._seconds)
        except PeerDied as died:
            return Verdict(died.kind, died.detail)
        if isinstance(answer, Thrown):
            return refused(answer)
        try:
            return self._read_again(artifact, route)
        finally:
            artifact.unlink(missing_ok=True)

    def _read_again(self, artifact: Path, route: Route) -> Verdict:
        """Compare what TorchSharp saved with the tensors, one by one."""
        try:
            contents = read(artifact, "", lambda sentence: None, route.kind).contents
            found = {each.name: each for each in contents if isinstance(each, Item)}
            differences = compare_names([each.name for each in self._items], [*found])
            pairs = ((each, found[each.name]) for each in self._items if each.name in found)
            each_tensor = (difference(_tensor(one), _tensor(other), one.name) for one, other in pairs)
            return first([*differences, *filter(None, each_tensor)])
        except ModelFileError as error:
            return Verdict(Kind.BYTES, str(error).replace(str(artifact), "the file"))

    @property
    def _seconds(self) -> float:
        return seconds_for(self.expected.stat().st_size)


def _in_one_line(faults: Sequence[str]) -> str:
    return listed(faults).strip().replace("\n  ", "; ")


def write(target: Path, items: Sequence[Item], *, single: bool = False) -> None:
    """Write items in the format of the suffix. Raises ModelFileError and OSError."""
    Conversion(target, items, force=True, single=single).write(lambda count: None)


def _tensor(item: Item) -> Tensor:
    return Tensor(item.dtype, item.shape, item.read())
