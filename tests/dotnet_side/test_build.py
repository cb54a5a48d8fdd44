"""The .NET project is built once, outside the source tree, and only when what it is built from has changed."""

import errno
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple, NoReturn
from xml.etree import ElementTree

import filelock
import pytest

from packages import packed
from tscompat.dotnet_side import build, cache, integrity
from tscompat.dotnet_side.build import Versions
from tscompat.dotnet_side.cache import Publish
from tscompat.dotnet_side.errors import BuildError
from tscompat.resources.folders import data_folder

HOUR = 3600


@pytest.fixture(scope="module")
def publish() -> Publish:
    """The publish that all tests share."""
    return build.ensure_built(progress=print)


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setattr(cache, "cache_folder", lambda: folder)
    return folder


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the .NET project that a test may change."""
    shutil.copytree(data_folder("dotnet"), tmp_path / "dotnet")
    monkeypatch.setattr(build, "data_folder", tmp_path.joinpath)
    return tmp_path / "dotnet" / "Peer"


def test_default_version_is_the_projects(publish: Publish) -> None:
    project = ElementTree.parse(data_folder("dotnet") / "Peer" / "Peer.csproj")
    assert publish.torchsharp == project.findtext(".//DefaultTorchSharpVersion")


def test_libtorch_version_is_the_projects(publish: Publish) -> None:
    project = ElementTree.parse(data_folder("dotnet") / "Peer" / "Peer.csproj")
    assert publish.libtorch == project.findtext(".//DefaultLibTorchVersion")


def test_native_libraries_lie_beside_the_managed_ones(publish: Publish) -> None:
    """TorchSharp looks for them there (TryLoadNativeLibraryByName in Torch.cs); otherwise it copies 500 MB."""
    names = {file.stem.removeprefix("lib") for file in publish.folder.iterdir()}
    assert names >= {"Peer", "TorchSharp", "LibTorchSharp", "torch_cpu", "c10"}


def test_what_was_built_is_as_it_was_recorded(publish: Publish) -> None:
    publish.verify()


def test_no_file_is_one_of_nuget_s(publish: Publish) -> None:
    """Else who writes into the publish writes into NuGet's folder."""
    originals = integrity.originals(publish.folder)
    assert {"TorchSharp.dll", "TorchVision.dll"} <= originals.keys()
    assert [name for name, file in originals.items() if file.samefile(publish.folder / name)] == []


def test_second_call_builds_nothing(publish: Publish) -> None:
    said: list[str] = []
    build.ensure_built(progress=said.append)
    assert said == []


def test_a_record_cannot_exempt_packages_from_the_comparison_with_nuget_s(
    publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "find", fixed(replace(publish, own_packages=["torchsharp/0.107.0"])))
    with pytest.raises(BuildError, match="found packages of --nuget-source, which this build does not use: remove"):
        build.ensure_built(progress=print)


def test_second_call_gives_the_same(publish: Publish) -> None:
    assert build.ensure_built(progress=print) == publish


def test_find_built_finds_it(publish: Publish) -> None:
    assert build.find_built() == publish


def test_find_built_in_an_empty_cache(empty_cache: Path) -> None:
    assert build.find_built() is None


BROKEN = [None, "", '{"torchsharp": "0.107', "{}", "[]"]


@pytest.mark.parametrize("record", BROKEN)
def test_a_folder_without_a_readable_record_is_not_built(empty_cache: Path, record: str | None) -> None:
    folder = empty_cache / build.plan().key
    folder.mkdir(parents=True)
    if record is not None:
        (folder / "publish.json").write_text(record, encoding="utf-8")
    assert build.find_built() is None


def test_looking_for_a_publish_makes_no_record(empty_cache: Path) -> None:
    folder = empty_cache / build.plan().key
    folder.mkdir(parents=True)
    build.find_built()
    assert list(folder.iterdir()) == []


