"""``tscompat run`` with several ``--torchsharp``: one results.json, the most serious exit code, nothing lost."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from records import ENVIRONMENT, FAILURE, ZEROS, a_record
from tscompat.cli import app
from tscompat.results.environment import Library
from tscompat.results.file import ResultsFile, Timing, load_results
from tscompat.results.lock import lock

versions = import_module("tscompat.cli.versions")
TIMING = Timing(harness_seconds=0.0, torchsharp_seconds=0.0, wall_seconds=0.0, cores=1)
Children = Callable[..., list[list[str]]]


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> Children:
    """Has runs of these versions end with these codes; 0 and 1 leave results. Returns their commands, as they begin."""
    commands: list[list[str]] = []

    def with_codes(**codes: int) -> list[list[str]]:
        def wait(command: Sequence[str]) -> int:
            commands.append([*command])
            out = Path(command[command.index("--tscompat-out") + 1])
            code = codes[f"v{out.name[0]}"]
            if code in (0, 1):
                library = Library(version=out.name, sha256=ZEROS)
                environment = msgspec.structs.replace(ENVIRONMENT, torchsharp=library)
                file = ResultsFile(out / "results.json", environment)
                record = FAILURE if code else a_record()
                file.add(msgspec.structs.replace(record, environment=environment.key))
                file.finish(True, TIMING)
            return code

        monkeypatch.setattr(versions, "_wait", wait)
        return commands

    return with_codes


def run(out: Path, *arguments: str) -> Result:
    return CliRunner().invoke(
        app, ["run", "--out", str(out), "--torchsharp", "1.0.0", "--torchsharp", "2.0.0", *arguments]
    )


@pytest.mark.parametrize(("codes", "code"), [((0, 0), 0), ((0, 1), 1), ((1, 0), 1), ((1, 1), 1)])
def test_the_results_of_all_are_one_file_and_one_table(
    tmp_path: Path, children: Children, codes: tuple[int, int], code: int
) -> None:
    children(v1=codes[0], v2=codes[1])
    ended = run(tmp_path)
    results = load_results(tmp_path / "results.json")
    assert (ended.exit_code, len(results.environments), results.complete) == (code, 2, True)
    sums = [line.partition(": ")[0] for line in ended.output.splitlines() if " known divergences, " in line]
    assert sums == ["TorchSharp 1.0.0", "TorchSharp 2.0.0"]


def test_each_is_a_run_of_its_own_with_its_libtorch_and_the_other_options(tmp_path: Path, children: Children) -> None:
    commands = children(v1=0, v2=0)
    run(tmp_path, "--libtorch", "8.0.0", "--libtorch", "9.0.0", "--nuget-source", "feed", "-k", "bf16", "-x")
    for command, version, libtorch in zip(commands, ("1.0.0", "2.0.0"), ("8.0.0", "9.0.0"), strict=True):
        assert command[1:3] == ["-m", "tscompat.matrix"]
        assert {f"--tscompat-torchsharp={version}", f"--tscompat-libtorch={libtorch}", "-x"} <= {*command}
        assert {"--tscompat-nuget-source=feed", "-k", "bf16", str((tmp_path / version).absolute())} <= {*command}


def test_kept_files_are_named_from_the_one_file(tmp_path: Path, children: Children) -> None:
    children(v1=1, v2=1)
    run(tmp_path)
    files = [record.files[0] for record in load_results(tmp_path / "results.json").verdicts]
    assert files == ["1.0.0/failures/1/expected.dat", "2.0.0/failures/1/expected.dat"]


def test_a_version_that_could_not_run_is_named_and_the_others_are_kept(tmp_path: Path, children: Children) -> None:
    children(v1=int(pytest.ExitCode.USAGE_ERROR), v2=1)
    ended = run(tmp_path)
    results = load_results(tmp_path / "results.json")
    assert (ended.exit_code, len(results.environments), results.complete) == (2, 1, False)
    assert results.problems == ("found no results of TorchSharp 1.0.0: it could not run, or the run ended before it",)


def test_where_none_could_run_there_is_no_file_and_no_table(tmp_path: Path, children: Children) -> None:
    (tmp_path / "results.json").write_text("of an earlier run")
    children(v1=4, v2=4)
    ended = run(tmp_path)
    assert (ended.exit_code, (tmp_path / "results.json").exists(), "passed" in ended.output) == (2, False, False)


def test_results_of_an_earlier_run_are_not_taken_for_those_of_this(tmp_path: Path, children: Children) -> None:
    children(v1=0, v2=0)
    run(tmp_path)
    children(v1=3, v2=0)
    run(tmp_path)
    assert len(load_results(tmp_path / "results.json").environments) == 1


def test_ctrl_c_ends_all_and_what_ran_is_kept(tmp_path: Path, children: Children) -> None:
    commands = children(v1=0, v2=130, v3=0)
    ended = run(tmp_path, "--torchsharp", "3.0.0")
    results = load_results(tmp_path / "results.json")
    assert (ended.exit_code, len(commands), len(results.environments)) == (130, 2, 1)
    assert [problem.partition(":")[0] for problem in results.problems] == [
        "found no results of TorchSharp 2.0.0",
        "found no results of TorchSharp 3.0.0",
    ]


def test_another_run_has_the_folder(tmp_path: Path, children: Children) -> None:
    commands = children(v1=0, v2=0)
    held = lock(tmp_path)
    ended = run(tmp_path)
    held.release()
    assert (ended.exit_code, commands) == (2, [])
    assert "could not run: the run of process" in ended.output


@pytest.mark.parametrize("option", ["--junitxml=a.xml", "--junit-xml=a.xml"])
def test_a_file_that_each_run_would_write_anew_is_refused(tmp_path: Path, children: Children, option: str) -> None:
    commands = children(v1=0, v2=0)
    assert (run(tmp_path, option).exit_code, commands) == (2, [])


def test_what_does_not_go_together_could_not_run(tmp_path: Path, children: Children) -> None:
    commands = children(v1=0, v2=0)
    ended = run(tmp_path, "--no-dotnet")
    assert (ended.exit_code, commands) == (2, [])
    assert "could not run: --no-dotnet goes without --torchsharp: leave one of them out" in ended.output


# a process


@pytest.mark.parametrize("code", [0, 1, 130])
def test_a_process_ends_with_its_own_code(code: int) -> None:
    assert versions._wait([sys.executable, "-c", f"raise SystemExit({code})"]) == code


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signal to one process")
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)])
def test_a_signal_that_ends_a_process_early_is_an_interrupt(sent: signal.Signals, code: int) -> None:
    kill = f"import os, signal; signal.signal({sent}, signal.SIG_DFL); os.kill(os.getpid(), {sent})"
    if sent is signal.SIGKILL:
        kill = f"import os; os.kill(os.getpid(), {sent})"
    assert versions._wait([sys.executable, "-c", kill]) == code


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signal to one process")
def test_sigterm_is_handed_on_and_ctrl_c_waits(tmp_path: Path) -> None:
    """The process writes a file once it listens; it ends with 7 after SIGTERM. It does not get SIGINT, as it would from
    a terminal."""
    listens = tmp_path / "listens"
    code = f"""
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
pathlib.Path({str(listens)!r}).touch()
time.sleep(60)
"""

    def send() -> None:
        while not listens.exists():
            time.sleep(0.05)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.pthread_kill(main, number)  # else another thread may get it, which interrupts no wait

    main = threading.get_ident()
    sender = threading.Thread(target=send)
    sender.start()
    assert versions._wait([sys.executable, "-c", code]) == 7
    sender.join()
