"""The whole of a verification: the file, the routes, the class. May import values, dotnet_side, files, verbs."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from msgspec.structs import replace

from tscompat.dotnet_side.choice import PINNED, Choice
from tscompat.dotnet_side.errors import PeerDied
from tscompat.dotnet_side.messages import Load, OwnModule, Schema, Thrown
from tscompat.dotnet_side.process import PeerKeeper
from tscompat.files.item import Item, Model, ModelFileError, Tell
from tscompat.files.kinds import FORMS, read
from tscompat.values.dtypes import BY_CODE, BY_TORCH
from tscompat.values.tensors import count_elements
from tscompat.values.text import escaped
from tscompat.values.verdict import Verdict
from tscompat.verbs import renaming
from tscompat.verbs.convert import Names
from tscompat.verbs.convert.casting import Cast, floating
from tscompat.verbs.convert.conversion import Selected, select
from tscompat.verbs.own import Own
from tscompat.verbs.peer import ON_THE_CPU, NoPeer, last_words, loaded, peer_for, refused, seconds_for

from . import fit, listing
from .document import Entry, Fit, RouteFound, Row, Transfer, Verified
from .transfers import ROUTES, SINGLE, Transfers, as_transfer, passed, write

_PEER_COPIES = 2
"""How many times the tensors' size a peer takes at most."""


class _Fitting(NamedTuple):
    """What makes the file fit the class."""

    names: renaming.Options = ()
    """As ``renaming.options`` gives them."""
    dtype: str = ""
    """What ``--dtype`` gets; empty for no cast."""

    @property
    def words(self) -> tuple[str, ...]:
        """As options of a command line."""
        cast = (("--dtype", self.dtype),) if self.dtype else ()
        return tuple(renaming.quoted((*self.names, *cast)))

    def entry(self, entry: Entry) -> Entry:
        """The entry under its new name, in its new dtype."""
        cast = self.dtype and BY_TORCH[entry.dtype].kind == "float"
        name = renaming.apply(self.names, entry.name)
        return Entry(name=name, dtype=self.dtype if cast else entry.dtype, shape=entry.shape)

    def item(self, item: Item) -> Item:
        """The same of an item."""
        named = item._replace(name=renaming.apply(self.names, item.name))
        return Cast(floating(self.dtype))(named) if self.dtype else named


def verify(
    path: str | os.PathLike[str],
    *,
    key: str = "",
    form: str = "",
    skip: Iterable[str] = (),
    mapping: Mapping[str, str] | None = None,
    strip_prefix: str = "",
    rename: Iterable[tuple[str, str]] = (),
    add_prefix: str = "",
    dtype: str = "",
    own: Own | None = None,
    listed: str | os.PathLike[str] | None = None,
    choice: Choice = PINNED,
    tell: Tell | None = None,
) -> Verified:
    """Whether a model file reaches TorchSharp bit for bit, and whether it fits a class.

    The tensors are chosen and renamed as by ``convert``. They go through the real TorchSharp in both directions, by
    each route. With ``own``, that class is built in .NET, which runs its code; with ``listed``, its state dict is in
    that file: a listing, or a model that it saved. ``choice`` is the TorchSharp (``choice_of``). ``tell`` gets the
    notes as they come. Raises ModelFileError for what cannot be read or built, and OSError.
    """
    notes: list[str] = []

    def note(sentence: str) -> None:
        notes.append(escaped(sentence))
        if tell is not None:
            tell(sentence)

    source = Path(path)
    skip, names = tuple(skip), Names(mapping or {}, strip_prefix, tuple(rename), add_prefix)
    module = own.module() if own else None
    model = read(source, key, note, form)
    selected = select(model, skip=skip, names=names, dtype=dtype, tell=note)
    theirs = listing.entries(Path(listed)) if listed is not None else None
    unchanged = not (key or skip or names != Names() or dtype) and len(selected.items) == len(model.contents)
    routes: list[RouteFound] = []
    found: Fit | None = _fit(str(listed), selected, theirs, None)[0] if theirs is not None else None
    torchsharp = ""
    size = sum(item.nbytes for item in selected.items)
    try:
        with peer_for(_PEER_COPIES * size, choice, note) as (peer, folder):
            torchsharp = peer.start().versions["torchsharp"]
            transfers = Transfers(peer, folder, selected)
            routes += _routes(transfers, model, source if unchanged else None, single=selected.single)
            if own and module:
                entries, buffers = _schema(peer, own, module)
                found, fitting = _fit(str(own), selected, entries, buffers)
                if found.fits or found.enough:
                    items = [fitting.item(item) for item in selected.items]
                    found = replace(found, loaded=as_transfer(_loaded(peer, folder, module, items)))
    except NoPeer as error:
        note(f"TorchSharp was not asked: {error}")
    return Verified(
        schema=1,
        outcome=_outcome(routes, found) if found or own is None else "undecided",
        path=escaped(str(model.path)),
        kind=model.kind,
        tensors=len(selected.items),
        elements=sum(count_elements(item.shape) for item in selected.items),
        bytes=size,
        torchsharp=torchsharp,
        routes=tuple(routes),
        fit=found,
        code=tuple(_code(source, own, routes, found, _given(key, form, skip, names, dtype))),
        notes=tuple(notes),
    )


