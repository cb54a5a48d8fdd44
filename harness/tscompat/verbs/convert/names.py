"""Gives the tensors of a source other names, by the options of ``convert``. May import values, files.

The options apply in a fixed order, each to the names that the one before gave: the map, the prefix that is taken off,
the patterns in the order in which they were given, the prefix that is added.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard, cast

from tscompat.files.item import Contents, ModelFileError, Tell, listed, some
from tscompat.files.source import opened
from tscompat.values.text import quoted, shown

_LARGEST_MAP = 1 << 26
"""Bytes of a map's file at most: a million names."""
_WRAPPERS = ("module", "_orig_mod", "model", "net", "network", "ema", "ema_model", "model_ema", "_forward_module")
"""What tools put before the names of the model that they wrap."""


_COUNTERS = {"n_averaged", "num_updates", "decay", "initted", "step"}
"""What averages of weights keep beside the model that they wrap."""


_LONGEST = 1 << 16
"""Letters of a new name."""


class Names(NamedTuple):
    """How names change."""

    mapping: Mapping[str, str] = {}
    """The new name of each of these names of the source."""
    strip_prefix: str = ""
    rename: Sequence[tuple[str, str]] = ()
    """Patterns of Python's ``re``, and what takes the place of each match."""
    add_prefix: str = ""


def read_map(path: Path) -> dict[str, str]:
    """A file with a JSON object of strings. Raises ModelFileError for any other, and OSError."""
    data = opened(path).data
    if len(data) > _LARGEST_MAP:
        raise ModelFileError(f"{path}: found a map of {len(data)} bytes, expected at most {_LARGEST_MAP}")
    try:
        document: Any = json.loads(data.tobytes(), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{path}: not a map of names: {shown(str(error), 200)}") from error
    if not _is_map(document):
        raise ModelFileError(f'{path}: expected a JSON object of old and new names: {{"fc.weight": "head.weight"}}')
    return document


def _is_map(document: object) -> TypeGuard[dict[str, str]]:
    return isinstance(document, dict) and all(
        isinstance(new, str) for new in cast("dict[str, object]", document).values()
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) < len(pairs):
        raise ValueError("a name is there twice")
    return names


def pattern_and_replacement(words: str) -> tuple[str, str]:
    """The two halves of ``PATTERN=REPLACEMENT``, parted at the last ``=``. Raises ModelFileError without one."""
    pattern, equals, replacement = words.rpartition("=")
    if not (equals and pattern):
        raise ModelFileError(f"--rename {shown(words)}: expected PATTERN=REPLACEMENT, such as '^encoder=backbone'")
    return pattern, replacement


def renamed(contents: Contents, names: Names, tell: Tell) -> Contents:
    """The contents under their new names. ``tell`` gets how many names a prefix is not of.

    Raises ModelFileError for an option that changes nothing, a pattern that is wrong, and two tensors that would have
    one name.
    """
    old = [each.name for each in contents]
    new = _mapped(old, names.mapping)
    if names.strip_prefix:
        new = _stripped(new, names.strip_prefix, tell)
    for pattern, replacement in names.rename:
        new = _substituted(new, pattern, replacement)
    new = [names.add_prefix + name for name in new]
    _refuse_collisions(old, new)
    return [each._replace(name=name) for each, name in zip(contents, new, strict=True)]


def _mapped(names: list[str], mapping: Mapping[str, str]) -> list[str]:
    unknown = sorted(mapping.keys() - set(names))
    if unknown:
        raise ModelFileError(f"--map: the source has no {_quoted(unknown)}")
    return [mapping.get(name, name) for name in names]


def _stripped(names: list[str], prefix: str, tell: Tell) -> list[str]:
    others = [name for name in names if not name.startswith(prefix)]
    if len(others) == len(names):
        raise ModelFileError(f"--strip-prefix {shown(prefix)}: no name begins with it")
    stripped = [name.removeprefix(prefix) for name in names]
    dotted = next((name for name in stripped if name.startswith(".")), None)
    if dotted is not None and not prefix.endswith("."):
        raise ModelFileError(
            f"--strip-prefix {shown(prefix)}: what is left of a name begins with a dot, {quoted(dotted)}: give "
            f"{shown(prefix)}. with its dot"
        )
    if others:
        tell(f"--strip-prefix {prefix}: {len(others)} names do not begin with it and stay: {_quoted(others)}")
    return stripped


def _substituted(names: list[str], pattern: str, replacement: str) -> list[str]:
    where = f"--rename {shown(pattern)}={shown(replacement)}"
    try:
        compiled = re.compile(pattern)
        if not any(map(compiled.search, names)):
            raise ModelFileError(f"{where}: no name matches")
        made = [compiled.sub(replacement, name) for name in names]
    except (re.error, IndexError, OverflowError, RecursionError) as error:
        raise ModelFileError(f"{where}: wrong as a regular expression of Python's: {error}") from error
    if longest := next((name for name in made if len(name) > _LONGEST), ""):
        raise ModelFileError(f"{where}: makes a name of {len(longest):,} letters; expected at most {_LONGEST:,}")
    return made


def _refuse_collisions(old: list[str], new: list[str]) -> None:
    sources: defaultdict[str, set[str]] = defaultdict(set)
    for before, after in zip(old, new, strict=True):
        sources[after].add(before)
    faults = [f"{quoted(name)}: {_quoted(sorted(each))}" for name, each in sources.items() if len(each) > 1]
    if faults:
        raise ModelFileError(f"several tensors would have one name, so nothing is written:{listed(faults)}")


def tell_prefix(names: Sequence[str], tell: Tell) -> None:
    """Tell which prefix all names share, if there is one, and the option that takes it off.

    A part that ends all names but one dot (``fc.weight``, ``fc.bias``) is a layer, unless it is a wrapper's.
    """
    counted = [name for name in names if name not in _COUNTERS]
    prefix = _common(counted, _WRAPPERS) or _common(counted, ())
    if prefix:
        tell(
            f"all names begin with {quoted(prefix)}: a model whose names begin otherwise loads none of them; "
            f"--strip-prefix {shown(prefix)} takes it off"
        )


def _common(names: Sequence[str], known: Sequence[str]) -> str:
    """All parts of ``known`` that the names begin with; without ``known``, their first part, if more follow."""
    prefix = ""
    while names:
        part, dot, _ = names[0][len(prefix) :].partition(".")
        longer = f"{prefix}{part}."
        if not dot or not all(name.startswith(longer) for name in names):
            return prefix
        if not known:
            return longer if len(names) > 1 and any("." in name[len(longer) :] for name in names) else ""
        if part not in known:
            return prefix
        prefix = longer
    return prefix


def _quoted(names: Sequence[str]) -> str:
    return some([quoted(name) for name in names])
