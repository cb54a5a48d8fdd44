"""The command ``tscompat``: a file for each verb, which parses options and prints. May import everything.

A verb's file is imported when the verb is asked for: some of them import pytest or the catalogue, which takes as long
as the work of others.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup
from typer.main import get_command


class _Verb(NamedTuple):
    module: str
    function: str
    settings: dict[str, Any] | None = None


_VERBS = {
    "run": _Verb("run", "run", {"allow_extra_args": True, "ignore_unknown_options": True}),
    "list": _Verb("list", "list_"),
    "doctor": _Verb("doctor", "doctor"),
    "convert": _Verb("convert", "convert"),
    "inspect": _Verb("inspect", "inspect_"),
    "diff": _Verb("diff", "diff_"),
    "verify": _Verb("verify", "verify"),
    "parity": _Verb("parity", "parity"),
    "divergence": _Verb("divergence", "divergence"),
    "routes": _Verb("routes", "routes_"),
    "compare": _Verb("compare", "compare_"),
    "merge": _Verb("merge", "merge_"),
    "report": _Verb("report", "report_"),
    "gate": _Verb("gate", "gate"),
    "bless": _Verb("bless", "bless"),
}


class _Verbs(TyperGroup):
    """The verbs as commands."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names, in the order of the help."""
        return [*_VERBS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of a verb; None for another word."""
        if cmd_name not in _VERBS:
            return None
        verb = _VERBS[cmd_name]
        function: Callable[..., object] = getattr(import_module(f".{verb.module}", __name__), verb.function)
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        alone.command(cmd_name, context_settings=verb.settings)(function)
        return get_command(alone)


app = typer.Typer(
    name="tscompat",
    cls=_Verbs,
    help="Proves, bit for bit, that a model which leaves Python arrives in .NET (TorchSharp), and the other way round.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tscompat {version('torchsharp-compat')}")
        raise typer.Exit


@app.callback()
def _app(
    _: Annotated[
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None: ...