def _routes(transfers: Transfers, model: Model, whole: Path | None, *, single: bool) -> list[RouteFound]:
    """What each route does: with the file as it is where the route takes it, and with what it is converted to."""
    fault = transfers.write_expected()
    routes = SINGLE if single else ROUTES
    if fault:
        lost = Transfer(kind="refused", detail=fault)
        return [
            RouteFound(route=each.name, file=each.suffix, to_dotnet=lost, to_python=lost, lines=each.lines)
            for each in routes
        ]
    found: list[RouteFound] = []
    for route in routes:
        if whole is not None and whole.is_file() and FORMS[route.kind].words == model.kind:
            found.append(transfers.by(route, whole))
            if passed(found[-1].to_dotnet):
                continue
        found.append(transfers.by(route, None))
    return found


def _schema(peer: PeerKeeper, own: Own, module: OwnModule) -> tuple[list[Entry], set[str]]:
    """The state dict of the class, and the names of its buffers. Raises ModelFileError where it cannot be built."""
    try:
        answer = peer.ask(Schema(module))
    except PeerDied as died:
        raise ModelFileError(f"{own}: .NET ended when it was built: {last_words(died)}") from died
    if isinstance(answer, Thrown):
        raise ModelFileError(f"{own.assembly}: {own} cannot be built: {refused(answer).detail}")
    entries = [
        Entry(name=escaped(each.name), dtype=BY_CODE[each.code].torch, shape=each.shape) for each in answer.entries
    ]
    return entries, {escaped(each.name) for each in answer.entries if each.buffer}


def _fit(name: str, selected: Selected, theirs: Sequence[Entry], buffers: set[str] | None) -> tuple[Fit, _Fitting]:
    ours = listing.of_items(selected.items)
    pairs = fit.pair(ours, theirs)
    table = fit.rows(pairs)
    fitting = _Fitting(renaming.options([each.name for each in ours], pairs.renamed), _cast(table))
    one_option = fitting.words[0] if len(fitting.names) == 1 else ""
    findings = fit.findings(table, fit.first_misplaced(pairs, theirs, buffers), one_option)
    changed = {each.name: each for each in map(fitting.entry, ours)}
    found = Fit(
        cls=escaped(name),
        tensors=len(theirs),
        fits=all(each.what == "order" for each in findings),
        findings=tuple(findings),
        rows=tuple(table),
        options=fitting.words,
        enough=len(changed) == len(ours) and changed == {each.name: each for each in theirs},
        by_order=tuple(each.name for each in ours if each.name in pairs.by_order),
        loaded=None,
    )
    return found, fitting


def _cast(table: Sequence[Row]) -> str:
    """The type that the class has for every floating tensor, where the file has another one; else nothing."""
    both = [(row.file.dtype, row.cls.dtype) for row in table if row.file and row.cls]
    wanted = {theirs for _, theirs in both if BY_TORCH[theirs].kind == "float"}
    others = [ours == theirs for ours, theirs in both if BY_TORCH[ours].kind != "float"]
    if len(wanted) != 1 or not all(others) or all(ours == theirs for ours, theirs in both):
        return ""
    return wanted.pop()


def _loaded(peer: PeerKeeper, folder: Path, module: OwnModule, items: Sequence[Item]) -> Verdict:
    """The verdict of a strict load of these tensors into the class."""
    file = folder / "fitting.dat"
    write(file, items)
    call = Load(
        overload="module-path",
        expected=str(file),
        artifact=str(file),
        module=module,
        placement=ON_THE_CPU,
        identity=False,
        strict=True,
    )
    try:
        return loaded(peer.ask(call, seconds_for(file.stat().st_size)), items)
    except PeerDied as died:
        return Verdict(died.kind, died.detail)


def _outcome(routes: Sequence[RouteFound], found: Fit | None) -> Literal["arrives", "differs", "undecided"]:
    if found and not (found.fits and (found.loaded is None or passed(found.loaded))):
        return "differs"
    if not routes:
        return "undecided"
    arrives = any(passed(each.to_dotnet) and passed(each.to_python) for each in routes)
    return "arrives" if arrives else "differs"


def _given(key: str, form: str, skip: Iterable[str], names: Names, dtype: str) -> list[str]:
    """The options of ``convert`` that were given, as words."""
    before = [("--key", key), ("--from-format", form), *(("--skip", each) for each in skip)]
    given = [*before, *renaming.pairs(names), ("--dtype", dtype)]
    words = renaming.quoted(tuple((option, value) for option, value in given if value))
    return [*words, *(["--map FILE"] if names.mapping else [])]


def _code(
    source: Path, own: Own | None, routes: Sequence[RouteFound], found: Fit | None, given: Sequence[str]
) -> list[str]:
    """The lines that load the file, by the first route that brings all of it."""
    way = next((each for each in routes if passed(each.to_dotnet)), None)
    if way is None or (own and not found) or (found and not found.enough and not found.fits):
        return []
    file, lines = source.name, list[str]()
    options = [*given, *(found.options if found and found.enough else ())]
    if way.file != source.name or options:
        file = f"{source.stem}{Path(way.file).suffix or way.file}"
        lines.append(f"// {' '.join(['tscompat convert', shlex.quote(str(source)), shlex.quote(file), *options])}")
    if "Tensor.Load" not in way.lines[-1]:
        lines.append(f"var model = new {own.in_csharp() if own else 'YourModel()'};")
    return [*lines, *(line.format(file=file) for line in way.lines)]
