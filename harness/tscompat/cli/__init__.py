"""The command ``tscompat``: a file for each verb, which parses options and prints. May import everything."""

from __future__ import annotations

import typer

from .bless import bless
from .compare import compare_
from .convert import convert
from .diff import diff_
from .divergence import divergence
from .doctor import doctor
from .gate import gate
from .inspect import inspect_
from .list import list_
from .merge import merge_
from .report import report_
from .routes import routes_
from .run import run

app = typer.Typer(
    name="tscompat",
    help="Proves, bit for bit, that a model which leaves Python arrives in .NET (TorchSharp), and the other way round.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("run", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(run)
app.command("list")(list_)
app.command("doctor")(doctor)
app.command("convert")(convert)
app.command("inspect")(inspect_)
app.command("diff")(diff_)
app.command("divergence")(divergence)
app.command("routes")(routes_)
app.command("compare")(compare_)
app.command("merge")(merge_)
app.command("report")(report_)
app.command("gate")(gate)
app.command("bless")(bless)
