"""``tscompat convert``: a model or an optimizer from one file format to another. May import values, verbs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from tscompat.values.text import quoted, reason
from tscompat.values.verdict import Kind, Verdict

from .options import LibTorch, Native, NugetSource, TorchSharp, TorchSharpDll

Source = Annotated[
    Path,
    typer.Argument(
        metavar="IN",
        help="A file of torch.save, safetensors, TorchSharp or numpy, by whatever name; an index of shards "
        "(.index.json), or a folder.",
    ),
]
Target = Annotated[Path, typer.Argument(metavar="OUT", help=".dat .safetensors .pth .pt; of one tensor .npy")]
Key = Annotated[str, typer.Option(help="Where in a nested checkpoint the state dict is: 'ema.model'.")]
Skip = Annotated[list[str] | None, typer.Option(help="Leave out tensors of this name ('*.scale'); may be given again.")]
Map = Annotated[Path | None, typer.Option("--map", metavar="FILE", help='A JSON object of names: {"old": "new"}.')]
StripPrefix = Annotated[str, typer.Option(metavar="P", help="Take P off the names that begin with it: 'module.'.")]
Rename = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATTERN=TEXT",
        help="Replace what a regular expression of Python's matches in names; may be given again, applied in order.",
    ),
]
AddPrefix = Annotated[str, typer.Option(metavar="P", help="Put P before all names.")]
DType = Annotated[
    str,
    typer.Option("--dtype", metavar="D", help="Round the values of floating tensors to this type: float32, bf16, ..."),
]
Optimizer = Annotated[
    str,
    typer.Option(
        metavar="CLASS",
        help="IN holds the state of an optimizer of this class of torch.optim. A .dat names it itself.",
    ),
]
Groups = Annotated[
    str, typer.Option(metavar="N,N", help="How many parameters each group has, where an optimizer's .dat has several.")
]
FromFormat = Annotated[
    str, typer.Option(metavar="NAME", help="The format of IN, where its content may be of several: 'dat'.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace OUT where it is there already.")]
NoVerify = Annotated[bool, typer.Option("--no-verify", help="Do not have TorchSharp load the .dat and compare it.")]


def convert(
    source: Source,
    target: Target,
    key: Key = "",
    skip: Skip = None,
    map_: Map = None,
    strip_prefix: StripPrefix = "",
    rename: Rename = None,
    add_prefix: AddPrefix = "",
    dtype: DType = "",
    optimizer: Optimizer = "",
    groups: Groups = "",
    from_format: FromFormat = "",
    force: Force = False,
    no_verify: NoVerify = False,
    torchsharp: TorchSharp = None,
    libtorch: LibTorch = None,
    nuget_source: NugetSource = "",
    torchsharp_dll: TorchSharpDll = "",
    native: Native = "",
) -> None:
    """Convert a model's tensors to another file format, bit for bit; or an optimizer's state to .dat, and back to .pth.

    A tensor that OUT cannot hold is refused by name before a byte is written. An IN that is only a part of a model is
    refused too. IN is known by its content, not by its suffix.
    OUT appears whole or not at all, and an OUT that exists is not replaced without --force.
    Pickles are described, and nothing in them is run or imported.
    Where .NET is installed, the real TorchSharp loads a .dat that was written, and its bits are compared.

    Names change in this order: --skip and --map take those of IN, then --strip-prefix, each --rename, --add-prefix.
    A tensor without a name (Tensor.Save's .dat, .npy) gets one by --add-prefix; one whose whole name is taken off has
    none. --dtype rounds to the nearest value, to the even one of two that are as near; tensors with values that are too
    large for it are named.

    Exit codes: 0 done, 1 TorchSharp loads something else, 2 could not convert, 130 interrupted.
    """
    # Imported here, because it imports torch: the other verbs start without that wait.
    from tscompat.verbs import convert as verb

    if map_ is not None and target.exists() and target.samefile(map_):
        typer.echo(f"could not convert: {target}: this is the file of --map: give another name", err=True)
        raise typer.Exit(2)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    try:
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("reading", total=None)
            done = verb.convert(
                source,
                target,
                key=key,
                skip=skip or (),
                mapping=None if map_ is None else verb.read_map(map_),
                strip_prefix=strip_prefix,
                rename=[verb.pattern_and_replacement(words) for words in rename or ()],
                add_prefix=add_prefix,
                dtype=dtype,
                optimizer=optimizer,
                groups=groups,
                form=from_format,
                force=force,
                verify=not no_verify,
                choice=verb.choice_of(
                    torchsharp=torchsharp or (),
                    libtorch=libtorch or (),
                    nuget_source=nuget_source,
                    torchsharp_dll=torchsharp_dll,
                    native=native,
                ),
                tell=lambda sentence: console.print(sentence, markup=False),
                progress=lambda what, written, size: progress.update(
                    task, description=what, completed=written, total=size or None
                ),
            )
    except (verb.ModelFileError, OSError) as error:
        console.print(f"could not convert: {reason(error)}", markup=False)
        raise typer.Exit(2) from error
    typer.echo(f"{target}: {done.what}, {decimal(done.size)} in {done.seconds:.1f} s")
    for name, count in done.overflowed.items():
        typer.echo(f"{target}: too large for {dtype}: {count:,} element{'' if count == 1 else 's'} of {quoted(name)}")
    if done.verdict is not None:
        _report(target, done.verdict)


def _report(target: Path, verdict: Verdict) -> None:
    if verdict.kind is Kind.PASS:
        typer.echo(f"{target}: TorchSharp loads the same bits")
    elif verdict.kind is Kind.NOT_RUN:
        typer.echo(f"{target}: not verified with TorchSharp: {verdict.detail}")
    else:
        typer.echo(f"{target}: TorchSharp does not load the same bits: {verdict.kind}: {verdict.detail}", err=True)
        raise typer.Exit(1)
