"""``tscompat run``: the matrix through pytest, then the table. May import dotnet_side, results, matrix."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tscompat.dotnet_side.build import DEFAULT, Versions
from tscompat.dotnet_side.choice import choices, refuse_unused_source
from tscompat.dotnet_side.errors import BuildError
from tscompat.matrix.__main__ import main as pytest_over_the_matrix
from tscompat.matrix.shards import Shard
from tscompat.results.file import ResultsError, load_results
from tscompat.results.lock import FolderInUse

from .ending import ending
from .options import Exportsd, Importsd, LibTorch, Native, NoDotnet, NugetSource, TorchSharp, TorchSharpDll
from .versions import has_results, refuse_one_file, run_each, written

MATRIX = Path(__file__).parent.parent / "matrix"

PYTEST_CODES = {0: 0, 1: 1, 2: 2, 3: 2, 4: 2, 5: 2, 130: 130}
"""Our exit code for each of pytest's (130 is the controller's). All that is not about verdicts is 2: could not run. Of
several runs it is the largest: the most serious."""

Device = StrEnum("Device", ["cpu", "cuda", "cuda-cpu", "cpu-cuda"])


def number_or_auto(text: str) -> str:
    """Return a text that xdist takes as ``-n``. Raises typer.BadParameter for anything else."""
    if text != "auto" and not text.isdecimal():
        raise typer.BadParameter(f"found {text!r}; expected a number or auto")
    return text


def shard_or_nothing(text: str) -> str:
    """Return a text that names a shard. Raises typer.BadParameter for anything else."""
    try:
        return text and str(Shard.parse(text))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


Keyword = Annotated[str, typer.Option("-k", help="Only ids that match, as in pytest: 'bf16 and not layout'.")]
Routes = Annotated[list[str] | None, typer.Option("--route", help="Only this route; may be given again.")]
Devices = Annotated[
    list[Device] | None,
    typer.Option("--device", help="Only this device (writer-reader); may be given again."),
]
Workers = Annotated[
    str,
    typer.Option(
        "-n", "--workers", callback=number_or_auto, help="A number, or auto: one per core, as far as memory allows."
    ),
]
Out = Annotated[Path, typer.Option(file_okay=False, help="Output folder: results.json, files of unexpected verdicts.")]
Full = Annotated[bool, typer.Option("--full", help="Also more float dtypes of the architectures, and slow routes.")]
Large = Annotated[bool, typer.Option("--large", help="Only tensors above 2 GiB and files above 4 GiB.")]
OneShard = Annotated[
    str,
    typer.Option(
        "--shard",
        metavar="K/N",
        callback=shard_or_nothing,
        help="Only the K-th of N parts, each for a machine of its own; tscompat merge makes one run of all.",
    ),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on where the run in the output folder stopped: what is decided stays.")
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Fail, too, where a known divergence is gone in a version that no entry names.")
]
Tables = Annotated[bool, typer.Option("--tables", help="At the end also all numbers, divergences and reasons.")]


def run(
    context: typer.Context,
    keyword: Keyword = "",
    routes: Routes = None,
    devices: Devices = None,
    workers: Workers = "auto",
    out: Out = Path("results"),
    full: Full = False,
    large: Large = False,
    shard: OneShard = "",
    resume: Resume = False,
    no_dotnet: NoDotnet = False,
    strict: Strict = False,
    tables: Tables = False,
    torchsharp: TorchSharp = None,
    libtorch: LibTorch = None,
    nuget_source: NugetSource = "",
    torchsharp_dll: TorchSharpDll = "",
    native: Native = "",
    exportsd: Exportsd = "",
    importsd: Importsd = "",
) -> None:
    """Run the compatibility matrix. Options that are not listed go to pytest (-x, --lf, -v, --junitxml=...).

    Exit codes: 0 nothing unexpected, 1 an incompatibility, 2 could not run, 130 interrupted.
    """
    if full and large:
        raise typer.BadParameter("--large and --full are two runs: leave one of them out", param_hint="--large")
    if resume and {"--lf", "--last-failed", "--ff", "--failed-first"} & {*context.args}:
        raise typer.BadParameter(
            "it keeps what failed: run -k ID to decide one again, or --lf alone with an --out of its own",
            param_hint="--resume",
        )
    fixed = [
        *("-n", workers, "--no-header", "--tb=no", "--disable-warnings", "-r", "N"),
        *(f"--tscompat-route={name}" for name in routes or ()),
        *(f"--tscompat-device={name}" for name in devices or ()),
        *(["--tscompat-no-dotnet"] if no_dotnet else []),
        *(["--tscompat-strict"] if strict else []),
        *(["--tscompat-resume"] if resume else []),
        *([f"--tscompat-shard={shard}"] if shard else []),
        *(f"--tscompat-run={name}" for name, wanted in (("full", full), ("large", large)) if wanted),
        *(("-k", keyword) if keyword else ()),
        *context.args,
    ]
    given = {
        **{"nuget-source": nuget_source, "torchsharp-dll": torchsharp_dll, "native": native},
        **{"exportsd": exportsd, "importsd": importsd},
    }

    def arguments(out: Path, versions: Versions) -> list[str]:
        things = {"torchsharp": versions.torchsharp, "libtorch": versions.libtorch, **given}
        return [
            *("-c", str(MATRIX / "pytest.ini"), "--rootdir", str(MATRIX)),
            *("-o", f"cache_dir={out.absolute() / '.pytest_cache'}", "--tscompat-out", str(out.absolute())),
            *(f"--tscompat-{thing}={which}" for thing, which in things.items() if which),
            *fixed,
            str(MATRIX / "test_matrix.py"),
        ]

    results = out / "results.json"
    before = written(results)
    try:
        chosen = choices(
            torchsharp=torchsharp or [],
            libtorch=libtorch or [],
            nuget_source=nuget_source,
            torchsharp_dll=torchsharp_dll,
            native=native,
            no_dotnet=no_dotnet,
        )
        if len(chosen) > 1:
            refuse_one_file(context.args)
            codes = run_each([each.versions for each in chosen if each], out, arguments)
            shown = results.exists()
        else:
            refuse_unused_source(chosen[0])
            codes = [pytest_over_the_matrix(arguments(out, chosen[0].versions if chosen[0] else DEFAULT))]
            shown = has_results(codes[0], results, before)
    except (BuildError, FolderInUse, ResultsError, OSError) as error:
        typer.echo(f"could not run: {error}", err=True)
        raise typer.Exit(2) from error
    if shown:
        ending(load_results(results), results, tables=tables)
    raise typer.Exit(max(PYTEST_CODES.get(code, 2) for code in codes))
