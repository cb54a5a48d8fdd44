"""The options of ``convert`` that give a file's tensors the names of a class. Imports nothing of ours.

The fewest and shortest of what does it are taken: a prefix, parts of names that always become the same other part,
whole layers, single tensors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

Names: TypeAlias = Sequence[str]
Renamed: TypeAlias = Mapping[str, str]


def options(names: Names, renamed: Renamed) -> tuple[tuple[str, str], ...]:
    """Options, as pairs of ``--strip-prefix``, ``--add-prefix`` or ``--rename`` and their value.

    ``names`` are all names of the file, ``renamed`` those that the class has otherwise. With the options those get
    their new names, and no other name changes. Empty if there is nothing to rename, and where no option can.
    """
    if not renamed or any("=" in new for new in renamed.values()):  # --rename parts its value at the last one
        return ()
    wanted = {name: renamed.get(name, name) for name in names}
    each = tuple(("--rename", f"^{re.escape(old)}$={_plain(new)}") for old, new in renamed.items())
    suggested = (*(suggest(names, renamed) for suggest in (_prefix, _parts, _layers)), each)
    right = [found for found in suggested if found and all(apply(found, name) == wanted[name] for name in names)]
    return min(right, key=lambda found: (len(found), sum(len(value) for _, value in found)), default=())


def apply(given: Sequence[tuple[str, str]], name: str) -> str:
    """What the options make of a name, as ``convert`` does."""
    for option, value in given:
        if option == "--strip-prefix":
            name = name.removeprefix(value)
        elif option == "--add-prefix":
            name = value + name
        else:
            pattern, _, text = value.rpartition("=")
            name = re.sub(pattern, text, name)
    return name


def _prefix(names: Names, renamed: Renamed) -> tuple[tuple[str, str], ...]:
    old, new = next(iter(renamed.items()))
    if old.endswith(new):
        return (("--strip-prefix", old.removesuffix(new)),)
    return (("--add-prefix", new.removesuffix(old)),) if new.endswith(old) else ()


def _parts(names: Names, renamed: Renamed) -> tuple[tuple[str, str], ...]:
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


def _layers(names: Names, renamed: Renamed) -> tuple[tuple[str, str], ...]:
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


def quoted(given: Sequence[tuple[str, str]], quote: Callable[[str], str]) -> Iterator[str]:
    """The options as words of a command line."""
    for option, value in given:
        yield f"{option} {quote(value)}"
