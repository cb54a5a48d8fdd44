"""The command that runs an unexpected verdict again."""

from __future__ import annotations

import shlex

from tscompat.dotnet_side.build import Versions
from tscompat.matrix.controller import again


def test_the_command_has_all_that_chose_what_is_tested() -> None:
    paths = {"torchsharp-dll": "my build/TorchSharp.dll", "native": "my build", "exportsd": "exportsd.py"}
    words = shlex.split(again(Versions("0.106.0", "2.9.0"), "full", paths))
    assert words[-11:] == [
        *("--full", "--torchsharp", "0.106.0", "--libtorch", "2.9.0"),
        *("--torchsharp-dll", "my build/TorchSharp.dll", "--native", "my build", "--exportsd", "exportsd.py"),
    ]


def test_a_path_that_was_not_given_is_not_in_the_command() -> None:
    assert shlex.split(again(Versions(), "default", {"torchsharp-dll": "", "native": ""}))[-1] in ("run", "--")
