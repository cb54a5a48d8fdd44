"""Puts the tensors of a file beside the state dict of a class: what fits, and what differs. May import values.

Tensors are matched by name. Of what is left, a layer (all entries below one prefix) is taken for another one whose
entries have the same names and shapes, or shapes alone; then single entries of one layer for one another, by shape. Of
several layers with the same entries, those are matched whose names are alike, the others in their order, and their
names are kept (``by_order``): nothing else shows then which is which.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from .document import Entry, Finding, Row, What


class Pairs(NamedTuple):
    """Which entry of the class is which of the file."""

    both: list[tuple[Entry, Entry]]
    """In the order of the file: the file's and the class's."""
    only_file: list[Entry]
    only_class: list[Entry]
    by_order: set[str]
    """Names of the file's that were matched by nothing but their order, among others of the same shapes."""

    @property
    def renamed(self) -> dict[str, str]:
        """The names that differ, the file's and the class's."""
        return {ours.name: theirs.name for ours, theirs in self.both if ours.name != theirs.name}


Group: TypeAlias = list[Entry]
Signature: TypeAlias = Callable[[Group], Hashable]


def layer_of(name: str) -> str:
    """The prefix of a name: ``encoder.fc`` of ``encoder.fc.weight``; empty for a name without a dot."""
    return name.rpartition(".")[0]


def _end(name: str) -> str:
    return name.rpartition(".")[2]


def pair(file: Sequence[Entry], cls: Sequence[Entry]) -> Pairs:
    """Match the entries of a file and of a class."""
    named = {each.name: each for each in cls}
    partner = {each.name: named[each.name] for each in file if each.name in named}
    left, right = ([each for each in side if each.name not in partner] for side in (file, cls))
    taken = {layer_of(name) for name in partner}
    by_order: set[str] = set()
    for signature in (_names_and_shapes, _shapes, _names):
        ours, theirs = (_layers(side, taken) for side in (left, right))
        for one, other, guessed in _matched(ours, theirs, signature):
            for entry, match in zip(one, other, strict=True):
                partner[entry.name] = match
                if guessed or _exchangeable(entry, match, one):
                    by_order.add(entry.name)
        left, right = _without(left, right, partner)
    for one, other in _same_layer(left, right):
        partner[one.name] = other
    left, right = _without(left, right, partner)
    both = [(each, partner[each.name]) for each in file if each.name in partner]
    return Pairs(both, left, right, by_order)


def _without(left: Group, right: Group, partner: dict[str, Entry]) -> tuple[Group, Group]:
    used = {each.name for each in partner.values()}
    return [each for each in left if each.name not in partner], [each for each in right if each.name not in used]


def _layers(entries: Iterable[Entry], taken: set[str]) -> list[Group]:
    """The layers of which no entry has a partner by its name."""
    groups: defaultdict[str, Group] = defaultdict(list)
    for each in entries:
        groups[layer_of(each.name)].append(each)
    return [group for layer, group in groups.items() if layer not in taken]


_SYNONYMS = {
    **{"gamma": "weight", "scale": "weight", "kernel": "weight", "beta": "bias", "offset": "bias"},
    **{"moving_mean": "running_mean", "moving_variance": "running_var", "moving_var": "running_var"},
}
"""What Keras, TensorFlow and old BERTs call the tensors of a layer, and what torch does."""


def _known(name: str) -> str:
    """The end of a name as torch calls it."""
    end = _end(name)
    return _SYNONYMS.get(end.lower(), end)


def _names_and_shapes(group: Group) -> Hashable:
    return tuple(sorted((_known(each.name), each.shape) for each in group))


def _shapes(group: Group) -> Hashable:
    return tuple(sorted(each.shape for each in group))


def _names(group: Group) -> Hashable:
    return tuple(sorted(_known(each.name) for each in group))


def _exchangeable(entry: Entry, match: Entry, group: Group) -> bool:
    """Whether another entry of the layer has the same shape, and the names do not show which one is meant."""
    return _known(entry.name) != _known(match.name) and sum(each.shape == entry.shape for each in group) > 1


def _matched(ours: list[Group], theirs: list[Group], signature: Signature) -> Iterator[tuple[Group, Group, bool]]:
    """Layers with the same signature: those that are alike, then the others in their order where both sides have as
    many. The entries of both layers of a pair are in one order. True marks a pair of several that only order shows.
    """
    by_signature: defaultdict[Hashable, tuple[list[Group], list[Group]]] = defaultdict(lambda: ([], []))
    for side, groups in enumerate((ours, theirs)):
        for group in groups:
            by_signature[signature(group)][side].append(group)
    for one, other in by_signature.values():
        names, others = ([layer_of(group[0].name) for group in side] for side in (one, other))
        alike = dict(_alike(names, others)) if len(one) > 1 or len(other) > 1 else {}
        left = [number for number in _ranked(names) if number not in alike]
        right = [number for number in _ranked(others) if number not in alike.values()]
        in_order = dict(zip(left, right, strict=True)) if len(left) == len(right) else {}
        for number, match in sorted((alike | in_order).items()):
            pair = (_sorted(one[number], signature), _sorted(other[match], signature))
            yield *pair, number in in_order and len(in_order) > 1


