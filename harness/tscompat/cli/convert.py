"""``tscompat convert``: a model or an optimizer from one file format to another. May import values, verbs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from tscompat.values.verdict import Kind, Verdict

if TYPE_CHECKING:
    from tscompat.verbs.convert import Conversion, OptimizerConversion

DAT = ".dat"
"""The format that TorchSharp reads, so TorchSharp can verify it."""

Source = Annotated[
    Path,
    typer.Argument(
        metavar="IN",
        help="A file of torch.save, safetensors, TorchSharp or numpy, by whatever name; an index of shards "
        "(.index.json), or a folder.",
    ),
]
Target = Annotated[Path, typer.Argument(metavar="OUT", help=".dat .safetensors .pth")]
Key = Annotated[str, typer.Option(help="Where in a nested checkpoint the state dict is: 'ema.model'.")]
Skip = Annotated[list[str] | None, typer.Option(help="Leave out tensors of this name ('*.scale'); may be given again.")]
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
    optimizer: Optimizer = "",
    groups: Groups = "",
    from_format: FromFormat = "",
    force: Force = False,
    no_verify: NoVerify = False,
) -> None:
    """Convert a model's tensors to another file format, bit for bit; or an optimizer's state to .dat, and back to .pth.

    A tensor that OUT cannot hold is refused by name before a byte is written. An IN that is only a part of a model is
    refused too. IN is known by its content, not by its suffix.
    OUT appears whole or not at all, and an OUT that exists is not replaced without --force.
    Pickles are read with weights_only: no code in them is run.
    Where .NET is installed, the real TorchSharp loads a .dat that was written, and its bits are compared.

    Exit codes: 0 done, 1 TorchSharp loads something else, 2 could not convert, 130 interrupted.
    """
    # Imported here, because it imports torch: the other verbs start without that wait.
    from tscompat.verbs.convert import ModelFileError, is_optimizer_file, prepare, prepare_optimizer

    console = Console(stderr=True, highlight=False, soft_wrap=True)

    def tell(sentence: str) -> None:
        console.print(sentence, markup=False)

    try:
        if optimizer or groups or is_optimizer_file(source, from_format):
            if skip:
                raise ModelFileError("--skip is for models; an optimizer's state is converted whole: leave it out")
            conversion = prepare_optimizer(
                source, target, key=key, form=from_format, name=optimizer, groups=groups, force=force, tell=tell
            )
        else:
            conversion = prepare(source, target, key=key, form=from_format, skip=skip or (), force=force, tell=tell)
        start = time.monotonic()
        _write(conversion, console)
    except (ModelFileError, OSError) as error:
        tell(f"could not convert: {error}")
        raise typer.Exit(2) from error
    seconds = time.monotonic() - start
    typer.echo(f"{target}: {conversion.what}, {decimal(target.stat().st_size)} in {seconds:.1f} s")
    if target.suffix.lower() == DAT and not no_verify:
        with console.status("TorchSharp loads it"):
            verdict = conversion.verify(tell)
        _report(target, verdict)


def _write(conversion: Conversion | OptimizerConversion, console: Console) -> None:
    columns = (TextColumn("writing"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=conversion.size)
        conversion.write(lambda written: progress.advance(task, written))


def _report(target: Path, verdict: Verdict) -> None:
    if verdict.kind is Kind.PASS:
        typer.echo(f"{target}: TorchSharp loads the same bits")
    elif verdict.kind is Kind.NOT_RUN:
        typer.echo(f"{target}: not verified with TorchSharp: {verdict.detail}")
    else:
        typer.echo(f"{target}: TorchSharp does not load the same bits: {verdict.kind}: {verdict.detail}", err=True)
        raise typer.Exit(1)
