"""The options of ``convert`` that give a file's tensors the names of a class. Imports the verb convert.

The fewest and shortest of what does it are taken: a prefix, parts of names that always become the same other part,
whole layers, single tensors.
"""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from tscompat.verbs.convert.names import Names

Options: TypeAlias = tuple[tuple[str, str], ...]
"""Options and their values."""
Renamed: TypeAlias = Mapping[str, str]
_NUMBER = re.compile(r"\d+")


def options(names: Sequence[str], renamed: Renamed) -> Options:
    """Options, as pairs of ``--strip-prefix``, ``--add-prefix`` or ``--rename`` and their value.

    ``names`` are all names of the file, ``renamed`` those that the class has otherwise. With the options those get
    their new names, and no other name changes. Empty if there is nothing to rename, and where no option can.
    """
    if not renamed or any("=" in new for new in renamed.values()):  # --rename parts its value at the last one
        return ()
    wanted = {name: renamed.get(name, name) for name in names}
    found: Options = ()
    for suggest in (_prefix, _parts, _numbered, _layers, _each):
        suggested = suggest(names, renamed)
        if not suggested or (found and _length(suggested) >= _length(found)):
            continue
        if all(apply(suggested, name) == wanted[name] for name in names):
            found = suggested
    return found


def _length(found: Options) -> tuple[int, int]:
    return len(found), sum(len(value) for _, value in found)


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """re keeps only 512 patterns."""
    return re.compile(pattern)


def apply(given: Options, name: str) -> str:
    """What the options make of a name, as ``convert`` does."""
    for option, value in given:
        if option == "--strip-prefix":
            name = name.removeprefix(value)
        elif option == "--add-prefix":
            name = value + name
        else:
            pattern, _, text = value.rpartition("=")
            name = _compiled(pattern).sub(text, name)
    return name


def _prefix(names: Sequence[str], renamed: Renamed) -> Options:
    old, new = next(iter(renamed.items()))
    if old.endswith(new):
        return (("--strip-prefix", old.removesuffix(new)),)
    return (("--add-prefix", new.removesuffix(old)),) if new.endswith(old) else ()


def _parts(names: Sequence[str], renamed: Renamed) -> Options:
    """Parts between dots that become other ones wherever they stand."""
    changed: dict[str, str] = {}
    for old, new in renamed.items():
        ours, theirs = old.split("."), new.split(".")
        if len(ours) != len(theirs):
            return ()
        for part, other in zip(ours, theirs, strict=True):
            if part != other and changed.setdefault(part, other) != other:
                return ()
    return tuple(
        ("--rename", rf"(^|\.){re.escape(part)}(?=\.|$)=\g<1>{_plain(other)}") for part, other in changed.items()
    )


def _numbered(names: Sequence[str], renamed: Renamed) -> Options:
    """What stands before the parts that stay, with the numbers in it as groups: one option for all layers of a kind."""
    heads: dict[str, str] = {}
    for old, new in renamed.items():
        ours, theirs = _heads(old, new)
        if not ours or not theirs or _NUMBER.findall(ours) != _NUMBER.findall(theirs):
            return ()
        pattern = _NUMBER.sub(lambda _: r"(\d+)", re.escape(ours))
        text = _with_groups(_plain(theirs))
        if heads.setdefault(pattern, text) != text:
            return ()
    return tuple(("--rename", rf"^{pattern}\.={text}.") for pattern, text in heads.items())


def _with_groups(text: str) -> str:
    """The text with references to groups in the place of its numbers."""
    parts = _NUMBER.split(text)
    return "".join(part + (rf"\g<{place}>" if place < len(parts) else "") for place, part in enumerate(parts, 1))


def _each(names: Sequence[str], renamed: Renamed) -> Options:
    return tuple(("--rename", f"^{re.escape(old)}$={_plain(new)}") for old, new in renamed.items())


def _layers(names: Sequence[str], renamed: Renamed) -> Options:
    """What stands before the parts that stay, for each layer."""
    heads: dict[str, str] = {}
    for old, new in renamed.items():
        ours, theirs = _heads(old, new)
        if not ours or not theirs or heads.setdefault(ours, theirs) != theirs:
            return ()
    return tuple(("--rename", rf"^{re.escape(head)}\.={_plain(other)}.") for head, other in heads.items())


def _heads(old: str, new: str) -> tuple[str, str]:
    """What is left of both names without the parts at their end that are the same."""
    ours, theirs = old.split("."), new.split(".")
    while len(ours) > 1 and len(theirs) > 1 and ours[-1] == theirs[-1]:
        ours.pop()
        theirs.pop()
    if old.rpartition(".")[2] != new.rpartition(".")[2]:
        return "", ""
    return ".".join(ours), ".".join(theirs)


def _plain(text: str) -> str:
    """The text as a replacement, in which a backslash means something."""
    return text.replace("\\", "\\\\")


def pairs(names: Names) -> Options:
    """The options that give these new names, but for a map, as pairs."""
    given = [("--strip-prefix", names.strip_prefix)]
    given += [("--rename", f"{pattern}={text}") for pattern, text in names.rename]
    given += [("--add-prefix", names.add_prefix)]
    return tuple((option, value) for option, value in given if value)


def quoted(given: Options) -> Iterator[str]:
    """The options as words of a command line."""
    return (f"{option} {shlex.quote(value)}" for option, value in given)