class Odd(NamedTuple):
    """What two calls of ensure_built at once leave, in paths with spaces and umlauts, after an interrupted build."""

    said: list[str]
    publishes: list[Publish]
    sources: Path
    before: list[str]
    cache: Path


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Odd:
    place = tmp_path_factory.mktemp("Größe ß und Leerraum")
    kept = place / "Zwischen lager"
    for name, age in {"old": 9, "older": 10, "used": 1, "used-too": 2}.items():
        record = kept / name / "publish.json"
        record.parent.mkdir(parents=True)
        record.touch()
        os.utime(record, (time.time() - age * HOUR, time.time() - age * HOUR))
    (kept / "killed.partial").mkdir()
    sources = place / "dotnet" / "Peer"
    shutil.copytree(data_folder("dotnet") / "Peer", sources)
    before = sorted(file.name for file in sources.iterdir())
    said: list[str] = []
    with pytest.MonkeyPatch.context() as monkeypatch, ThreadPoolExecutor(2) as pool:
        monkeypatch.setattr(cache, "cache_folder", lambda: kept)
        monkeypatch.setattr(build, "data_folder", place.joinpath)
        (kept / build.plan().key / "leftover").mkdir(parents=True)
        calls = [pool.submit(build.ensure_built, progress=said.append) for _ in range(2)]
        publishes = [call.result() for call in calls]
    return Odd(said, publishes, sources, before, kept)


def test_callers_in_parallel_build_once(odd: Odd) -> None:
    assert sum(text.startswith("building") for text in odd.said) == 1


def test_callers_in_parallel_get_the_same(odd: Odd) -> None:
    assert odd.publishes[0] == odd.publishes[1]


def test_publish_lies_in_the_cache_under_its_key(odd: Odd) -> None:
    assert (odd.cache / odd.publishes[0].key / "Peer.dll").is_file()


def test_nothing_of_an_interrupted_build_is_left(odd: Odd) -> None:
    assert not (odd.cache / odd.publishes[0].key / "leftover").exists()


def test_source_tree_stays_as_it_is(odd: Odd) -> None:
    assert sorted(file.name for file in odd.sources.iterdir()) == odd.before


def test_old_publishes_go_and_those_in_use_stay(odd: Odd) -> None:
    folders = {file.name for file in odd.cache.iterdir() if file.is_dir()}
    assert folders - {"files"} == {odd.publishes[0].key, "used", "used-too"}


Change = Callable[[Path], None]


def append_to(name: str) -> Change:
    def change(folder: Path) -> None:
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write("\n")

    return change


CHANGES: dict[str, Change] = {
    "project": append_to("Peer.csproj"),
    "new source": append_to("New.cs"),
    "source gone": lambda folder: next(folder.glob("*.cs")).unlink(),
    "source": lambda folder: append_to(next(folder.glob("*.cs")).name)(folder),
    "lock file": lambda folder: append_to(f"packages.{build.plan().inputs.rid}.lock.json")(folder),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_key_follows_the_sources(sources: Path, change: Change) -> None:
    before = build.plan().key
    change(sources)
    assert build.plan().key != before


def test_key_follows_the_place_of_a_source(sources: Path) -> None:
    """A folder with one source, so that moving it cannot change the order of the sources."""
    for file in [*sources.glob("*.cs"), *sources.glob("Models/*.cs")]:
        file.unlink()
    (sources / "Mlp.cs").touch()
    before = build.plan().key
    (sources / "Mlp.cs").rename(sources / "Models" / "Mlp.cs")
    assert build.plan().key != before


@pytest.mark.parametrize("name", ["README.md", "packages.other-rid.lock.json"])
def test_key_ignores_what_is_not_built(sources: Path, name: str) -> None:
    before = build.plan().key
    append_to(name)(sources)
    assert build.plan().key == before


@pytest.mark.parametrize("versions", [Versions(torchsharp="0.1.0"), Versions(libtorch="0.1.0")])
def test_key_follows_the_versions(versions: Versions) -> None:
    assert build.plan(versions).key != build.plan().key


def test_the_default_versions_by_name_are_the_same_build() -> None:
    torchsharp, _, libtorch = build.plan().inputs.packages.values()
    assert build.plan(Versions(torchsharp, libtorch)).key == build.plan().key


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    folder = tmp_path / "packages"
    folder.mkdir()
    (folder / "TorchSharp.0.1.0.nupkg").write_bytes(packed("TorchSharp.0.1.0"))
    return folder


def test_key_follows_the_bytes_of_a_package_and_not_its_folder(feed: Path) -> None:
    before = build.plan(Versions("0.1.0", nuget_source=str(feed))).key
    moved = feed.rename(feed.with_name("moved"))
    assert build.plan(Versions("0.1.0", nuget_source=str(moved))).key == before
    (moved / "TorchSharp.0.1.0.nupkg").write_bytes(packed("TorchSharp.0.1.0", "another"))
    assert build.plan(Versions("0.1.0", nuget_source=str(moved))).key != before


def test_a_package_of_a_folder_is_not_that_of_nuget(feed: Path) -> None:
    assert build.plan(Versions("0.1.0", nuget_source=str(feed))).key != build.plan(Versions("0.1.0")).key


def test_a_folder_without_the_version_changes_nothing(feed: Path, publish: Publish) -> None:
    said: list[str] = []
    found = build.ensure_built(Versions(publish.torchsharp, nuget_source=str(feed)), progress=said.append)
    where = f"it is not in --nuget-source {feed} (which has TorchSharp.0.1.0.nupkg)"
    assert (found, said) == (publish, [f"TorchSharp {publish.torchsharp} comes from NuGet's own sources: {where}"])


def fixed(value: object) -> Callable[..., object]:
    """A function that returns ``value`` for any arguments."""
    return lambda *_, **__: value


def test_key_follows_the_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    before = build.plan().key
    monkeypatch.setattr(build, "sdk_version", fixed("99.0.100"))
    assert build.plan().key != before


def test_key_follows_the_hosts_libstdcxx(monkeypatch: pytest.MonkeyPatch) -> None:
    before = build.plan().key
    monkeypatch.setattr(build.glibcxx, "host_versions", fixed(["GLIBCXX_9.9"]))
    assert build.plan().key != before


def test_no_dotnet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BuildError, match=r"no dotnet on PATH: install the \.NET SDK 8 or later"):
        build.plan()


