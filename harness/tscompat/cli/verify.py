"""``tscompat verify``: whether a model file reaches TorchSharp, and fits a class. May import values, report, verbs."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal

from tscompat.report.verb import Block, Lines, Page, Table
from tscompat.values.text import reason, shown
from tscompat.verbs import verify as verb
from tscompat.verbs.convert import pattern_and_replacement, read_map
from tscompat.verbs.verify import Entry, Fit, ModelFileError, Own, Row, Transfer, Verified
from tscompat.verbs.verify.listing import LINES

from . import pages
from .columns import columns
from .convert import AddPrefix, DType, Key, Map, Rename, Skip, StripPrefix
from .options import Arguments, ClassName, LibTorch, Native, NugetSource, TorchSharp, TorchSharpDll
from .pages import Html, Json, Markdown

ROWS = 40
"""How many lines of a table a terminal shows; a pipe gets all of them."""
_EXIT = {"arrives": 0, "differs": 1, "undecided": 2}


def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A model file in any format that convert reads.")],
    assembly: Annotated[
        Path | None,
        typer.Option(metavar="DLL", help="Your assembly, beside your libraries that it needs: its code is run."),
    ] = None,
    class_name: ClassName = "",
    arguments: Arguments = "[]",
    listing: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="In place of --assembly: what the lines of C# wrote, or a .dat it saved."),
    ] = None,
    key: Key = "",
    from_format: Annotated[
        str, typer.Option(metavar="NAME", help="The format of FILE, where its content may be of several: 'dat'.")
    ] = "",
    skip: Skip = None,
    map_: Map = None,
    strip_prefix: StripPrefix = "",
    rename: Rename = None,
    add_prefix: AddPrefix = "",
    dtype: DType = "",
    json: Json = False,
    html: Html = None,
    markdown: Markdown = None,
    torchsharp: TorchSharp = None,
    libtorch: LibTorch = None,
    nuget_source: NugetSource = "",
    torchsharp_dll: TorchSharpDll = "",
    native: Native = "",
) -> None:
    """Send a model file through the real TorchSharp, both ways, and see whether it fits your C# class.

    By each route (TorchSharp's .dat; .safetensors and .pth by TorchSharp.PyBridge) TorchSharp loads the tensors and
    saves them again, and both are compared bit for bit. The lines of C# to paste come last.

    With --assembly and --type your class is built in .NET, which runs its code. Its state dict is shown beside the
    file: what is missing, renamed, transposed, of another shape, dtype or order, and the options of convert that make
    it fit. Then TorchSharp loads the file into it, strictly. Without an assembly, --listing takes its state dict from a
    file, which three lines of C# write.

    Exit codes: 0 it arrives (by one route at least, and fits the class), 1 it does not, 2 could not verify.
    """
    try:
        if bool(assembly) != bool(class_name):
            raise ModelFileError("--assembly and --type go together: give both")
        if assembly and listing:
            raise ModelFileError("--listing stands in place of --assembly: give one of them")
        for written in (html, markdown):
            pages.refuse(written, [file, assembly, listing, map_])
        found = verb.verify(
            file,
            key=key,
            form=from_format,
            skip=skip or (),
            mapping=None if map_ is None else read_map(map_),
            strip_prefix=strip_prefix,
            rename=[pattern_and_replacement(words) for words in rename or ()],
            add_prefix=add_prefix,
            dtype=dtype,
            own=Own(assembly, class_name, arguments) if assembly else None,
            listed=listing,
            choice=verb.choice_of(
                torchsharp=torchsharp or (),
                libtorch=libtorch or (),
                nuget_source=nuget_source,
                torchsharp_dll=torchsharp_dll,
                native=native,
            ),
        )
    except (ModelFileError, OSError) as error:
        typer.echo(f"could not verify: {reason(error)}", err=True)
        raise typer.Exit(2) from error
    if json:
        pages.print_json(found)
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(found))
    if html or markdown:
        pages.write(_page(found), html=html, markdown=markdown)
    raise typer.Exit(_EXIT[found.outcome])


def _lines(found: Verified) -> Iterator[str]:
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    yield _head(found)
    yield from (f"  note: {shown(note, 400)}" for note in found.notes)
    if found.routes:
        yield ""
        yield from columns(_ways(found), _routes(found), (), width)
        yield from _losses(found)
    if found.fit:
        yield ""
        yield from _fit(found.fit, width)
    elif found.outcome != "undecided":
        yield ""
        yield "To see whether it fits your class: --assembly App.dll --type My.Net; or have C# list its state dict,"
        yield "and give the file with --listing listing.txt:"
        yield from (f"  {line}" for line in LINES)
    if found.code:
        yield ""
        yield from (f"  {line}" for line in found.code)
    yield ""
    yield _outcome(found)


def _head(found: Verified) -> str:
    count = f"{found.tensors:,} tensor{'' if found.tensors == 1 else 's'}"
    return f"{shown(found.path, 4096)}: {found.kind}, {count}, {found.elements:,} elements, {decimal(found.bytes)}"


def _ways(found: Verified) -> list[str]:
    return ["route", "given", f"TorchSharp {found.torchsharp} loads", "and saves"]


def _routes(found: Verified) -> list[list[str]]:
    return [[each.route, each.file, _word(each.to_dotnet), _word(each.to_python)] for each in found.routes]


def _losses(found: Verified) -> Iterator[str]:
    for each in found.routes:
        for way, transfer in (("load", each.to_dotnet), ("save", each.to_python)):
            if transfer.kind != "pass":
                yield f"{each.route}, {shown(each.file)}, {way}: {shown(transfer.detail, 400)}"


def _page(found: Verified) -> Page:
    rows = _routes(found)
    lost = {number for number, row in enumerate(rows) if row[2:] != ["same bits", "same bits"]}
    blocks: list[Block] = [
        Table("By which routes it reaches TorchSharp", _ways(found), rows, marked=lost),
        Lines("What they lose", [*_losses(found)]),
    ]
    if found.fit:
        fit = found.fit
        differ = {number for number, row in enumerate(fit.rows) if row.what}
        blocks += [
            Lines("What differs from the class", [*_findings(fit), *_advice(fit)]),
            Lines(_what_options_do(fit), fit.options, code=True),
            Lines("Strict load", [*_strictly(fit)]),
            Table("The file beside the class", _sides(fit), [*map(_row, fit.rows)], marked=differ),
        ]
    blocks.append(Lines("To load it", found.code, code=True))
    facts = [_head(found), *(shown(note, 400) for note in found.notes)]
    return Page("verify", _outcome(found), good=found.outcome == "arrives", facts=facts, blocks=blocks)


def _word(transfer: Transfer) -> str:
    return "same bits" if transfer.kind == "pass" else transfer.kind


def _fit(fit: Fit, width: int | None) -> Iterator[str]:
    most = len(fit.rows) if width is None else ROWS
    rows = sorted(fit.rows, key=lambda row: not row.what) if len(fit.rows) > most else list(fit.rows)
    yield from columns(_sides(fit), [*map(_row, rows[:most])], (), width)
    if len(rows) > most:
        yield f"… and {len(rows) - most:,} more: a pipe (| less) gets all of them, --json too"
    yield from _findings(fit)
    yield from _advice(fit)
    if fit.options:
        yield f"{_what_options_do(fit)}: {' '.join(fit.options)}"
    yield from _strictly(fit)


def _advice(fit: Fit) -> Iterator[str]:
    if fit.by_order:
        names = ", ".join(shown(name) for name in fit.by_order[:3])
        more = f" and {len(fit.by_order) - 3} more" if len(fit.by_order) > 3 else ""
        yield f"matched by their order alone, because others have the same shapes: {names}{more}."
        yield "Whether that is right, tscompat parity shows: it compares what the class computes."


def _what_options_do(fit: Fit) -> str:
    return "With these options of convert it fits" if fit.enough else "These options of convert rename what they can"


def _strictly(fit: Fit) -> Iterator[str]:
    """How the strict load ended, if there was one."""
    if fit.loaded:
        how = "With them" if fit.options else "As it is"
        if fit.loaded.kind == "pass":
            yield f"{how}, TorchSharp loads it strictly into the class, with the same bits."
        else:
            yield f"{how}, TorchSharp's strict load into the class: {fit.loaded.kind}: {shown(fit.loaded.detail, 400)}"


def _findings(fit: Fit) -> Iterator[str]:
    return (f"{each.what}: {shown(each.name)}: {shown(each.detail, 400)}" for each in fit.findings)


def _sides(fit: Fit) -> list[str]:
    return ["in the file", "dtype", "shape", f"in {shown(fit.cls, 60)}", "dtype", "shape", "what differs"]


def _row(row: Row) -> list[str]:
    return [*_side(row.file), *_side(row.cls), ", ".join(row.what)]


def _side(entry: Entry | None) -> list[str]:
    return [shown(entry.name, 100), entry.dtype, shown(str(list(entry.shape)), 40)] if entry else ["—", "", ""]


def _outcome(found: Verified) -> str:
    if found.outcome == "arrives":
        fits = f", and it fits {shown(found.fit.cls, 4096)}" if found.fit else ""
        return f"arrives: the same bits in TorchSharp and back{fits}"
    if found.outcome == "undecided":
        return "undecided: TorchSharp was not asked"
    if found.fit and found.fit.findings:
        count = len(found.fit.findings)
        return f"differs: {count} finding{'' if count == 1 else 's'} between the file and {shown(found.fit.cls, 4096)}"
    return "differs: no route brings all of it into TorchSharp and back"