def _sorted(group: Group, signature: Signature) -> Group:
    if signature is _shapes:
        return sorted(group, key=lambda each: (each.shape, _known(each.name)))
    return sorted(group, key=lambda each: (_known(each.name), each.shape))


def _ranked(names: Sequence[str]) -> list[int]:
    """The places of names: by their numbers if these alone tell them apart (a file may be sorted as text), else in
    their order.
    """
    places = range(len(names))
    if len({_NUMBERS.sub("", name) for name in names}) > 1:
        return [*places]
    return sorted(places, key=lambda place: [*map(int, _NUMBERS.findall(names[place]))])


def _alike(ours: Sequence[str], theirs: Sequence[str]) -> Iterator[tuple[int, int]]:
    """The places of layers of which each is the only one that is most like the other.

    Numbers count only where both sides have the same: ``features.2`` of 0, 2, 4 is no more ``conv.2`` of 0, 1, 2 than
    ``conv.1``.
    """
    if not ours or not theirs or len(ours) > _MOST or len(theirs) > _MOST:
        return
    numbers = [{number for name in side for number in _NUMBERS.findall(name)} for side in (ours, theirs)]
    if numbers[0] != numbers[1]:
        ours, theirs = ([_NUMBERS.sub("", name) for name in side] for side in (ours, theirs))
    scores = [[_likeness(a, b) for b in theirs] for a in ours]
    across = [[row[place] for row in scores] for place in range(len(theirs))]
    for number, row in enumerate(scores):
        place = row.index(max(row))
        if row[place] > 0 and _only(row, row[place]) and _only(across[place], row[place]):
            yield number, place


def _only(scores: list[float], score: float) -> bool:
    return max(scores) == score and scores.count(score) == 1


_NUMBERS = re.compile(r"\d+")
_MOST = 400
"""How many layers of one signature are compared by name."""


def _likeness(a: str, b: str) -> float:
    """How many parts two names have in common; a part that begins another one counts half, numbers only if equal."""
    ours, theirs = (re.split(r"[._]", name.lower()) for name in (a, b))
    common = Counter(filter(None, ours)) & Counter(theirs)
    left, right = Counter(ours) - common, [*(Counter(theirs) - common).elements()]
    score = float(common.total())
    for part in left.elements():
        begun = next((each for each in right if _begins(part, each)), None)
        if begun is not None:
            right.remove(begun)
            score += 0.5
    return score


def _begins(a: str, b: str) -> bool:
    return bool(a and b) and not a[-1].isdigit() and not b[-1].isdigit() and (a.startswith(b) or b.startswith(a))


def _same_layer(left: Group, right: Group) -> Iterator[tuple[Entry, Entry]]:
    """Entries of one layer with the same shape, where both sides have one of them."""
    places: defaultdict[Hashable, tuple[Group, Group]] = defaultdict(lambda: ([], []))
    for side, entries in enumerate((left, right)):
        for each in entries:
            places[layer_of(each.name), each.shape][side].append(each)
    for ours, theirs in places.values():
        if len(ours) == len(theirs) == 1:
            yield ours[0], theirs[0]


def rows(pairs: Pairs) -> list[Row]:
    """The table: what both have, in the order of the file, then what only one has."""
    both = [Row(file=ours, cls=theirs, what=(*_unlike(ours, theirs),)) for ours, theirs in pairs.both]
    lone = [Row(file=each, cls=None, what=("missing-in-class",)) for each in pairs.only_file]
    return [*both, *lone, *(Row(file=None, cls=each, what=("missing-in-file",)) for each in pairs.only_class)]


def _unlike(ours: Entry, theirs: Entry) -> Iterator[What]:
    if ours.name != theirs.name:
        yield "renamed"
    if ours.shape != theirs.shape:
        turned = len(ours.shape) > 1 and sorted(ours.shape) == sorted(theirs.shape)
        yield "transposed" if turned else "shape"
    if ours.dtype != theirs.dtype:
        yield "dtype"


