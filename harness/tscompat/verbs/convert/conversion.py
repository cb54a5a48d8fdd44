"""Converts models. All checks are made before a byte is written. May import values, dotnet_side, files."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from tscompat.dotnet_side.choice import PINNED, Choice
from tscompat.files import output, packed, spool
from tscompat.files.item import Contents, Item, Model, ModelFileError, Tell, Unfit, listed, some
from tscompat.files.kinds import read
from tscompat.files.writers import WRITERS, Writer
from tscompat.values.text import quoted, shown
from tscompat.values.verdict import Verdict

from . import verification
from .casting import Cast, floating
from .names import Names, renamed, tell_prefix

_BESIDE_A_NAME = 512
"""Bytes to allow for the headers of each tensor; torch's zip files need the most."""


@dataclass(frozen=True)
class Conversion:
    """A conversion of a model for which all checks passed."""

    target: Path
    items: Sequence[Item]
    force: bool
    single: bool = False
    """Whether the target holds one tensor without a name."""
    cast: Cast | None = None
    """What casts the items' values, if the person asked for it."""

    @property
    def overflowed(self) -> Mapping[str, int]:
        """After ``write``: by name, how many finite elements a cast has made infinite, or NaN."""
        return {} if self.cast is None else self.cast.overflowed

    @property
    def what(self) -> str:
        """What is converted, in a word or two."""
        return f"{len(self.items)} tensor{'s' if len(self.items) > 1 else ''}"

    @property
    def size(self) -> int:
        """About how many bytes will be written: the elements, and a little for each name."""
        names = sum(len(item.name) + _BESIDE_A_NAME for item in self.items)
        tied = _writer(self.target).by_torch
        distinct = {item.tie if tied and item.tie else number: item for number, item in enumerate(self.items)}
        return names + sum(item.nbytes for item in distinct.values())

    @property
    def room(self) -> int:
        """Bytes that must be free on the target's disk: the new file and, for a .pth, its spool file."""
        return self.size + (spool.room(self.items) if _writer(self.target).by_torch else 0)

    def write(self, advance: Callable[[int], object]) -> None:
        """Write the target, which appears whole or not at all. ``advance`` is called with each number of bytes written.

        Raises ModelFileError when the disk has no room, when the target exists by now (without ``force``), and when the
        source is damaged. Raises OSError.
        """
        with output.beside(self.target, self.room, advance, force=self.force) as sink:
            writer = _writer(self.target)
            if self.single:
                assert writer.write_single
                writer.write_single(sink, self.items[0])
            else:
                assert writer.write
                writer.write(sink, self.items)

    def verify(self, tell: Tell, choice: Choice = PINNED) -> Verdict:
        """The verdict of a load of the target, a .dat that ``write`` wrote, in TorchSharp."""
        return verification.verify(self.target, self.items, tell, choice, single=self.single)


class Selected(NamedTuple):
    """What of a source is meant: its tensors under their new names, in their new dtypes."""

    contents: Contents
    single: bool
    """Whether it is one tensor without a name."""
    cast: Cast | None

    @property
    def items(self) -> list[Item]:
        """The tensors among the contents."""
        return [each for each in self.contents if isinstance(each, Item)]

    def unfit(self, writer: Writer) -> list[str]:
        """Why a format cannot hold the contents, a sentence for each fault."""
        return [*_unfit(self.contents, writer), *_repeated(self.contents)]


def select(
    model: Model, *, skip: Iterable[str] = (), names: Names | None = None, dtype: str = "", tell: Tell
) -> Selected:
    """The tensors of a model but those to skip, under new ``names``, the floating ones cast to ``dtype``.

    ``skip`` has names and patterns of names (``*.scale``) of the model. Raises ModelFileError for an option that
    changes nothing or is wrong, and where no tensor is left.
    """
    cast = Cast(floating(dtype)) if dtype else None
    kept = _without(model, skip, tell)
    if cast is not None and (scaled := packed.scaled(kept)):
        raise ModelFileError(
            f"{model.path}: --dtype would make other weights: {some([*map(shown, scaled)])} are float8 and to be "
            "multiplied by the scales beside them: dequantize the model in Python and save that"
        )
    contents = renamed(kept, names or Names(), tell)
    # A tensor without a name: the source's, or one whose name was taken off.
    single = len(contents) == 1 and not contents[0].name and bool(model.single or kept[0].name)
    if cast is not None:
        contents = _cast(contents, cast, tell)
    if not contents:
        raise ModelFileError(f"{model.path}: there are no tensors left")
    return Selected(contents, single, cast)


