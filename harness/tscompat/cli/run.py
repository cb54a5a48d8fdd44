"""``tscompat run``: the matrix through pytest, then the table. May import results, routes."""

from __future__ import annotations

import os
import signal
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import pytest
import typer
from rich.console import Console

from tscompat.results.file import load_results
from tscompat.results.table import show

PYTEST_CODES = {0: 0, 1: 1, 2: 2, 3: 2, 4: 2, 5: 2, 130: 130}
"""Our exit code for each of pytest's (130 is the controller's). All that is not about verdicts is 2: could not run."""

Device = StrEnum("Device", ["cpu", "cuda", "cuda-cpu", "cpu-cuda"])


def number_or_auto(text: str) -> str:
    """Return a text that xdist takes as ``-n``. Raises typer.BadParameter for anything else."""
    if text != "auto" and not text.isdecimal():
        raise typer.BadParameter(f"found {text!r}; expected a number or auto")
    return text


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
Out = Annotated[Path, typer.Option(help="Output folder: results.json, and the files of unexpected verdicts.")]
Full = Annotated[bool, typer.Option("--full", help="Also more float dtypes of the architectures, and slow routes.")]
Large = Annotated[bool, typer.Option("--large", help="Only tensors above 2 GiB and files above 4 GiB.")]
NoDotnet = Annotated[bool, typer.Option("--no-dotnet", help="Only the verdicts that need no .NET.")]
Strict = Annotated[
    bool, typer.Option("--strict", help="Fail, too, where a known divergence is gone in a version that no entry names.")
]
TorchSharp = Annotated[str, typer.Option(help="Another version of the NuGet package TorchSharp; also give --libtorch.")]
TorchSharpDll = Annotated[
    str, typer.Option(help="The path of a TorchSharp.dll that takes the place of the package's, in this run alone.")
]
Native = Annotated[
    str, typer.Option(metavar="DIR", help="A folder with another LibTorchSharp and the libtorch that goes with it.")
]
Exportsd = Annotated[str, typer.Option(envvar="TSCOMPAT_EXPORTSD", help="The path to TorchSharp's exportsd.py.")]
Importsd = Annotated[str, typer.Option(envvar="TSCOMPAT_IMPORTSD", help="The path to TorchSharp's importsd.py.")]
LibTorch = Annotated[str, typer.Option(help="The version of libtorch that this TorchSharp was built against.")]


def run(
    context: typer.Context,
    keyword: Keyword = "",
    routes: Routes = None,
    devices: Devices = None,
    workers: Workers = "auto",
    out: Out = Path("results"),
    full: Full = False,
    large: Large = False,
    no_dotnet: NoDotnet = False,
    strict: Strict = False,
    torchsharp: TorchSharp = "",
    libtorch: LibTorch = "",
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
    matrix = Path(__file__).parent.parent / "matrix"
    things = {
        **{"torchsharp": torchsharp, "libtorch": libtorch, "torchsharp-dll": torchsharp_dll, "native": native},
        **{"exportsd": exportsd, "importsd": importsd},
    }
    arguments = [
        *("-c", str(matrix / "pytest.ini"), "--rootdir", str(matrix)),
        *("-o", f"cache_dir={out.absolute() / '.pytest_cache'}", "--tscompat-out", str(out.absolute())),
        *("-n", workers, "-q", "--no-header", "--tb=short", "-r", "N"),
        *(f"--tscompat-route={name}" for name in routes or ()),
        *(f"--tscompat-device={name}" for name in devices or ()),
        *(f"--tscompat-{thing}={which}" for thing, which in things.items() if which),
        *(["--tscompat-no-dotnet"] if no_dotnet else []),
        *(["--tscompat-strict"] if strict else []),
        *(f"--tscompat-run={name}" for name, wanted in (("full", full), ("large", large)) if wanted),
        *(("-k", keyword) if keyword else ()),
        *context.args,
        str(matrix / "test_matrix.py"),
    ]
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what ends a job in CI tidies up, as Ctrl-C does
    results = out / "results.json"
    before = _written(results)
    ended = pytest.main(arguments)
    if ended != pytest.ExitCode.USAGE_ERROR and _written(results) != before:
        console = Console(width=None if os.isatty(1) else 120)
        show(load_results(results), console)
        console.print(f"\n{results}", highlight=False)
    raise typer.Exit(PYTEST_CODES.get(int(ended), 2))


def _written(file: Path) -> int:
    """When a file was written last; 0 if it is not there."""
    return file.stat().st_mtime_ns if file.exists() else 0
