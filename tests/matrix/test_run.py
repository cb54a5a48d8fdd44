"""``tscompat run`` as a person starts it: a slice on the real TorchSharp, deaths in the middle, exit codes."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import psutil
import pytest
from typer.testing import CliRunner

from tscompat.cli import app
from tscompat.dotnet_side.cache import Publish
from tscompat.python_side import torch_tensors
from tscompat.python_side.scripts import FUNCTIONS
from tscompat.results.file import Results, load_results, save_results
from tscompat.values.verdict import Kind
from tscompat.verdicts.divergences import Outcome

pytestmark = pytest.mark.usefixtures("publish")
SLICE = "dat/ and (pattern/random or role/both or name/) and not cuda"


class Run:
    """One run in its own folder."""

    def __init__(self, out: Path, *arguments: str) -> None:
        self.out = out
        command = [sys.executable, "-m", "tscompat", "run", "--out", str(out), *arguments]
        self.process = psutil.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.family: dict[int, psutil.Process] = {}

    def children(self) -> list[psutil.Process]:
        found = self.process.children(recursive=True)
        self.family.update((child.pid, child) for child in found)
        return found

    def wait_for(self, what: str) -> psutil.Process:
        """The first process below the run whose command line matches. setproctitle, if installed, gives workers one."""
        latest = time.monotonic() + 120
        while time.monotonic() < latest:
            for child in self.children():
                if re.search(what, " ".join(cmdline(child))):
                    return child
            time.sleep(0.01)
        raise AssertionError(f"no process {what!r} below the run")

    def end(self) -> tuple[int, str]:
        output: str = self.process.communicate(timeout=200)[0]
        return self.process.returncode, output

    def results(self) -> Results:
        return load_results(self.out / "results.json")


def cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def start(*arguments: str) -> Run:
        runs.append(Run(tmp_path / "out", *arguments))
        return runs[-1]

    yield start
    for each in runs:
        if each.process.poll() is None:
            each.process.kill()
            each.process.communicate()


def records(results: Results) -> dict[str, str]:
    return {record.id: record.verdict for record in results.verdicts}


def test_a_slice_passes_on_the_real_torchsharp(run: Callable[..., Run]):
    slice_ = run("-n", "2", "-k", SLICE)
    code, output = slice_.end()
    assert code == 0, output
    assert slice_.results().complete
    assert {record.outcome for record in slice_.results().verdicts} == {"passed"}


def test_nothing_selected_could_not_run(run: Callable[..., Run]):
    assert run("-n", "0", "-k", "no-such-case").end()[0] == 2


def test_nothing_but_absent_devices_could_not_run(run: Callable[..., Run]):
    absent = run("-n", "0", "-k", "cuda/pattern/random/u8")
    code, _ = absent.end()
    kinds = set(records(absent.results()).values())
    assert (code, kinds) == ((0, {"pass"}) if torch_tensors.cuda_version() else (2, {"not-run"}))


def test_a_run_that_has_nothing_to_decide_comes_to_its_end(run: Callable[..., Run]) -> None:
    idle = run("-n", "0", "-k", "exportsd/python-to-dotnet/cpu/pattern/random/u8")
    code, _ = idle.end()
    assert (code, idle.results().complete) == (2, True)


def test_without_dotnet_python_s_half_is_decided(run: Callable[..., Run]) -> None:
    alone = run("-n", "0", "--no-dotnet", "-k", "dat/python-to-dotnet/cpu/pattern/identity/f32")
    code, output = alone.end()
    assert code == 0, output
    start = "dat/python-to-dotnet/cpu/pattern/identity/f32"
    assert records(alone.results()) == {f"{start}/bytes": "pass", f"{start}/bits": "not-run"}


def test_without_dotnet_the_environment_has_none(run: Callable[..., Run]) -> None:
    alone = run("-n", "0", "--no-dotnet", "-k", "dat/python-to-dotnet/cpu/pattern/identity/f32/bytes")
    alone.end()
    (environment,) = alone.results().environments.values()
    assert (environment.dotnet, environment.torchsharp, environment.libtorch) == (None, None, None)


@pytest.mark.parametrize("options", [("--torchsharp", "0.106.0"), ("--torchsharp-dll", "my.dll"), ("--native", ".")])
def test_without_dotnet_there_is_no_other_torchsharp(run: Callable[..., Run], options: tuple[str, str]) -> None:
    code, output = run("--no-dotnet", *options).end()
    assert (code, "leave one of them out" in output) == (2, True)


def test_another_torchsharp_dll_is_named_with_its_hash(
    run: Callable[..., Run], publish: Publish, tmp_path: Path
) -> None:
    dll = tmp_path / "Mine.dll"
    dll.write_bytes((publish.folder / "TorchSharp.dll").read_bytes() + b"\0")  # .NET ignores what is behind the end
    digest = f"sha256:{hashlib.sha256(dll.read_bytes()).hexdigest()}"
    replaced = run("-n", "1", "--torchsharp-dll", str(dll), "-k", "dat/python-to-dotnet/cpu/role/both/u8")
    code, output = replaced.end()
    assert code == 0, output
    (environment,) = replaced.results().environments.values()
    assert environment.torchsharp
    assert environment.dotnet
    assert (environment.dotnet.torchsharp_dll, environment.torchsharp.sha256) == ("Mine.dll", digest)
    assert output.count(f"TorchSharp.dll is Mine.dll (--torchsharp-dll), {digest}") == 2  # at the start and at the end


def test_a_folder_without_native_libraries_could_not_run(run: Callable[..., Run], tmp_path: Path) -> None:
    code, output = run("--native", str(tmp_path)).end()
    assert (code, f"could not run: --native {tmp_path}: found no " in output) == (2, True)


def test_a_native_half_has_its_own_libtorch(run: Callable[..., Run], tmp_path: Path) -> None:
    code, output = run("--native", str(tmp_path), "--libtorch", "2.10.0").end()
    assert (code, "--native has its own libtorch: leave out --libtorch" in output) == (2, True)


@pytest.mark.parametrize(
    ("options", "code", "end"),
    [
        ((), 0, "2 passed, 1 known divergences, 0 failures, 0 not run"),
        (("--strict",), 1, "gone, and --strict allows none: 'gone-in-the-new-one' did not happen at dat/python-to-"),
    ],
)
def test_a_new_version_may_have_lost_a_fault_unless_the_run_is_strict(
    run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], code: int, end: str
) -> None:
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    ids = "dat/ and cpu/role/both/u8/bits or torchscript-bytes/dotnet-to-python/cpu/pattern/random/u8"
    new = run("-p", "new_version", "-n", "0", "-k", ids, *options)
    found, output = new.end()
    assert (found, end in " ".join(output.split())) == (code, True), output
    words = "1 known divergence is assumed to go on, 1 is gone, 0 failures are new"
    assert f"New version (TorchSharp 0.108.0 after 0.107.0): {words}" in output


def test_a_torchsharp_dll_that_is_not_there_could_not_run(run: Callable[..., Run]) -> None:
    code, output = run("--torchsharp-dll", "gone.dll").end()
    assert (code, "could not run: --torchsharp-dll gone.dll: No such file" in output) == (2, True)


def test_a_second_run_into_the_same_folder_could_not_run(run: Callable[..., Run]) -> None:
    first = run("-n", "1", "-k", "dat/dotnet-to-python/cpu/count/20000 or dat/dotnet-to-python/cpu/role/both/u8")
    wait_until(lambda: bool(run_folders(first.process.pid)))
    code, output = run("-n", "0", "-k", "dat/dotnet-to-python/cpu/role/both/u8").end()
    assert (code, f"could not run: the run of process {first.process.pid}, started" in output) == (2, True), output
    assert (first.end()[0], first.results().complete) == (0, True)


def test_workers_are_a_number_or_auto(run: Callable[..., Run]) -> None:
    code, output = run("-n", "x").end()
    assert (code, "found 'x'; expected a number or auto" in output) == (2, True)


def test_an_unknown_option_could_not_run(run: Callable[..., Run]):
    assert run("--no-such-option").end()[0] == 2


def test_a_script_that_is_not_there_could_not_run(run: Callable[..., Run]):
    code, output = run("--importsd", "gone.py").end()
    assert (code, "could not run: --importsd gone.py: No such file" in output) == (2, True)


@pytest.mark.parametrize(
    "victim", ["tscompat.dotnet_side.inside", r"exec\(eval\(sys\.stdin|pytest-xdist"], ids=["peer", "worker"]
)
def test_a_killed_process_is_one_crash_and_nothing_is_left(run: Callable[..., Run], victim: str):
    """The kill comes while TorchSharp writes 20,000 entries, so it hits a call in progress."""
    struck = run("-n", "1", "-k", "dat/dotnet-to-python and (count/20000 or role/both/u8)")
    written = "gw0/count.20000.f32/dat.dotnet-to-python.cpu.dat"
    wait_until(lambda: any((folder / written).exists() for folder in run_folders(struck.process.pid)))
    doomed = struck.wait_for(victim)
    doomed.kill()
    code, output = struck.end()
    assert code == 1, output
    kinds = list(records(struck.results()).values())
    assert (kinds.count("crash"), kinds.count("pass")) == (1, len(kinds) - 1), output
    _, alive = psutil.wait_procs(list(struck.family.values()), timeout=20)
    assert (alive, run_folders(struck.process.pid)) == ([], [])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signal to one process")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_so_and_leaves_nothing(run: Callable[..., Run], sent: signal.Signals):
    stopped = run("-n", "1", "-k", "dat/ and cpu")
    results = stopped.out / "results.json"
    wait_until(lambda: results.exists() and '"verdict":"pass"' in results.read_text(encoding="utf-8"))
    stopped.children()  # notes the processes in ``family``, to check that they end
    stopped.process.send_signal(sent)
    code, output = stopped.end()
    assert code == 130, output
    assert not stopped.results().complete
    _, alive = psutil.wait_procs(list(stopped.family.values()), timeout=20)
    assert (alive, run_folders(stopped.process.pid)) == ([], [])


BYTES = ("-n", "0", "--no-dotnet", "-k", "dat/python-to-dotnet/cpu/role/both and bytes and (u8 or i8)")
"""Four verdicts that need no .NET."""


def test_a_run_that_stopped_goes_on_where_it_was(run: Callable[..., Run]) -> None:
    """Two of four verdicts were decided; one of them failed, which stays."""
    whole = run(*BYTES)
    assert whole.end()[0] == 0
    results = whole.results()
    first, second, *left = results.verdicts
    failed = msgspec.structs.replace(second, verdict=Kind.BITS, outcome=Outcome.FAILED, detail="made up")
    stopped = msgspec.structs.replace(results, complete=False, verdicts=(first, failed))
    save_results(stopped, whole.out / "results.json")
    resumed = run(*BYTES, "--resume", "-v")
    code, output = resumed.end()
    assert code == 1, output
    assert (resumed.results().complete, resumed.results().verdicts[:2]) == (True, (first, failed))
    assert {record.id for record in resumed.results().verdicts[2:]} == {record.id for record in left}
    assert output.count("PASSED") == len(left) > 0


def test_the_shards_of_a_run_merge_into_the_run(run: Callable[..., Run], tmp_path: Path) -> None:
    """``merge`` refuses what is not the whole."""
    files: list[str] = []
    for number in (1, 2):
        shard = run(*BYTES, "--shard", f"{number}/2")
        code, output = shard.end()
        assert (code, shard.results().complete) == (0, True), output
        files.append(str((shard.out / "results.json").rename(tmp_path / f"{number}.json")))
    assert CliRunner().invoke(app, ["merge", *files, "--out", str(tmp_path)]).exit_code == 0
    merged = load_results(tmp_path / "results.json")
    start = "dat/python-to-dotnet/cpu/role/both"
    assert records(merged) == {f"{start}/{dtype}/bytes": "pass" for dtype in ("u8", "i8", "qu8", "qi8")}
    assert (merged.complete, merged.problems, len(merged.environments)) == (True, (), 1)


def test_what_failed_last_runs_again_alone(run: Callable[..., Run], tmp_path: Path) -> None:
    """A script that writes nothing fails; --lf selects it out of all."""
    script = tmp_path / "exportsd.py"
    lines = (f"def {name}(*given): pass\n" for name in FUNCTIONS["exportsd"])
    script.write_text("".join(lines), encoding="utf-8")
    ids = "cpu/role/both/u8/bytes and python-to-dotnet and (exportsd/ or dat/)"
    options = (*BYTES[:-1], ids, "--exportsd", str(script))
    assert run(*options).end()[0] == 1
    again = run(*options, "--lf")
    code, output = again.end()
    assert code == 1, output
    assert {record.route for record in again.results().verdicts} == {"exportsd"}


def wait_until(happened: Callable[[], bool]) -> None:
    for _ in range(20_000):
        if happened():
            return
        time.sleep(0.005)
    raise AssertionError("it never happened")


def run_folders(pid: int) -> list[Path]:
    places = {Path("/dev/shm"), Path(tempfile.gettempdir())}
    return [folder for place in places if place.is_dir() for folder in place.glob(f"tscompat-run-{pid}-*")]