def findings(table: Sequence[Row], order: tuple[str, str] | None, one_option: str = "") -> list[Finding]:
    """One for each thing that differs; one for a layer whose tensors are all renamed or missing alike.

    Where one option renames all, ``one_option``, its layers are one finding. Several tensors with the same two dtypes
    are one as well. ``order`` has the first two names that stand at one place.
    """
    renamed = [*_of_layers(table, "renamed")]
    if len(renamed) > 1 and one_option:
        detail = f"{renamed[0].detail}; this and {len(renamed) - 1} more by {one_option}"
        renamed = [Finding(what="renamed", name=renamed[0].name, detail=detail)]
    found = [*renamed, *_of_layers(table, "missing-in-class"), *_of_layers(table, "missing-in-file")]
    dtypes: defaultdict[tuple[str, str], Group] = defaultdict(list)
    for row in table:
        if row.file is None or row.cls is None:
            continue
        for what in row.what:
            if what in ("transposed", "shape"):
                detail = f"{list(row.file.shape)} in the file, {list(row.cls.shape)} in the class"
                found.append(Finding(what=what, name=row.file.name, detail=detail))
            elif what == "dtype":
                dtypes[row.file.dtype, row.cls.dtype].append(row.file)
    for (ours, theirs), entries in dtypes.items():
        more = f"; the same of {len(entries) - 1} more" if len(entries) > 1 else ""
        detail = f"{ours} in the file, {theirs} in the class{more}"
        found.append(Finding(what="dtype", name=entries[0].name, detail=detail))
    if order is not None:
        detail = f"the first is {order[0]} in the file and {order[1]} in the class; a load finds tensors by name"
        found.append(Finding(what="order", name=order[0], detail=detail))
    return found


def _of_layers(table: Sequence[Row], what: What) -> Iterator[Finding]:
    groups: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    whole, meant = Counter[str](), Counter[str]()
    names = {id(row): (row.file.name if row.file else "", row.cls.name if row.cls else "") for row in table}
    for row in table:
        ours, theirs = names[id(row)]
        for prefix in _prefixes(theirs if what == "missing-in-file" else ours):
            whole[prefix] += 1
            meant[prefix] += what in row.what
    for row in table:
        if what in row.what:
            ours, theirs = names[id(row)]
            mine = theirs if what == "missing-in-file" else ours
            layer = layer_of(mine)
            if what != "renamed":  # the outermost one of which all is missing
                layer = next((each for each in _prefixes(mine) if whole[each] == meant[each]), layer)
            groups[layer, layer_of(theirs) if what == "renamed" else ""].append(row)
    for (layer, other), each in groups.items():
        if layer and len(each) == whole[layer] and _as_layer(each, what):
            ends = [_name(row).removeprefix(f"{layer}.") for row in each]
            yield Finding(what=what, name=layer, detail=_words(what, other, ends))
        else:
            for row in each:
                yield Finding(what=what, name=_name(row), detail=_words(what, row.cls.name if row.cls else "", []))


def _prefixes(name: str) -> Iterator[str]:
    """Those that end at a dot, the shortest first: ``a`` and ``a.b`` of ``a.b.weight``."""
    at = name.find(".")
    while at >= 0:
        yield name[:at]
        at = name.find(".", at + 1)


def _as_layer(each: Sequence[Row], what: What) -> bool:
    """Whether a layer's rows are one finding: more than one, and of a renamed layer, the ends of the names stay."""
    if what != "renamed":
        return len(each) > 1
    return all(row.file and row.cls and _end(row.file.name) == _end(row.cls.name) for row in each)


def _name(row: Row) -> str:
    entry = row.file or row.cls
    assert entry
    return entry.name


_ENDS = 6
"""How many tensors of a layer a finding names."""


def _words(what: What, other: str, ends: Sequence[str]) -> str:
    of = f" ({', '.join(ends[:_ENDS])}{f' and {len(ends) - _ENDS} more' if len(ends) > _ENDS else ''})" if ends else ""
    if what == "renamed":
        return f"{other} in the class{of}"
    where = "class" if what == "missing-in-class" else "file"
    return f"the {where} has none{of}"


def first_misplaced(pairs: Pairs, cls: Sequence[Entry], buffers: Collection[str] | None) -> tuple[str, str] | None:
    """The first names, the file's and the class's, that stand at the same place; None if the order is the same.

    TorchSharp's state dicts have all parameters first, then all buffers (``Module.state_dict`` in NN/Module.cs), so the
    order of each is compared. ``buffers`` has the class's names of them. If it is None, they are not known, and a class
    of two parts that each have the file's order counts as the same.
    """
    places = {each.name: place for place, each in enumerate(cls)}
    if buffers is None:
        there = sorted(pairs.both, key=lambda both: places[both[1].name])
        rank = {id(both): place for place, both in enumerate(pairs.both)}
        falls = [both for both, after in pairwise(there) if rank[id(after)] < rank[id(both)]]
        return _first(pairs.both, places) if len(falls) > 1 else None
    for group in (False, True):
        found = _first([both for both in pairs.both if (both[1].name in buffers) is group], places)
        if found:
            return found
    return None


def _first(both: Sequence[tuple[Entry, Entry]], places: Mapping[str, int]) -> tuple[str, str] | None:
    there = sorted(both, key=lambda each: places[each[1].name])
    return next(
        ((ours.name, theirs.name) for (ours, _), (other, theirs) in zip(both, there, strict=True) if ours is not other),
        None,
    )
