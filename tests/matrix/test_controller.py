"""The command that runs an unexpected verdict again."""

from __future__ import annotations

import shlex
from types import SimpleNamespace

import pytest

from tscompat.matrix.controller import again, chosen, gone


def test_the_command_has_all_that_chose_what_is_tested() -> None:
    given = {"torchsharp": "0.106.0", "nuget-source": "my feed", "native": "my build", "exportsd": "exportsd.py"}
    assert shlex.split(again("full", False, given))[-9:] == [
        *("--full", "--torchsharp", "0.106.0", "--nuget-source", "my feed"),
        *("--native", "my build", "--exportsd", "exportsd.py"),
    ]


def test_each_option_that_chooses_a_torchsharp_is_in_the_command() -> None:
    option = SimpleNamespace(
        tscompat_torchsharp=["0.108.0-dev"],
        tscompat_libtorch=["2.11.0"],
        tscompat_nuget_source="feed",
        tscompat_torchsharp_dll="T.dll",
        tscompat_native="built",
    )
    assert chosen(option) == {
        **{"torchsharp": "0.108.0-dev", "libtorch": "2.11.0", "nuget-source": "feed"},
        **{"torchsharp-dll": "T.dll", "native": "built"},
    }


def test_what_was_not_given_is_not_in_the_command() -> None:
    assert shlex.split(again("default", False, {"torchsharp-dll": "", "native": ""}))[-1] in ("run", "--")


def test_a_run_without_dotnet_is_run_again_without_it() -> None:
    assert again("default", True, {}).endswith(" --no-dotnet")


@pytest.mark.parametrize(("number", "ids"), [(3, "a, b, c: if"), (5, "a, b, c and 2 more: if")])
def test_what_is_gone_is_named_with_ids_and_what_to_do(number: int, ids: str) -> None:
    problem = gone("no-c32", ["a", "b", "c", "d", "e"][:number])
    assert f"'no-c32' did not happen at {ids} upstream has corrected it, tscompat bless --divergences after" in problem