SAID = """The command could not be loaded, possibly because:
  * You intended to execute a .NET SDK command:
      No .NET SDKs were found.

Download a .NET SDK:
https://example.invalid/download

Learn about SDK resolution:
https://example.invalid/sdk-not-found
"""


@pytest.mark.parametrize(
    ("code", "out", "err", "error"),
    [
        (155, "", SAID, r"finds no SDK to use \(a runtime is not enough\): install the \.NET SDK 8 or later"),
        (155, "", SAID, r"dotnet's advice: Download a \.NET SDK: https://example\.invalid/download$"),
        (1, "", "Unhandled exception", "dotnet's advice: Unhandled exception$"),
        (0, "7.0.410\n", "", r"the \.NET SDK 7\.0\.410 is too old: install 8 or later"),
    ],
)
def test_no_sdk_of_use(monkeypatch: pytest.MonkeyPatch, code: int, out: str, err: str, error: str) -> None:
    monkeypatch.setattr(subprocess, "run", fixed(subprocess.CompletedProcess("dotnet", code, out, err)))
    with pytest.raises(BuildError, match=error):
        build.plan()


@pytest.fixture
def without_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(folder: Path) -> str:
        raise build.NoSdk("there is no SDK")

    monkeypatch.setattr(build, "sdk_version", none)


@pytest.mark.usefixtures("without_sdk")
def test_without_an_sdk_what_was_built_from_the_same_sources_is_used(publish: Publish) -> None:
    said: list[str] = []
    found = build.ensure_built(progress=said.append)
    assert (found.sources, len(said)) == (publish.sources, 1)
    assert said[0] == f"there is no SDK. Used instead: {found.folder}, which was built from the same sources"


@pytest.mark.usefixtures("without_sdk", "publish")
def test_without_a_runtime_nothing_that_was_built_is_of_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("DOTNET_ROOT", raising=False)
    with pytest.raises(BuildError, match="there is no SDK"):
        build.ensure_built(progress=print)


@pytest.mark.usefixtures("without_sdk", "publish")
def test_without_an_sdk_other_sources_could_not_be_built(sources: Path) -> None:
    (sources / "Memory.cs").write_text("", encoding="utf-8")
    with pytest.raises(BuildError, match="there is no SDK"):
        build.ensure_built(progress=print)


