"""The pytest plugin of the matrix: its options, and the beginning of a run. May import python_side, dotnet_side.

It does not import torch. ``hooks`` does, so it is imported and registered only once the first peer is being started.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from tscompat.dotnet_side.build import DEFAULT, Versions
from tscompat.python_side import scripts

from .beginning import BEGINNING, begin, could_not_run
from .keyword import keyword
from .setting import RUNS


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of a run. ``tscompat run`` sets them from its own options."""
    group = parser.getgroup("tscompat")
    group.addoption("--tscompat-out", default="results", help="the output folder")
    group.addoption("--tscompat-route", action="append", default=[], help="only this route (may be given again)")
    group.addoption("--tscompat-run", choices=RUNS, default="default", help="which cases")
    group.addoption("--tscompat-torchsharp", default=None, help="another version of the package TorchSharp")
    group.addoption("--tscompat-libtorch", default=None, help="the version of libtorch that goes with it")
    group.addoption("--tscompat-torchsharp-dll", default="", help="the path of another TorchSharp.dll")
    group.addoption("--tscompat-native", default="", help="a folder with another LibTorchSharp and its libtorch")
    group.addoption("--tscompat-strict", action="store_true", help="a gone divergence of a new version is a problem")
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
    keyword(option.keyword)
    with could_not_run():
        if first and not option.collectonly:
            versions = Versions(option.tscompat_torchsharp, option.tscompat_libtorch)
            dll, native = (
                Path(path) if path else None for path in (option.tscompat_torchsharp_dll, option.tscompat_native)
            )
            if option.tscompat_no_dotnet and (dll or native or versions != DEFAULT):
                others = "--torchsharp, --libtorch, --torchsharp-dll and --native"
                raise pytest.UsageError(f"--no-dotnet goes without {others}: leave one of them out")
            if native and option.tscompat_libtorch:
                raise pytest.UsageError("--native has its own libtorch: leave out --libtorch")
            config.stash[BEGINNING] = begin(
                Path(option.tscompat_out),
                None if option.tscompat_no_dotnet else versions,
                option.tscompat_run,
                dll,
                native,
            )
            config.add_cleanup(config.stash[BEGINNING].end)
        hooks = import_module(".hooks", __package__)
        if first:
            hooks.prepare(config)
    config.pluginmanager.register(hooks)
