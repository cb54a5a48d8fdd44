"""Options of several verbs: which TorchSharp is asked, a person's class, upstream's scripts.

Imports nothing of ours.
"""

from __future__ import annotations

from typing import Annotated

import typer

NoDotnet = Annotated[bool, typer.Option("--no-dotnet", help="Only the verdicts that need no .NET.")]
TorchSharp = Annotated[
    list[str] | None,
    typer.Option(
        metavar="VERSION",
        help="Another version of the NuGet package TorchSharp; also give --libtorch. Run takes it again, for versions "
        "side by side; the other verbs take one.",
    ),
]
NugetSource = Annotated[
    str,
    typer.Option(
        metavar="DIR|URL",
        help="A folder of packages, or an address, beside NuGet's own sources. A folder's packages are known by their "
        "bytes, those of an address by their version alone.",
    ),
]
TorchSharpDll = Annotated[
    str, typer.Option(help="The path of a TorchSharp.dll that takes the place of the package's, in this run alone.")
]
Native = Annotated[
    str, typer.Option(metavar="DIR", help="A folder with another LibTorchSharp and the libtorch that goes with it.")
]
Exportsd = Annotated[str, typer.Option(envvar="TSCOMPAT_EXPORTSD", help="The path to TorchSharp's exportsd.py.")]
Importsd = Annotated[str, typer.Option(envvar="TSCOMPAT_IMPORTSD", help="The path to TorchSharp's importsd.py.")]
LibTorch = Annotated[
    list[str] | None,
    typer.Option(
        metavar="VERSION",
        help="The version of libtorch that this TorchSharp was built against: one for all, or one for each of them.",
    ),
]
ClassName = Annotated[str, typer.Option("--type", metavar="NAME", help="Your class in it: 'My.Net'.")]
Arguments = Annotated[
    str, typer.Option("--args", metavar="JSON", help="The arguments of its constructor: '[10, true]'.")
]
