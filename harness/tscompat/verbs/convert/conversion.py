"""Converts models. All checks are made before a byte is written. May import values, files."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from tscompat.files import output, spool
from tscompat.files.item import Contents, Item, Model, ModelFileError, Tell, Unfit, listed
from tscompat.files.kinds import read
from tscompat.files.writers import WRITERS, Writer
from tscompat.values.verdict import Verdict

from . import verification

_BESIDE_A_NAME = 512
"""Bytes to allow for the headers of each tensor; torch's zip files need the most."""


@dataclass(frozen=True)
class Conversion:
    """A conversion of a model for which all checks passed."""

    target: Path
    items: Sequence[Item]
    force: bool

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
            _writer(self.target).write(sink, self.items)

    def verify(self, tell: Tell) -> Verdict:
        """The verdict of a load of the target, a .dat that ``write`` wrote, in TorchSharp."""
        return verification.verify(self.target, self.items, tell)


def prepare(
    source: Path,
    target: Path,
    *,
    key: str = "",
    form: str = "",
    skip: Iterable[str] = (),
    force: bool = False,
    tell: Tell,
) -> Conversion:
    """Read the headers of ``source``, and check that ``target`` can hold all tensors but those to skip.

    ``form`` names the format of a source that may be of several (``kinds.FORMS``). ``skip`` has names and patterns of
    names (``*.scale``). Raises ModelFileError, with a line for each of the first ten tensors that ``target`` cannot
    hold, and OSError.
    """
    writer = _writer(target)
    output.check(target, source, force=force)
    contents = _without(read(source, key, tell, form), skip)
    items = [each for each in contents if isinstance(each, Item)]
    faults = [*_unfit(contents, writer), *_repeated(contents)]
    if faults:
        # No --skip is offered: without a tensor it is not the whole model.
        raise ModelFileError(f"{target}: nothing is written, because it cannot hold all of {source}:{listed(faults)}")
    if not items:
        raise ModelFileError(f"{source}: there are no tensors left to convert")
    if not writer.by_torch:
        _tell_ties(items, tell)
    return Conversion(target, items, force)


def _writer(target: Path) -> Writer:
    writer = WRITERS.get(target.suffix.lower())
    if writer is None:
        raise ModelFileError(
            f"{target}: {target.suffix or 'no suffix'!r} cannot be written: expected {', '.join(WRITERS)}"
        )
    return writer


def _without(model: Model, skip: Iterable[str]) -> Contents:
    contents = model.contents
    for pattern in skip:
        kept = [each for each in contents if not _matches(each.name, pattern)]
        if len(kept) == len(contents) and not any(_matches(name, pattern) for name in model.passed):
            raise ModelFileError(f"--skip {pattern}: no tensor's name matches")
        contents = kept
    return contents


def _matches(name: str, pattern: str) -> bool:
    return name == pattern or fnmatchcase(name, pattern)


def _unfit(contents: Contents, writer: Writer) -> list[str]:
    faults: list[str] = []
    for each in contents:
        why = each.why if isinstance(each, Unfit) else writer.unfit(each) or _unfit_name(each.name)
        if why:
            faults.append(f"{each.name!r}: {why}")
    return faults


def _unfit_name(name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError as error:
        return f"the name has no UTF-8 form ({error.reason}): rename it in Python"
    return ""


def _repeated(contents: Contents) -> list[str]:
    counts = Counter(each.name for each in contents)
    return [f"{name!r}: {count} tensors have this name" for name, count in counts.items() if count > 1]


def _tell_ties(items: Sequence[Item], tell: Tell) -> None:
    tied: defaultdict[Hashable, list[str]] = defaultdict(list)
    for item in items:
        if item.tie is not None:
            tied[item.tie].append(item.name)
    for names in tied.values():
        if len(names) > 1:
            tell(f"tied: {', '.join(names)} are one tensor in the source; the target gets a copy for each name")
