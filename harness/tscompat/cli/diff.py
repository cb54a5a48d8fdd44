"""``tscompat diff``: what differs between two model files. May import values, report, verbs."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from tscompat.report.verb import Lines, Page, Table
from tscompat.values.text import reason
from tscompat.values.text import shown as safe
from tscompat.verbs import diff as verb
from tscompat.verbs.diff import Comparison, Element, Lone, ModelFileError, Side, Values

from . import pages
from .pages import Html, Json
from .shown import shown

ROWS = 10
"""How many lines of a list a terminal shows; the others are counted there, and a pipe gets all of them."""
_EXIT = {"equal": 0, "different": 1, "undecided": 2}


def diff_(
    a: Annotated[Path, typer.Argument(metavar="A", help="A model's file in any format that convert reads.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another one, of the same format or of another.")],
    key_a: Annotated[str, typer.Option(help="Where in A the state dict is, if it is nested: 'ema.model'.")] = "",
    key_b: Annotated[str, typer.Option(help="The same for B.")] = "",
    from_format_a: Annotated[
        str, typer.Option(metavar="NAME", help="The format of A, where its content may be of several: 'dat'.")
    ] = "",
    from_format_b: Annotated[str, typer.Option(metavar="NAME", help="The same for B.")] = "",
    rtol: Annotated[float | None, typer.Option(help="Compare values: |a - b| <= atol + rtol * |b|.")] = None,
    atol: Annotated[float | None, typer.Option(help="The same; the one that is not given is 0.")] = None,
    json: Json = False,
    html: Html = None,
) -> None:
    """Compare two model files bit for bit: names, dtypes and shapes first, then elements, the largest difference first.

    A tensor that only one file has is looked for under another name: with the same bits, or the same shape and a like
    name. With --rtol or --atol values are compared instead of bits, as numpy's allclose does: NaN equals NaN, and a
    tensor may have another dtype in B. Another order of the tensors is shown and is no difference, because PyTorch and
    TorchSharp find tensors by name.

    On a terminal the first 10 lines of each list are shown; a pipe gets all of them.

    Exit codes: 0 equal, 1 different, 2 a file cannot be read, or nothing differs in what could be compared, and entries
    that are no dense tensors could not.
    """
    try:
        pages.refuse(html, [a, b])
        found = verb.diff(
            a, b, key_a=key_a, key_b=key_b, form_a=from_format_a, form_b=from_format_b, rtol=rtol, atol=atol
        )
    except (ModelFileError, OSError) as error:
        typer.echo(f"could not compare: {reason(error)}", err=True)
        raise typer.Exit(2) from error
    if json:
        pages.print_json(found)
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(found, _most()))
    if html:
        pages.write(_page(found), html=html)
    raise typer.Exit(_EXIT[found.outcome])


def _most() -> int | None:
    """How many lines of a list are shown; None for all."""
    return ROWS if sys.stdout.isatty() else None


def _lines(found: Comparison, most: int | None) -> Iterator[str]:
    yield from _side("A", found.a)
    yield from _side("B", found.b)
    yield ""
    lists = _lists(found)
    for title, lines in lists:
        if lines:
            yield f"{title}: {len(lines):,}"
            yield from (f"  {line}" for line in shown(lines, len(lines) if most is None else most))
    if found.values:
        yield f"with other values: {len(found.values):,} of {found.compared:,} tensors, the largest difference first"
        yield from _values(found.values, len(found.values) if most is None else most)
    yield from _notes(found)
    yield from _outcome(found)


def _lists(found: Comparison) -> list[tuple[str, list[str]]]:
    """What differs beside values: each kind with its lines."""
    return [
        ("only in A", [_lone(each) for each in found.missing]),
        ("only in B", [_lone(each) for each in found.extra]),
        ("renamed in B", [f"{_name(each.a)} → {_name(each.b)}, by {_BY[each.by]}" for each in found.renamed]),
        (
            "not comparable",
            [f"{_both(each.a, each.b)}: {each.what} {each.in_a} → {each.in_b}" for each in found.unlike],
        ),
        (
            "not compared",
            [f"{_name(each.name)} in {each.side.upper()}: {safe(each.why, 300)}" for each in found.not_compared],
        ),
    ]


def _notes(found: Comparison) -> Iterator[str]:
    if any(each.what == "dtype" for each in found.unlike):
        yield "note: --rtol 0 compares the values of tensors of other dtypes"
    if found.order is not None:
        place = f"{_name(found.order.a)} in A, {_name(found.order.b)} in B"
        yield f"note: another order, from tensor {found.order.place} on: {place}"
    for note in found.notes:
        yield f"note: {safe(note, 300)}"


def _page(found: Comparison) -> Page:
    *_, sentence = _outcome(found)
    lists = [Lines(title[:1].upper() + title[1:], lines) for title, lines in _lists(found)]
    head = ["tensor", "dtype", "shape", "elements that differ", "the largest difference", "the first"]
    rows = [
        [
            *(_both(each.a, each.b), each.dtype, safe(str(list(each.shape)), 40)),
            f"{each.differing:,} of {each.elements:,}",
            *(_element(each, element) for element in (each.largest, each.first)),
        ]
        for each in found.values
    ]
    facts = [*_side("A", found.a), *_side("B", found.b), *_notes(found)]
    blocks = [*lists, Table("With other values, the largest difference first", head, rows, {3})]
    return Page("diff", sentence, good=found.outcome == "equal", facts=facts, blocks=blocks)


_BY = {"bits": "its bits", "name": "the end of its name", "shape": "dtype and shape"}


def _side(letter: str, side: Side) -> Iterator[str]:
    yield f"{letter}: {safe(side.path, 4096)}: {side.kind}, {side.tensors:,} tensor{'' if side.tensors == 1 else 's'}"
    yield from (f"   note: {safe(note, 400)}" for note in side.notes)


def _name(name: str) -> str:
    return f"'{safe(name)}'"


def _both(a: str, b: str) -> str:
    return _name(a) if a == b else f"{_name(a)} → {_name(b)}"


def _lone(lone: Lone) -> str:
    return f"{_name(lone.name)} {lone.dtype} {safe(str(list(lone.shape)), 40)}"


def _values(values: Sequence[Values], most: int) -> Iterator[str]:
    for each in values[:most]:
        what = f"{each.dtype} {safe(str(list(each.shape)), 40)}"
        yield f"  {_both(each.a, each.b)} {what}: {each.differing:,} of {each.elements:,} elements"
        yield f"    largest {_element(each, each.largest)}"
        if each.first != each.largest:
            yield f"    first   {_element(each, each.first)}"
    if len(values) > most:
        yield f"  … and {len(values) - most:,} more"


def _element(values: Values, element: Element) -> str:
    words = [f"{safe(str(list(element.index)), 40)}: {element.a_bits} {element.a} → {element.b_bits} {element.b}"]
    if element.distance is not None and ("float" in values.dtype or "complex" in values.dtype):
        words.append(f"{element.distance:,} ULP")
    if element.difference is not None:
        words.append(f"difference {element.difference:.3g}")
    return ", ".join(words)


def _outcome(found: Comparison) -> Iterator[str]:
    counts = [(title, len(lines)) for title, lines in _lists(found)] + [("with other values", len(found.values))]
    how = "bit for bit" if found.rtol is None else f"within rtol {found.rtol:g} and atol {found.atol:g}"
    if found.outcome == "equal":
        yield f"equal: {found.equal:,} tensor{'' if found.equal == 1 else 's'}, {how}"
        return
    yield f"{found.equal:,} of {found.compared:,} tensors are equal {how}"
    named = ", ".join(f"{count:,} {title}" for title, count in counts if count)
    yield f"{found.outcome}: {named or 'there is nothing to compare'}"
