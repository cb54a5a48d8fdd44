"""Which tensor of one model is which of another: by name, and what is left by likeness. May import files.

Linear in the number of tensors, but for sorting. Elements are read only of tensors without a partner by name.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Literal, NamedTuple, TypeAlias

import xxhash

from tscompat.files.item import Item
from tscompat.verbs.pieces import pieces

_PARTS = 8
"""How many parts of a name (``model.module.``) are taken off at most, to see whether the rest is a name too."""
_LIKE = 0.5
"""The share of their parts that two names have in common at least, to be alike."""
_SEEN = 256
"""Characters of a name that likeness looks at."""

By: TypeAlias = Literal["bits", "name", "shape"]


class Pair(NamedTuple):
    """The same tensor in both models."""

    a: Item
    b: Item
    by: By | None
    """Why, where the names differ."""


class Matched(NamedTuple):
    """All tensors of both models."""

    pairs: list[Pair]
    """In the order of A."""
    missing: list[Item]
    """In A, without a partner."""
    extra: list[Item]
    """In B, without a partner."""


def matched(a: Sequence[Item], b: Sequence[Item]) -> Matched:
    """Match by name (a name that comes several times, in order), then the rest by likeness.

    First those of the same dtype, shape and bits; then those of the same shape of which one name is the end of the
    other; then the only two that are left of a dtype and shape, if their names are alike. Raises as ``Item.read``.
    """
    partner = dict(zip(_numbered(b), b, strict=True))
    found = {name: partner.pop(name, None) for name in _numbered(a)}
    pairs: dict[int, Pair] = {}
    left: dict[int, Item] = {}
    for number, (item, other) in enumerate(zip(a, found.values(), strict=True)):
        if other is None:
            left[number] = item
        else:
            pairs[number] = Pair(item, other, None)
    places = {id(item): number for number, item in left.items()}
    missing, extra = list(left.values()), list(partner.values())
    for by, match in _LIKENESSES if missing and extra else ():
        for one, other in match(missing, extra):
            pairs[places[id(one)]] = Pair(one, other, by)
        gone = {id(each) for pair in pairs.values() for each in (pair.a, pair.b)}
        missing, extra = ([item for item in side if id(item) not in gone] for side in (missing, extra))
    return Matched([pairs[number] for number in sorted(pairs)], missing, extra)


def _numbered(items: Iterable[Item]) -> Iterator[tuple[str, int]]:
    """The names, each with how many times it came before."""
    counts = Counter[str]()
    for item in items:
        yield item.name, counts[item.name]
        counts[item.name] += 1


_Pairs: TypeAlias = Iterator[tuple[Item, Item]]


def _by_bits(missing: list[Item], extra: list[Item]) -> _Pairs:
    """Of several with the same bits, those whose names have the same end; the others in their order."""
    header = _groups(missing, extra, _header)
    both = [_groups(*sides, _digest) for sides in header]
    for ours, theirs in (sides for groups in both for sides in groups):
        ends = list(_by_end(ours, theirs))
        yield from ends
        gone = {id(each) for pair in ends for each in pair}
        rest = ([item for item in side if id(item) not in gone] for side in (ours, theirs))
        yield from zip(*rest, strict=False)


def _by_end(missing: list[Item], extra: list[Item]) -> _Pairs:
    """Those of the same shape of which one name is the end of the other, in whole parts."""
    taken = set[int]()
    for ours, theirs, turned in ((missing, extra, False), (extra, missing, True)):
        ends: defaultdict[tuple[str, tuple[int, ...]], list[Item]] = defaultdict(list)
        for item in theirs:
            for end in _ends(item.name):
                ends[end, item.shape].append(item)
        for item in ours:
            longer = [each for each in ends.get((item.name, item.shape), ()) if id(each) not in taken]
            if len(longer) == 1 and id(item) not in taken:
                taken |= {id(item), id(longer[0])}
                yield (longer[0], item) if turned else (item, longer[0])


def _ends(name: str) -> Iterator[str]:
    """The name without its first part, without its first two parts, and so on."""
    for _ in range(_PARTS):
        _, dot, name = name.partition(".")
        if not dot:
            return
        yield name


def _by_shape(missing: list[Item], extra: list[Item]) -> _Pairs:
    for ours, theirs in _groups(missing, extra, _header):
        if len(ours) == len(theirs) == 1 and _alike(ours[0].name, theirs[0].name):
            yield ours[0], theirs[0]


_LIKENESSES: tuple[tuple[By, Callable[[list[Item], list[Item]], _Pairs]], ...] = (
    ("bits", _by_bits),
    ("name", _by_end),
    ("shape", _by_shape),
)


def _groups(
    missing: list[Item], extra: list[Item], key: Callable[[Item], Hashable]
) -> list[tuple[list[Item], list[Item]]]:
    """The items of both sides that have the same key, for each key that both sides have."""
    groups: defaultdict[Hashable, tuple[list[Item], list[Item]]] = defaultdict(lambda: ([], []))
    for side, items in enumerate((missing, extra)):
        for item in items:
            groups[key(item)][side].append(item)
    return [sides for sides in groups.values() if all(sides)]


def _header(item: Item) -> Hashable:
    return item.dtype, item.shape, item.quantizer


def _digest(item: Item) -> bytes:
    digest = xxhash.xxh3_128()
    for piece in pieces(item):
        digest.update(piece)
    return digest.digest()


def _alike(a: str, b: str) -> bool:
    ours, theirs = (Counter(re.split(r"[._]", name[:_SEEN])) for name in (a, b))
    return (ours & theirs).total() >= _LIKE * max(ours.total(), theirs.total())