def test_another_sdk_is_pinned(sources: Path) -> None:
    pin = sources.parent.parent / "global.json"
    pin.write_text('{"sdk": {"version": "8.0.1"}}', encoding="utf-8")
    with pytest.raises(
        BuildError, match=r"dotnet's advice: Install the \[8\.0\.1\] \.NET SDK or update \[.*global\.json\]"
    ):
        build.plan()


def test_host_without_libtorch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", fixed("riscv64"))
    with pytest.raises(BuildError, match=r"no libtorch package for \w+ riscv64: use one of linux-x64, "):
        build.ensure_built(progress=print)


def test_full_disk(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", fixed(SimpleNamespace(free=1_000_000_000)))
    with pytest.raises(BuildError, match=r"has 1\.0 GB free, a build takes 2\.5 GB: free some disk space"):
        build.ensure_built(progress=print)


def test_cache_that_cannot_be_made(empty_cache: Path) -> None:
    empty_cache.touch()
    with pytest.raises(BuildError, match="the cache folder cannot be used"):
        build.ensure_built(progress=print)


class Failed(NamedTuple):
    message: str
    cache: Path


@pytest.fixture(scope="module")
def failed_restore(tmp_path_factory: pytest.TempPathFactory) -> Failed:
    """The build of a version that NuGet does not have. Its only source is an empty folder, so nothing is downloaded."""
    kept = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(cache, "cache_folder", lambda: kept)
        monkeypatch.setenv("RestoreSources", str(tmp_path_factory.mktemp("no packages")))
        with pytest.raises(BuildError) as caught:
            build.ensure_built(Versions(torchsharp="0.0.1-none"), progress=print)
    return Failed(str(caught.value), kept)


def test_failed_restore_has_advice(failed_restore: Failed) -> None:
    words = "NuGet found no TorchSharp and no TorchVision"
    assert words in failed_restore.message
    assert ", in its sources: correct the version, or put the packages there" in failed_restore.message


def test_failed_restore_names_the_package(failed_restore: Failed) -> None:
    assert "Unable to find package TorchSharp" in failed_restore.message


def test_failed_restore_names_the_log(failed_restore: Failed) -> None:
    assert str(failed_restore.cache / "build.log") in failed_restore.message


def test_failed_build_leaves_nothing_but_its_log(failed_restore: Failed) -> None:
    assert {file.name for file in failed_restore.cache.iterdir()} <= {"build.log", "build.lock"}


def test_sources_that_do_not_compile(sources: Path, empty_cache: Path) -> None:
    (sources / "Wrong.cs").write_text("no C#", encoding="utf-8")
    with pytest.raises(BuildError, match=r"(?s)the C# sources do not compile.*Wrong\.cs"):
        build.ensure_built(progress=print)


# what a user may not do


def test_a_publish_in_a_read_only_cache_is_found(publish: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(path: Path) -> NoReturn:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(os, "utime", read_only)
    assert cache.find(publish.key) == publish


def test_a_cache_that_cannot_be_written_to(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(lock: filelock.FileLock, timeout: float) -> NoReturn:
        raise PermissionError(errno.EACCES, "Permission denied", "build.lock")

    monkeypatch.setattr(filelock.FileLock, "acquire", refused)
    with pytest.raises(BuildError, match=r"cannot be used \(.*'build.lock'\): allow this user to write to "):
        build.ensure_built(progress=print)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
@pytest.mark.parametrize(
    ("soft", "hard", "raised"), [(64, 4096, 128), (64, -1, 128), (1024, 4096, None), (-1, -1, None)]
)
def test_a_process_may_open_as_many_files_as_a_run_takes(
    soft: int, hard: int, raised: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    import resource

    limits: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", fixed((soft, hard)))

    def setrlimit(which: int, pair: tuple[int, int]) -> None:
        limits.append(pair)

    monkeypatch.setattr(resource, "setrlimit", setrlimit)
    build.dotnet_command()
    assert limits == ([(raised, hard)] if raised else [])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_process_that_may_open_too_few_files_could_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    monkeypatch.setattr(resource, "getrlimit", fixed((64, 64)))
    with pytest.raises(BuildError, match="may open 64 files here, a run takes 128: allow more"):
        build.find_built()
