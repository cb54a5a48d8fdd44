"""``tscompat inspect``: what a model file holds. May import values, codec, report, verbs."""

from __future__ import annotations

import shutil
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal

from tscompat.codec.clauses import CLAUSES
from tscompat.codec.fields import Field
from tscompat.report.verb import Page, Table
from tscompat.values.text import quoted, reason, shown
from tscompat.verbs import inspect as verb
from tscompat.verbs.inspect import Annotated as Bytes
from tscompat.verbs.inspect import Inspection, ModelFileError, Statistics, TensorFound, Total

from . import pages
from .columns import columns
from .pages import Html, Json

ROWS = 40
"""How many tensors a terminal shows; the others are counted there, and a pipe gets all of them."""
FIRST_FIELDS, LAST_FIELDS = 100, 20
"""How many of a file's fields a terminal shows from its begin, and before its end or fault."""
_LARGE = 10**9
"""Integers from here on are rounded, as other numbers are; --json has them exactly."""
_BYTES_IN_A_LINE = 8
_LINES = 4
"""Of the bytes of one field at most; of elements it is one."""
_NAME, _SHAPE, _NAMED = 120, 40, 3
"""Characters of a name and of a shape at most, and how many names a sentence lists."""


def inspect_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A model file in any format that convert reads, or a folder.")
    ],
    key: Annotated[str, typer.Option(help="Where in a nested checkpoint the state dict is: 'ema.model'.")] = "",
    from_format: Annotated[
        str, typer.Option(metavar="NAME", help="The format of FILE, where its content may be of several: 'dat'.")
    ] = "",
    stats: Annotated[
        bool,
        typer.Option("--stats", help="Read the elements: minimum, maximum, mean, NaN, inf and zeros of each tensor."),
    ] = False,
    hex_: Annotated[
        bool,
        typer.Option("--hex", help="The bytes of a file of TorchSharp, with the meaning of each field beside them."),
    ] = False,
    json: Json = False,
    html: Html = None,
) -> None:
    """Look into a model file: what kind it is, its tensors, dtypes, shapes, bytes, offsets and tied names.

    The elements are not read, but with --stats, whose minimum, maximum and mean are those of the finite values. Pickles
    are read without running code in them.

    On a terminal the first 40 tensors are shown; a pipe gets all of them: tscompat inspect model.pth | grep bias
    With --hex a file that breaks the format is shown up to its fault, with the clause of FORMAT.md and what to do.

    Exit codes: 0 done, 2 the file cannot be read or breaks the format.
    """
    try:
        if hex_:
            if key or stats or json or html:
                raise ModelFileError("--hex shows the bytes of a file and takes no other option but --from-format")
            _show_bytes(verb.annotated(file, from_format))
            return
        pages.refuse(html, [file])
        found = verb.inspect(file, key=key, form=from_format, stats=stats)
        if json:
            pages.print_json(found)
        else:
            _show(found)
        if html:
            pages.write(_page(found), html=html)
    except (ModelFileError, OSError) as error:
        typer.echo(f"could not inspect: {reason(error)}", err=True)
        raise typer.Exit(2) from error


def _page(found: Inspection) -> Page:
    head, rows, numbers = _table(found.tensors, stats=bool(found.tensors and found.tensors[0].statistics is not None))
    first, *facts = _head(found)
    others = [[shown(each.name, _NAME), shown(each.why, 400)] for each in found.others]
    tables = [Table("Tensors", head, rows, numbers), Table("No tensors of another file", ["name", "why"], others)]
    return Page("inspect", first, good=True, facts=facts, blocks=tables)


