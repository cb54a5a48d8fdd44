"""``tscompat gate``: the golden corpus, read and written by all. May import every room above it in ARCHITECTURE.md."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from tscompat.catalogue import CatalogueError, load_catalogue
from tscompat.dotnet_side.choice import Choice, choices, one_of, refuse_unused_source
from tscompat.dotnet_side.client import Client, WithoutDotnet
from tscompat.dotnet_side.errors import BuildError, PeerBroken
from tscompat.dotnet_side.process import Peer, PeerKeeper, inside
from tscompat.dotnet_side.replacement import chosen
from tscompat.golden.manifest import GoldenError, golden_folder, read_corpus
from tscompat.python_side.scripts import Script, ScriptUnusable, load_all
from tscompat.resources.folders import data_folder
from tscompat.resources.memory import total_memory
from tscompat.results.table import counted
from tscompat.verdicts.divergences import Divergences, DivergencesError, Outcome

from .again import again
from .failures import Failures
from .gate_summary import Summary
from .options import Exportsd, Importsd, LibTorch, Native, NoDotnet, NugetSource, TorchSharp, TorchSharpDll

COULD_NOT_RUN = (BuildError, CatalogueError, DivergencesError, GoldenError, PeerBroken, ScriptUnusable, OSError)
MEMORY = 0.5
"""The share of the machine's memory that the peer may take."""


def gate(
    context: typer.Context,
    keyword: Annotated[
        str, typer.Option("-k", metavar="TEXT", help="Only golden files with this in their path: 'dat/shape', 'bf16'.")
    ] = "",
    out: Annotated[
        Path,
        typer.Option(file_okay=False, help="Output folder: failures, and files that were written otherwise."),
    ] = Path("results/gate"),
    markdown: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Also write the outcome as Markdown, for the summary of a job on GitHub."),
    ] = None,
    no_dotnet: NoDotnet = False,
    torchsharp: TorchSharp = None,
    libtorch: LibTorch = None,
    nuget_source: NugetSource = "",
    torchsharp_dll: TorchSharpDll = "",
    native: Native = "",
    exportsd: Exportsd = "",
    importsd: Importsd = "",
) -> None:
    """Read the golden corpus with every reader, bit for bit, and write it again with every writer.

    The files were written by the oracle, TorchSharp, PyBridge, torch, safetensors and upstream's exportsd.py (of whose
    files there are only hashes). Writers of .dat and .safetensors must write the golden bytes; what writers of zip
    archives write is compared by bits.

    Exit codes: 0 nothing unexpected, 1 an incompatibility, 2 could not run.
    """
    failures, summary = Failures(out, partial(again, context)), Summary()
    try:
        choice = one_of(
            choices(
                torchsharp=torchsharp or [],
                libtorch=libtorch or [],
                nuget_source=nuget_source,
                torchsharp_dll=torchsharp_dll,
                native=native,
                no_dotnet=no_dotnet,
            )
        )
        refuse_unused_source(choice)
        paths = {"exportsd": exportsd, "importsd": importsd}
        scripts = load_all({name: path for name, path in paths.items() if path})
        _gate(keyword, failures, summary, scripts, choice)
        if markdown:
            summary.write(markdown, failures.shown)
    except COULD_NOT_RUN as error:
        typer.echo(f"could not run: {error}", err=True)
        if markdown:
            with suppress(OSError):
                summary.write(markdown, failures.shown, str(error))
        raise typer.Exit(2) from error
    raise typer.Exit(1 if failures.count else 0)


def _gate(
    keyword: str, failures: Failures, summary: Summary, scripts: Mapping[str, Script], choice: Choice | None
) -> None:
    from tscompat.golden.gate import check, refuse_missing

    corpus, cases = read_corpus(golden_folder()), load_catalogue()
    refuse_missing(corpus, cases)
    with tempfile.TemporaryDirectory() as scratch, side(choice, Path(scratch), scripts) as (peer, running):
        for folder, manifest in corpus.items():
            typer.echo(f"{folder.name}: {len(manifest.files)} files")
        divergences = Divergences.load(data_folder("cases") / "divergences", running)
        summary.running = running
        assumed: Counter[Outcome] = Counter()
        not_run: Counter[str] = Counter()
        for found in check(corpus, cases, divergences, peer, Path(scratch), scripts, keyword):
            outcome = found.judgement.outcome
            summary.add(found.what, outcome)
            assumed[outcome] += bool(found.judgement.assumed)
            if outcome is Outcome.FAILED:
                failures.found(found)
            elif outcome is Outcome.NOT_RUN:
                not_run[found.verdict.detail] += 1
        peer.close()
        for purpose, died in peer.deaths:
            failures.add(f"{purpose}: {died.kind}: {died.detail}, after its last answer", purpose.partition(",")[0])
            summary.add(purpose.partition(", ")[2], Outcome.FAILED)
    failures.end()
    if assumed.total():
        typer.echo(
            f"new version: of the readings that were assumed to go wrong as before, {assumed[Outcome.DIVERGENCE]} do, "
            f"{assumed[Outcome.PASSED]} pass"
        )
    for reason, count in not_run.items():
        typer.echo(f"{count} not run: {reason}")
    counts = summary.counts
    typer.echo(
        f"{counts[Outcome.PASSED]} passed, {counts[Outcome.DIVERGENCE]} known divergences, "
        f"{counted(failures.count, 'failure')}, {counts[Outcome.NOT_RUN]} not run"
    )
    if not failures.count + counts[Outcome.PASSED] + counts[Outcome.DIVERGENCE]:
        raise GoldenError("nothing was decided: nothing that was selected could be run")


@contextmanager
def side(choice: Choice | None, scratch: Path, scripts: Mapping[str, Script]) -> Generator[tuple[Client, list[str]]]:
    """.NET's side, and what runs, with versions as divergences name them. Without ``choice`` there is no .NET.

    Raises BuildError and PeerBroken where no peer can be had.
    """
    from tscompat.matrix.environment import environment

    if choice is None:
        yield WithoutDotnet(), environment(None, {}, scripts).running
        return
    publish = chosen(choice, progress=typer.echo)
    limit = int(total_memory() * MEMORY)
    first = Peer(inside(publish.folder), scratch / "peer.log", limit)
    running = environment(publish, first.versions, scripts).running
    waiting = [first]
    keeper = PeerKeeper(lambda: waiting.pop() if waiting else Peer(inside(publish.folder), scratch / "peer.log", limit))
    try:
        yield keeper, running
    finally:
        keeper.close()
        for peer in waiting:
            peer.close()