def prepare(
    source: Path,
    target: Path,
    *,
    key: str = "",
    form: str = "",
    skip: Iterable[str] = (),
    names: Names | None = None,
    dtype: str = "",
    force: bool = False,
    tell: Tell,
) -> Conversion:
    """Read the headers of ``source``, and check that ``target`` can hold all tensors but those to skip.

    ``form`` names the format of a source that may be of several (``kinds.FORMS``). Raises ModelFileError as ``select``
    does, and with a line for each of the first ten tensors that ``target`` cannot hold; and OSError.
    """
    writer = _writer(target)
    output.check(target, source, force=force)
    selected = select(read(source, key, tell, form), skip=skip, names=names, dtype=dtype, tell=tell)
    if faults := selected.unfit(writer):
        # No --skip is offered: without a tensor it is not the whole model.
        raise ModelFileError(f"{target}: nothing is written, because it cannot hold all of {source}:{listed(faults)}")
    items = selected.items
    _refuse_form(target, writer, items, selected.single)
    if not selected.single and not (names and names.add_prefix):
        tell_prefix([item.name for item in items], tell)
    if not writer.by_torch:
        _tell_ties(items, tell)
    return Conversion(target, items, force, selected.single, selected.cast)


def _refuse_form(target: Path, writer: Writer, items: Sequence[Item], single: bool) -> None:
    """Raise ModelFileError where the target holds only names, or only a tensor without one."""
    if single and writer.write_single is None:
        raise ModelFileError(f"{target}: needs a name for the tensor, and the source has none: give --add-prefix NAME")
    if not single and writer.write is None:
        name = items[0].name
        found = (
            f"the source's is called {quoted(name)}: --strip-prefix {shown(name)} takes that off"
            if len(items) == 1
            else f"the source has {len(items)} tensors: give a target that holds names"
        )
        raise ModelFileError(f"{target}: holds one tensor without a name, and {found}")


def _cast(contents: Contents, cast: Cast, tell: Tell) -> Contents:
    made = [cast(each) if isinstance(each, Item) else each for each in contents]
    changed = sum(each is not before for each, before in zip(made, contents, strict=True))
    others = len(made) - changed
    exact = all(cast.keeps(each) for each in contents if isinstance(each, Item))
    how = (
        f"become {cast.dtype.torch}, which holds each of them exactly"
        if exact
        else f"are rounded to the nearest {cast.dtype.torch}, so the target has other bits"
    )
    tell(
        f"--dtype: the values of {changed} tensor{'' if changed == 1 else 's'} {how}; {others} "
        f"stay{'s' if others == 1 else ''} as {'it is' if others == 1 else 'they are'}"
    )
    return made


def _writer(target: Path) -> Writer:
    writer = WRITERS.get(target.suffix.lower())
    if writer is None:
        raise ModelFileError(
            f"{target}: {target.suffix or 'no suffix'!r} cannot be written: expected {', '.join(WRITERS)}"
        )
    return writer


def _without(model: Model, skip: Iterable[str], tell: Tell) -> Contents:
    contents = model.contents
    for pattern in skip:
        names = {each.name for each in contents}
        skipped = {pattern} & names or {name for name in names if fnmatchcase(name, pattern)}
        if not skipped and not any(pattern == name or fnmatchcase(name, pattern) for name in model.passed):
            raise ModelFileError(f"--skip {pattern}: no tensor's name matches")
        if skipped:
            tell(f"--skip {pattern}: left out: {some(sorted(map(shown, skipped)), len(skipped))}")
        contents = [each for each in contents if each.name not in skipped]
    return contents


def _unfit(contents: Contents, writer: Writer) -> list[str]:
    faults: list[str] = []
    for each in contents:
        why = each.why if isinstance(each, Unfit) else writer.unfit(each) or _unfit_name(each.name)
        if why:
            faults.append(f"{quoted(each.name)}: {why}")
    return faults


def _unfit_name(name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError as error:
        return f"the name has no UTF-8 form ({error.reason}): --map FILE gives it another one"
    return ""


def _repeated(contents: Contents) -> list[str]:
    counts = Counter(each.name for each in contents)
    return [f"{quoted(name)}: {count} tensors have this name" for name, count in counts.items() if count > 1]


def _tell_ties(items: Sequence[Item], tell: Tell) -> None:
    tied: defaultdict[Hashable, list[str]] = defaultdict(list)
    for item in items:
        if item.tie is not None:
            tied[item.tie].append(item.name)
    for names in tied.values():
        if len(names) > 1:
            one = some([shown(name) for name in names])
            tell(f"tied: {one} are one tensor in the source; the target gets a copy for each name")