def _width() -> int | None:
    """The columns of the terminal; None where the output is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _print(lines: Iterator[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)


def _show(found: Inspection) -> None:
    width = _width()
    most = None if width is None else ROWS
    _print(_head(found))
    if found.tensors:
        typer.echo("")
        _print(columns(*_table(found.tensors[:most], stats=found.tensors[0].statistics is not None), width))
        if most is not None and len(found.tensors) > most:
            typer.echo(f"… and {len(found.tensors) - most:,} more: a pipe (| less) gets all of them, --json too")
    if found.others:
        typer.echo(f"\nno tensor of another file: {len(found.others):,}")
        for other in found.others[:most]:
            typer.echo(f"  {shown(other.name, _NAME)}: {shown(other.why, 400)}")
        if most is not None and len(found.others) > most:
            typer.echo(f"  … and {len(found.others) - most:,} more")


def _head(found: Inspection) -> Iterator[str]:
    yield f"{shown(found.path, 4096)}: {found.kind}{'' if found.size is None else f', {decimal(found.size)}'}"
    for name, words in found.about.items():
        yield f"  {shown(name)}: {shown(words, 200)}"
    for note in found.notes:
        yield f"  note: {shown(note, 400)}"
    yield _sum(found.total)
    if len(found.by_dtype) > 1:
        for dtype, each in sorted(found.by_dtype.items(), key=lambda pair: -pair[1].bytes):
            yield f"  {dtype}: {_sum(each)}"
    for words, tensors in _odd(found):
        names = ", ".join(quoted(each.name) for each in tensors[:_NAMED])
        rest = len(tensors) - _NAMED
        yield f"{words} in {len(tensors):,} of them: {names}{f' and {rest:,} more' if rest > 0 else ''}"


def _sum(total: Total) -> str:
    counts = ((total.tensors, "tensor"), (total.elements, "element"))
    return ", ".join(
        [*(f"{count:,} {what}{'' if count == 1 else 's'}" for count, what in counts), decimal(total.bytes)]
    )


def _odd(found: Inspection) -> Iterator[tuple[str, list[TensorFound]]]:
    """The tensors with values that are seldom meant to be there, if there are some."""
    nan = [each for each in found.tensors if any(part.nan for part in each.statistics or ())]
    inf = [each for each in found.tensors if any(part.inf or part.minus_inf for part in each.statistics or ())]
    return ((words, tensors) for words, tensors in (("NaN", nan), ("inf", inf)) if tensors)


Row = list[str]


def _table(tensors: Sequence[TensorFound], stats: bool) -> tuple[Row, list[Row], set[int]]:
    """The heads of the columns, the rows, and which columns are of numbers."""
    numbers = ["min", "max", "mean", "NaN", "inf", "zeros"] if stats else ["bytes", "offset", ""]
    head = ["name", "dtype", "shape", *numbers]
    right = {place for place, title in enumerate(head) if title in numbers and title}
    return head, [row for tensor in tensors for row in _rows(tensor)], right


def _rows(tensor: TensorFound) -> Iterator[Row]:
    """One; with the statistics of a complex tensor two, of its real and of its imaginary parts."""
    what = [shown(tensor.name, _NAME) or "(no name)", tensor.dtype, shown(str(list(tensor.shape)), _SHAPE)]
    if tensor.statistics is None:
        offset = "" if tensor.offset is None else str(tensor.offset)
        yield [*what, decimal(tensor.bytes), offset, _remark(tensor)]
        return
    for number, part in enumerate(tensor.statistics):
        yield [*(["  its imaginary parts", "", ""] if number else what), *_numbers(part)]


def _numbers(part: Statistics) -> Row:
    infinities = [f"{part.inf:,}"] * bool(part.inf) + [f"−{part.minus_inf:,}"] * bool(part.minus_inf)
    values = [_number(value) for value in (part.minimum, part.maximum, part.mean)]
    return [*values, f"{part.nan:,}" if part.nan else "", " ".join(infinities), f"{part.zeros:,}" if part.zeros else ""]


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int) and abs(value) < _LARGE else f"{value:.5g}"


def _remark(tensor: TensorFound) -> str:
    if tensor.tied_to is not None:
        return f"tied to {shown(tensor.tied_to, 40)}"
    if tensor.quantizer is not None:
        return f"scale {tensor.quantizer.scale:g}, zero point {tensor.quantizer.zero_point}"
    return ""


def _show_bytes(found: Bytes) -> None:
    """Raises typer.Exit after the fault of a broken file."""
    width = _width()
    typer.echo(f"{found.kind}, {len(found.data):,} bytes; of each field offset, bytes, clause of FORMAT.md, value\n")
    fields = found.fields
    if width is not None:
        _print(_lines(found.data, islice(fields, FIRST_FIELDS), width))
        last = deque[Field](maxlen=LAST_FIELDS)
        skipped = -LAST_FIELDS
        for field in fields:
            last.append(field)
            skipped += 1
        if skipped > 0:
            typer.echo(f"… {skipped:,} more fields: a pipe (| less) gets all of them")
        fields = iter(last)
    _print(_lines(found.data, fields, width))
    if found.fault is not None:
        at = found.fault.offset
        rest = found.data[at : at + _BYTES_IN_A_LINE].hex(" ") or "the file ends here"
        typer.echo(f"{at:08x}  {rest:23}  ← the fault")
        sys.stdout.flush()
        typer.echo(f"\n{verb.explained(found.fault)}", err=True)
        raise typer.Exit(2)


def _lines(data: memoryview, fields: Iterable[Field], width: int | None) -> Iterator[str]:
    """The bytes of each field, eight in a line, beside the first of them what it is; a title before each entry."""
    title: list[str] = []
    for field in fields:
        words = field.place.split(" ", 2)  # entry 3 'fc.weight'; state 2 exp_avg
        if words[:2] != title:
            title = words[:2]
            yield " ".join(title)
        part = "".join(f"{word}, " for word in words[2:] if field.entry is None or title[0] == "state")
        what = f"{part}{field.what}: {field.value}"
        most = _BYTES_IN_A_LINE * (1 if field.of else _LINES)
        there = data[field.offset : min(field.end, field.offset + most)]
        for start in range(0, max(len(there), 1), _BYTES_IN_A_LINE):
            line = f"{field.offset + start:08x}  {there[start : start + _BYTES_IN_A_LINE].hex(' '):23}"
            if not start:
                line += f"  {CLAUSES[field.clause]} {field.clause:18}  "
                line += shown(what, 400 if width is None else max(width - len(line), 20))
            yield line.rstrip()
        if field.nbytes > len(there):
            yield f"          … {field.nbytes - len(there):,} bytes more"
