"""The command that does a part of a command's work once more."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from tscompat.cli.again import again

app = typer.Typer()


@app.callback()
def main() -> None:
    """Makes verb a command of its own."""


@app.command()
def verb(
    context: typer.Context,
    keyword: Annotated[str, typer.Option("-k")] = "",
    out: Path = Path("results"),
    quick: bool = False,
    native: str = "",
    names: Annotated[list[str] | None, typer.Option("--name")] = None,
    workers: Annotated[str, typer.Option("-n", "--workers", envvar="A_VARIABLE")] = "",
) -> None:
    """Shows the command."""
    typer.echo(again(context, "a/file name.dat"))


def shown(*arguments: str, **variables: str) -> str:
    return CliRunner().invoke(app, ["verb", *arguments], env=variables).output.strip()


@pytest.fixture(autouse=True)
def without_nox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", "/usr")


PART = "-k 'a/file name.dat'"


def test_options_that_were_given_are_given_again() -> None:
    given = ["--quick", "--native", "my folder", "--name", "a", "--name", "b"]
    assert shown(*given) == f"tscompat verb --quick --native 'my folder' --name a --name b {PART}"


def test_the_part_takes_the_place_of_another_and_the_output_folder_is_left_out() -> None:
    assert shown("-k", "part", "--out", "other") == f"tscompat verb {PART}"


def test_what_a_variable_has_given_is_named() -> None:
    assert shown(A_VARIABLE="2") == f"tscompat verb --workers 2 {PART}"
