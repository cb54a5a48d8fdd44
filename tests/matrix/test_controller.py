"""The command that runs an unexpected verdict again."""

from __future__ import annotations

import shlex
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from records import ENVIRONMENT, FAILURE, a_record
from tscompat.matrix.controller import again, chosen, decided, gone
from tscompat.matrix.selection import Selection
from tscompat.results.file import Part, ResultsError, ResultsFile, Timing
from tscompat.values.verdict import Kind, Verdict, VerdictId
from tscompat.verdicts.divergences import Judgement, Outcome


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


# what --resume keeps

DECIDED = a_record(case="a/1")
NOT_RUN = a_record(case="a/2", verdict=Verdict(Kind.NOT_RUN, "no"), judgement=Judgement(Outcome.NOT_RUN))


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """The results of a run that stopped: two verdicts are decided, a third could not be."""
    file = ResultsFile(tmp_path / "results.json", ENVIRONMENT)
    for record in (DECIDED, NOT_RUN, FAILURE):
        file.add(record)
    file.finish(False, Timing(harness_seconds=0.0, torchsharp_seconds=0.0, wall_seconds=0.0, cores=1))
    return tmp_path / "results.json"


def selection(*ids: str, part: Part | None = None) -> Selection:
    return Selection([VerdictId.parse(each) for each in ids], {}, part)


def test_what_is_decided_stays_also_a_failure(stopped: Path) -> None:
    assert decided(stopped, ENVIRONMENT, selection(DECIDED.id, FAILURE.id, "a/b/c/d/e")) == [DECIDED, FAILURE]


def test_a_verdict_that_is_not_selected_is_another_run_s(stopped: Path) -> None:
    with pytest.raises(ResultsError) as refused:
        decided(stopped, ENVIRONMENT, selection(DECIDED.id))
    assert str(refused.value) == (
        f"{stopped}: found verdicts that this run does not select, 1 in number, the first {FAILURE.id}: resume it with "
        "the options and on the versions that it had, or leave out --resume"
    )


def test_a_run_of_another_suite_is_not_gone_on_with(stopped: Path) -> None:
    other = msgspec.structs.replace(ENVIRONMENT, tscompat="0.2.0")
    with pytest.raises(ResultsError, match=r"decides otherwise \(torchsharp-compat 0.1.0 and 0.2.0\): run it anew"):
        decided(stopped, other, selection(DECIDED.id, FAILURE.id))


@pytest.mark.parametrize("other", ["environment", "part"])
def test_another_environment_or_shard_is_another_run(stopped: Path, other: str) -> None:
    part = Part.of("1/2", [DECIDED.id]) if other == "part" else None
    environment = msgspec.structs.replace(ENVIRONMENT, device="cuda") if other == "environment" else ENVIRONMENT
    with pytest.raises(ResultsError, match="found another run than this one: resume it with the options and on the"):
        decided(stopped, environment, selection(DECIDED.id, FAILURE.id, part=part))
