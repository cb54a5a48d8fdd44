"""Another version of TorchSharp, the whole way: packed, run beside the first, gated: `nox -s versions`.

The second version is packed from the first: another number in the .nuspec, and in one of two packages of that version a
fault in TorchSharp.dll (tests/sabotage). NuGet's folder has, as a trap, the good one: NuGet never looks again at an id
and version that it has.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from packages import NAMES, repack
from sabotage.patched import patched
from tscompat.dotnet_side.build import ensure_built
from tscompat.dotnet_side.integrity import link_tree, nuget_folder
from tscompat.results.comparison import Baseline
from tscompat.results.file import ResultsError, load_results
from tscompat.results.record import Record

NEW = "0.108.0-dev"
SLICE = "dat/ and not cuda and (pattern/random/u8 or layout/source/transposed/u8)"
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def first() -> str:
    """The version that the project pins."""
    return ensure_built(progress=print).torchsharp


@pytest.fixture(scope="module")
def good(first: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a second version, which differs in its number alone."""
    folder = tmp_path_factory.mktemp("good")
    repack(folder, first, NEW)
    return folder


@pytest.fixture(scope="module")
def faulty(first: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a second version that writes the dtype code of the next dtype."""
    folder = tmp_path_factory.mktemp("faulty")
    repack(folder, first, NEW, patched(tmp_path_factory.mktemp("patched") / "TorchSharp.dll", "dtype-code"))
    return folder


@pytest.fixture(scope="module")
def nuget(good: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """NuGet's folder, which has the good package of the second version."""
    folder = tmp_path_factory.mktemp("nuget")
    link_tree(nuget_folder(), folder)
    for name in NAMES:
        place = folder / name.lower() / NEW
        with zipfile.ZipFile(good / f"{name}.{NEW}.nupkg") as package:
            package.extractall(place)
        shutil.copy(good / f"{name}.{NEW}.nupkg", place / f"{name.lower()}.{NEW}.nupkg")
        shutil.copy(nuget_folder() / name.lower() / ensure_built(progress=print).torchsharp / ".nupkg.metadata", place)
    return folder


def environment(nuget: Path) -> dict[str, str]:
    return {**os.environ, "NUGET_PACKAGES": str(nuget)}


def tscompat(nuget: Path, *arguments: str) -> tuple[int, str]:
    """Run tscompat. Returns its exit code and what it printed."""
    ended = subprocess.run(
        [sys.executable, "-m", "tscompat", *arguments],
        env=environment(nuget),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    print(ended.stdout)
    return ended.returncode, ended.stdout


def test_a_version_without_a_fault_goes_on(good: Path, nuget: Path, first: str, tmp_path: Path) -> None:
    options = ["--torchsharp", NEW, "--nuget-source", str(good), "-n", "0", "--out", str(tmp_path)]
    code, output = tscompat(nuget, "run", *options, "-k", SLICE)
    assert code == 0
    versions = f"New version (TorchSharp {NEW} after {first})"
    assert f"{versions}: 1 known divergence is assumed to go on, 0 are gone, 0 failures are new" in output
    (found,) = load_results(tmp_path / "results.json").environments.values()
    assert found.torchsharp
    assert found.dotnet
    assert (found.torchsharp.version, found.dotnet.torchsharp_reported) == (NEW, first)


def test_two_versions_run_side_by_side(faulty: Path, nuget: Path, first: str, tmp_path: Path) -> None:
    versions = ["--torchsharp", first, "--torchsharp", NEW, "--nuget-source", str(faulty)]
    code, output = tscompat(nuget, "run", *versions, "--tables", "-n", "0", "--out", str(tmp_path), "-k", SLICE)
    assert code == 1
    assert [f"TorchSharp {first}", f"TorchSharp {NEW}"] in [line.strip().split("   ") for line in output.splitlines()]
    results = load_results(tmp_path / "results.json")
    old, new = results.environments
    ids: dict[str, set[str]] = {old: set(), new: set()}
    failed: dict[str, list[Record]] = {old: [], new: []}
    for record in results.verdicts:
        ids[record.environment].add(record.id)
        failed[record.environment] += [record] if record.outcome == "failed" else []
    assert (ids[old], results.complete) == (ids[new], True)
    assert failed[old] == []
    assert {record.check for record in failed[new]} == {"bits", "bytes"}
    for record in failed[new]:
        assert f"--torchsharp {NEW} --nuget-source {faulty} -k {record.id}" in record.rerun
        assert all((tmp_path / NEW / "unexpected") in (tmp_path / file).parents for file in record.files)
        assert all((tmp_path / file).is_file() for file in record.files)
    with pytest.raises(ResultsError, match="found several environments"):
        Baseline.of(results, tmp_path / "results.json")


def test_the_gate_sees_the_fault(faulty: Path, nuget: Path) -> None:
    code, output = tscompat(nuget, "gate", "--torchsharp", NEW, "--nuget-source", str(faulty))
    assert code == 1
    assert "entry 0 'parameter', dtype code at byte 0xb" in output
    assert "(FORMAT 3.2 dtype.code): 0 (u8) expected, 1 (i8) found; the rest" in output


def test_what_ran_is_kept_where_a_version_is_nowhere(faulty: Path, nuget: Path, first: str, tmp_path: Path) -> None:
    versions = ["--torchsharp", "0.109.0", "--torchsharp", first, "--nuget-source", str(faulty)]
    code, output = tscompat(nuget, "run", *versions, "-n", "0", "--out", str(tmp_path), "-k", SLICE)
    has = f"--nuget-source {faulty} (which has TorchSharp.{NEW}.nupkg, TorchVision.{NEW}.nupkg)"
    wanted = "NuGet found no TorchSharp 0.109.0 and no TorchVision 0.109.0, neither in"
    assert f"{wanted} {has} nor in its own sources: correct the version" in output
    results = load_results(tmp_path / "results.json")
    assert (code, len(results.environments), results.complete) == (2, 1, False)
    assert results.problems == ("found no results of TorchSharp 0.109.0: it could not run, or the run ended before it",)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signal to one process")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_all_versions_and_what_ran_is_kept(
    faulty: Path, nuget: Path, first: str, tmp_path: Path, sent: signal.Signals
) -> None:
    """A terminal sends SIGINT to the whole group of processes; what ends a job in CI sends SIGTERM to the first."""
    versions = ["--torchsharp", first, "--torchsharp", NEW, "--nuget-source", str(faulty)]
    command = [
        sys.executable,
        "-m",
        "tscompat",
        "run",
        *versions,
        "-n",
        "1",
        "--out",
        str(tmp_path),
        "-k",
        "dat/ and cpu",
    ]
    results = tmp_path / first / "results.json"
    with subprocess.Popen(command, env=environment(nuget), start_new_session=True) as run:
        while run.poll() is None and not (results.exists() and b'"verdict":"pass"' in results.read_bytes()):
            time.sleep(0.1)
        (os.killpg if sent is signal.SIGINT else os.kill)(run.pid, sent)
        assert run.wait(60) == 130
    whole = load_results(tmp_path / "results.json")
    assert (len(whole.environments), whole.complete, len(whole.verdicts) > 0) == (1, False, True)
    assert whole.problems == (f"found no results of TorchSharp {NEW}: it could not run, or the run ended before it",)
    assert not (tmp_path / NEW).exists()
