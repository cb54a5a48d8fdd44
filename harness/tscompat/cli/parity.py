"""``tscompat parity``: whether a C# class computes what a PyTorch model computes. May import values, report, verbs."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from tscompat.report.verb import Block, Lines, Page, Table
from tscompat.values.text import reason, shown
from tscompat.verbs.parity.document import Finding, Gradient, Layer, Parity, Training

from . import pages
from .columns import columns
from .convert import AddPrefix, Rename, StripPrefix
from .options import Arguments, ClassName, LibTorch, Native, NugetSource, TorchSharp, TorchSharpDll
from .pages import Html, Json, Markdown

ROWS = 60
"""How many layers a terminal shows, those that differ among them; a pipe gets all of them."""
_OPTIMIZER, _LOSS = "SGD,lr=1e-2", "mse_loss"
_EXIT = {"agrees": 0, "differs": 1}
_WORDS = {
    "equal": "bitwise equal",
    "rounding": "within rounding",
    "differs": "DIFFERS",
    "fails": "FAILS in .NET",
    "not-compared": "not compared",
}
_NOT_NEEDED = "agrees in parts"


def parity(
    python: Annotated[
        str,
        typer.Option(metavar="FILE.py:FUNCTION", help="A function that returns your model: its code is run."),
    ],
    assembly: Annotated[
        Path,
        typer.Option(metavar="DLL", help="Your assembly, beside your libraries that it needs: its code is run."),
    ],
    class_name: ClassName,
    inputs: Annotated[
        list[str],
        typer.Option(
            "--input",
            metavar="SIZES|FILE",
            help="An argument of forward: 1x3x224x224:f32 is random, 1x16:i64:1000 random below 1000; or a file "
            "(.npz). 1x2x8:f32,1x2x8:f32 is a tuple, mask=4x4:f32 is given by its name. May be given again.",
        ),
    ],
    arguments: Arguments = "[]",
    backward: Annotated[bool, typer.Option("--backward", help="Compare gradients, too.")] = False,
    train: Annotated[
        int | None,
        typer.Option("--train", metavar="STEPS", help="Train both on the same batches, and compare each step."),
    ] = None,
    optimizer: Annotated[
        str,
        typer.Option(
            metavar="CLASS,OPTION=N",
            help=f"Of --train: a class of torch.optim and its options. [default: {_OPTIMIZER}]",
        ),
    ] = "",
    loss: Annotated[
        str, typer.Option(help=f"Of --train: cross_entropy or mse_loss; the targets are random. [default: {_LOSS}]")
    ] = "",
    strip_prefix: StripPrefix = "",
    rename: Rename = None,
    add_prefix: AddPrefix = "",
    json: Json = False,
    html: Html = None,
    markdown: Markdown = None,
    torchsharp: TorchSharp = None,
    libtorch: LibTorch = None,
    nuget_source: NugetSource = "",
    torchsharp_dll: TorchSharpDll = "",
    native: Native = "",
) -> None:
    """Compare what a C# class computes with what your PyTorch model computes: the first layer that differs.

    Both get the same weights, those of the Python model, and the same inputs, in eval mode. Each layer in .NET gets the
    inputs that PyTorch's layer of the same name got, so that nothing adds up; then the whole is compared end to end. A
    layer differs where rounding does not explain it (docs/bounds.md). Numbers that both keep (eps, momentum, stride)
    are compared, too. With --backward gradients are, and with --train each step of a training: from the same weights,
    on the same batches, with dropout set to 0 on both sides. --strip-prefix, --rename and --add-prefix give Python's
    names those that your class has.

    The code of --python and of --assembly is run: give none that you do not trust.

    Exit codes: 0 they compute the same, 1 they do not, 2 could not compare.
    """
    # Imported here, because it imports torch.
    from tscompat.verbs import parity as verb
    from tscompat.verbs.convert import pattern_and_replacement

    try:
        if train is None and (optimizer or loss):
            raise verb.ModelFileError("--optimizer and --loss are of --train: give --train 5 for a training of 5 steps")
        for written in (html, markdown):
            pages.refuse(written, [Path(python.rpartition(":")[0]), assembly, *map(Path, inputs)])
        found = verb.parity(
            python,
            verb.Own(assembly, class_name, arguments),
            inputs,
            strip_prefix=strip_prefix,
            rename=[pattern_and_replacement(words) for words in rename or ()],
            add_prefix=add_prefix,
            backward=backward,
            recipe=None if train is None else verb.recipe_of(train, optimizer or _OPTIMIZER, loss or _LOSS),
            choice=verb.choice_of(
                torchsharp=torchsharp or (),
                libtorch=libtorch or (),
                nuget_source=nuget_source,
                torchsharp_dll=torchsharp_dll,
                native=native,
            ),
        )
    except (verb.ModelFileError, OSError) as error:
        typer.echo(f"could not compare: {reason(error)}", err=True)
        raise typer.Exit(2) from error
    if json:
        pages.print_json(found)
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(found))
    if html or markdown:
        pages.write(_page(found), html=html, markdown=markdown)
    raise typer.Exit(_EXIT[found.outcome])


def _lines(found: Parity) -> Iterator[str]:
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    yield shown(found.sentence, 1000)
    yield ""
    yield from _facts(found)
    yield ""
    layers = found.layers
    if width is not None and len(layers) > ROWS:
        wanted = {id(each) for each in [*_different(found), *layers[: ROWS - len(_different(found))], layers[-1]]}
        layers = tuple(each for each in layers if id(each) in wanted)
    yield from columns(_HEAD, [*map(_row, layers)], (), width)
    if len(layers) < len(found.layers):
        yield f"… and {len(found.layers) - len(layers):,} more: a pipe (| less) gets all of them, --json too"
    yield from (f"{_name(each)}: {shown(each.detail, 400)}" for each in _different(found))
    yield from _descents(found, width)
    yield from _notes(found)
    yield ""
    yield from _findings(found)


def _descents(found: Parity, width: int | None) -> Iterator[str]:
    if found.gradients is not None:
        rows = [*map(_gradient, found.gradients)]
        yield ""
        yield from columns(_GRADIENTS, rows if width is None else rows[:ROWS], (), width)
    if found.training is not None:
        yield ""
        yield f"{_training(found.training)}: {_WORDS[found.training.outcome]}"
        yield from columns(_LOSSES, [*_losses(found.training)], (), width)


_GRADIENTS = ["gradient of", "is", "ULP"]
_LOSSES = ["step", "loss in Python", "in .NET"]


def _gradient(gradient: Gradient) -> list[str]:
    ulps = "" if gradient.ulps is None or gradient.outcome == "equal" else f"{gradient.ulps:,}"
    return [shown(gradient.name, 100), _WORDS[gradient.outcome], ulps]


def _training(training: Training) -> str:
    return f"{training.steps} steps of {training.optimizer}, {training.loss}"


def _losses(training: Training) -> Iterator[list[str]]:
    for step, (ours, theirs) in enumerate(zip(training.python, training.dotnet, strict=True), 1):
        yield [str(step), *("not finite" if each is None else f"{each:.7g}" for each in (ours, theirs))]


_HEAD = ["layer", "in Python", "in .NET", "dtype", "shape", "alone", "ULP"]


def _row(layer: Layer) -> list[str]:
    dtypes = dict.fromkeys(each.dtype for each in layer.outputs)
    ulps = [each.ulps for each in layer.outputs if each.ulps is not None]
    return [
        _name(layer),
        layer.python,
        layer.dotnet.removeprefix("TorchSharp.Modules.") or "—",
        ", ".join(dtypes),
        shown(", ".join(str(list(each.shape)) for each in layer.outputs), 40),
        _WORDS[layer.outcome] if layer.needed else _NOT_NEEDED,
        f"{max(ulps):,}" if ulps and layer.outcome != "equal" else "",
    ]


def _name(layer: Layer | Finding) -> str:
    name = shown(layer.name, 100) or "(the whole)"
    return f"{name}, call {layer.call}" if layer.call > 1 else name


def _different(found: Parity) -> list[Layer]:
    return [each for each in found.layers if each.outcome in ("differs", "fails")]


def _facts(found: Parity) -> Iterator[str]:
    dotnet = f"{shown(found.dotnet, 400)} in TorchSharp {found.torchsharp}"
    yield f"{shown(found.python, 400)} in torch {found.torch}; {dotnet}"


def _notes(found: Parity) -> Iterator[str]:
    skipped = [each for each in found.layers if each.outcome == "not-compared" and each.dotnet and each.needed]
    for each in skipped:
        yield f"{_name(each)}: not compared: {shown(each.detail, 200)}"
    for title, names in (("only in Python", found.only_python), ("only in .NET", found.only_dotnet)):
        if names:
            more = f" and {len(names) - 10} more" if len(names) > 10 else ""
            yield f"{title}: {', '.join(shown(name) for name in names[:10])}{more}"
    yield from (f"note: {shown(note, 400)}" for note in found.notes)


def _findings(found: Parity) -> Iterator[str]:
    if not found.findings:
        yield "0 findings"
    for each in found.findings:
        inner = "; ".join(f"{one.name} is {one.python} in Python, {one.dotnet} in .NET" for one in each.attributes)
        yield f"{each.what}: {_name(each)}: {'; '.join(filter(None, (inner, shown(each.detail, 400))))}"


def _page(found: Parity) -> Page:
    marked = {number for number, each in enumerate(found.layers) if each.outcome in ("differs", "fails")}
    blocks: list[Block] = [
        Lines("Findings", [*_findings(found)]),
        Table("Each layer alone, and the whole", _HEAD, [*map(_row, found.layers)], {6}, marked),
        Table("Gradients", _GRADIENTS, [*map(_gradient, found.gradients or ())], {2}),
    ]
    if found.training:
        blocks.append(Table(_training(found.training), _LOSSES, [*_losses(found.training)], {0, 1, 2}))
    blocks.append(Lines("Notes", [*_notes(found)]))
    return Page("parity", shown(found.sentence, 1000), found.outcome == "agrees", [*_facts(found)], blocks)
