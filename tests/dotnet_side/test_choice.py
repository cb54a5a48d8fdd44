"""Which options that choose a TorchSharp go together, and what they choose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from packages import packed
from tscompat.dotnet_side.build import Versions
from tscompat.dotnet_side.choice import Choice, choices, one_of, refuse_unused_source
from tscompat.dotnet_side.errors import BuildError


def versions(**options: Any) -> list[tuple[str | None, str | None]]:
    return [(each.versions.torchsharp, each.versions.libtorch) for each in choices(**options) if each]


def test_without_options_it_is_the_project_s_own() -> None:
    assert choices() == [Choice()]


def test_without_dotnet_nothing_is_chosen() -> None:
    assert choices(no_dotnet=True) == [None]


def test_every_option_is_taken() -> None:
    options: Any = {"torchsharp": ["1.0.0"], "nuget_source": "packages", "torchsharp_dll": "a.dll", "native": "b"}
    assert choices(**options) == [Choice(Versions("1.0.0", None, "packages"), Path("a.dll"), Path("b"))]


@pytest.mark.parametrize(
    ("libtorch", "paired"),
    [
        ([], [("1.0.0", None), ("2.0.0", None)]),
        (["9.0.0"], [("1.0.0", "9.0.0"), ("2.0.0", "9.0.0")]),
        (["8.0.0", "9.0.0"], [("1.0.0", "8.0.0"), ("2.0.0", "9.0.0")]),
    ],
)
def test_one_libtorch_is_for_all_and_several_are_in_the_order_of_torchsharp(
    libtorch: list[str], paired: list[tuple[str, str | None]]
) -> None:
    assert versions(torchsharp=["1.0.0", "2.0.0"], libtorch=libtorch) == paired


def test_a_libtorch_may_be_chosen_alone() -> None:
    assert versions(libtorch=["9.0.0"]) == [(None, "9.0.0")]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"torchsharp": ["latest"]}, "--torchsharp latest: found no version; expected one like 0.108.0 or 0.108.0-dev"),
    ({"torchsharp": ["1.0.0"], "libtorch": ["x"]}, "--libtorch x: found no version; expected one like 0.108.0"),
    ({"no_dotnet": True, "torchsharp": ["1.0.0"]}, "--no-dotnet goes without --torchsharp: leave one of them out"),
    ({"no_dotnet": True, "libtorch": ["1.0.0"]}, "--no-dotnet goes without --libtorch: "),
    ({"no_dotnet": True, "nuget_source": "a"}, "--no-dotnet goes without --nuget-source: "),
    ({"no_dotnet": True, "torchsharp_dll": "a", "native": "b"}, "goes without --torchsharp-dll, --native: "),
    ({"native": "a", "libtorch": ["1.0.0"]}, "--native has its own libtorch: leave out --libtorch"),
    ({"nuget_source": "a"}, "--nuget-source goes with a version to take from there: add --torchsharp VERSION"),
    ({"torchsharp": ["1.0.0", "2.0.0"], "native": "a"}, "go with one --torchsharp: run the versions one by one"),
    (
        {"torchsharp": ["1.0.0", "2.0.0"], "torchsharp_dll": "a"},
        "go with one --torchsharp: run the versions one by one",
    ),
    ({"torchsharp": ["1.0.0", "2.0.0", "1.0.0"]}, "--torchsharp 1.0.0 is given 2 times: give it once"),
    (
        {"torchsharp": ["1.0.0"], "libtorch": ["8.0.0", "9.0.0"]},
        "found 2 --libtorch and 1 --torchsharp: give one --libtorch for",
    ),
    ({"libtorch": ["8.0.0", "9.0.0"]}, "found 2 --libtorch and 0 --torchsharp: "),
    (
        {"torchsharp": ["1.0.0", "2.0.0", "3.0.0"], "libtorch": ["8.0.0", "9.0.0"]},
        "found 2 --libtorch and 3 --torchsharp: ",
    ),
]


@pytest.mark.parametrize(("options", "reason"), REFUSED, ids=[reason[:30] for _, reason in REFUSED])
def test_what_does_not_go_together_is_refused(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(BuildError) as refused:
        choices(**options)
    assert reason in str(refused.value)


def test_where_one_is_wanted_there_is_one() -> None:
    assert one_of([None]) is None
    with pytest.raises(BuildError, match="found 2 --torchsharp; expected one here: take the versions one by one"):
        one_of(choices(torchsharp=["1.0.0", "2.0.0"]))


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("0.107.0", "0.107.0"),
        ("0.107", "0.107.0"),
        ("0.107.0.0", "0.107.0"),
        ("0.107.00", "0.107.0"),
        ("0.107.0.1", "0.107.0.1"),
        ("0.108.0-Dev+sha.1", "0.108.0-dev"),
        ("0.107.0+mine", "0.107.0"),
    ],
)
def test_a_version_is_named_as_nuget_does(given: str, normal: str) -> None:
    (choice,) = choices(torchsharp=[given])
    assert choice
    assert choice.versions.torchsharp == normal


def test_a_version_that_is_written_in_two_ways_is_given_twice() -> None:
    with pytest.raises(BuildError, match=r"--torchsharp 0\.107\.0 is given 2 times"):
        choices(torchsharp=["0.107.0", "0.107"])


def test_a_source_that_has_nothing_of_the_only_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "TorchSharp.1.0.0.nupkg").write_bytes(packed("TorchSharp.1.0.0"))
    options: Any = {"nuget_source": str(tmp_path), "libtorch": ["2.10.0"]}
    (used,), (unused,) = (choices(torchsharp=[version], **options) for version in ("1.0.0", "2.0.0"))
    refuse_unused_source(used)
    with pytest.raises(BuildError) as refused:
        refuse_unused_source(unused)
    start = f"--nuget-source {tmp_path} (which has TorchSharp.1.0.0.nupkg): found none of TorchSharp 2.0.0, TorchVision"
    assert str(refused.value).startswith(start)
    assert str(refused.value).endswith(": correct --torchsharp, or leave out the source")


@pytest.mark.parametrize("choice", [None, Choice(), Choice(Versions("1.0.0", None, "https://a.b"))])
def test_without_a_folder_nothing_can_be_missing_there(choice: Choice | None) -> None:
    refuse_unused_source(choice)
