"""The pytest plugin of the matrix: its options, and the beginning of a run. May import python_side, dotnet_side.

It does not import torch. ``hooks`` does, so it is imported and registered only once the first peer is being started.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from tscompat.dotnet_side.choice import choices, one_of
from tscompat.python_side import scripts

from .beginning import BEGINNING, begin, could_not_run
from .keyword import keyword
from .setting import RUNS, VERBOSITY


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of a run. ``tscompat run`` sets them from its own options."""
    group = parser.getgroup("tscompat")
    group.addoption("--tscompat-out", default="results", help="the output folder")
    group.addoption("--tscompat-route", action="append", default=[], help="only this route (may be given again)")
    group.addoption("--tscompat-run", choices=RUNS, default="default", help="which cases")
    group.addoption("--tscompat-torchsharp", action="append", default=[], help="another version of TorchSharp")
    group.addoption(
        "--tscompat-libtorch", action="append", default=[], help="the version of libtorch that goes with it"
    )
    group.addoption("--tscompat-nuget-source", default="", help="a folder of packages, or an address, with these")
    group.addoption("--tscompat-torchsharp-dll", default="", help="the path of another TorchSharp.dll")
    group.addoption("--tscompat-native", default="", help="a folder with another LibTorchSharp and its libtorch")
    group.addoption("--tscompat-strict", action="store_true", help="a gone divergence of a new version is a problem")
    group.addoption("--tscompat-shard", default="", help="one part of the run: 2/5")
    group.addoption("--tscompat-resume", action="store_true", help="go on where the run in the output folder stopped")
    group.addoption("--tscompat-no-dotnet", action="store_true", help="without .NET")
    group.addoption("--tscompat-device", action="append", default=[], help="only this device (may be given again)")
    for name in scripts.FUNCTIONS:
        group.addoption(f"--tscompat-{name}", default="", help=f"the path to upstream's {name}.py")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Begin the run in its first process; then import what needs torch.

    Raises pytest.UsageError for a ``-k`` that is no expression, and with one sentence when the run cannot begin.
    """
    option = config.option
    first = not hasattr(config, "workerinput")
    if first and config.pluginmanager.has_plugin("terminal"):
        config.stash[VERBOSITY] = option.verbose
        if option.verbose <= 0:  # what pytest prints of itself, our view and our end say better
            option.verbose -= 1 if option.collectonly else 2
    keyword(option.keyword)
    with could_not_run():
        if first and not option.collectonly:
            chosen = choices(
                torchsharp=option.tscompat_torchsharp,
                libtorch=option.tscompat_libtorch,
                nuget_source=option.tscompat_nuget_source,
                torchsharp_dll=option.tscompat_torchsharp_dll,
                native=option.tscompat_native,
                no_dotnet=option.tscompat_no_dotnet,
            )
            config.stash[BEGINNING] = begin(Path(option.tscompat_out), one_of(chosen), option.tscompat_run)
            config.add_cleanup(config.stash[BEGINNING].end)
        hooks = import_module(".hooks", __package__)
        if first:
            hooks.prepare(config)
    config.pluginmanager.register(hooks)
