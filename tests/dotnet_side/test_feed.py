"""What a person's own source of packages gives to a build, and what comes from NuGet's folder instead."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from packages import packed
from tscompat.dotnet_side.errors import BuildError
from tscompat.dotnet_side.feed import Feed

NEEDED = {"TorchSharp": "0.108.0-dev", "TorchVision": "0.108.0-dev", "libtorch-cpu-linux-x64": "2.10.0"}
SHARP, VISION = "torchsharp/0.108.0-dev", "torchvision/0.108.0-dev"
URL = "https://example.invalid/v3/index.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a TorchSharp, a TorchVision, and what no build needs."""
    made = tmp_path / "packages"
    made.mkdir()
    for name in (
        "TorchSharp.0.108.0-dev",
        "TorchVision.0.108.0-dev",
        "TorchSharp.PyBridge.1.4.4",
        "TorchSharp.0.107.0",
    ):
        (made / f"{name}.nupkg").write_bytes(packed(name))
    return made


@pytest.fixture
def nuget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """NuGet's folder, with an old TorchSharp of the same version, a libtorch and a package of no build."""
    made = tmp_path / "nuget"
    for place in (SHARP, VISION, "libtorch-cpu-linux-x64/2.10.0", "sharpziplib/1.4.0", "other/1.0.0"):
        (made / place).mkdir(parents=True)
        (made / place / "a.dll").write_text("old")
    monkeypatch.setenv("NUGET_PACKAGES", str(made))
    return made


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    names = ("libtorch-cpu-linux-x64", "TorchSharp", "TorchVision", "SharpZipLib", "NotRestored")
    file = tmp_path / "packages.lock.json"
    file.write_text(json.dumps({"dependencies": {"net8.0": dict.fromkeys(names)}}))
    return file


def feed(folder: Path) -> Feed:
    return Feed.of(str(folder), NEEDED)


def fallback(given: Feed, scratch: Path, lock: Path) -> set[str]:
    """The packages that a build may have from NuGet's folder."""
    list(given.properties(scratch, lock))
    return {file.parent.relative_to(scratch / "fallback").as_posix() for file in scratch.glob("fallback/*/*/a.dll")}


@pytest.mark.parametrize("place", ["", "TorchSharp", "torchsharp/0.108.0-dev"])
def test_a_package_is_found_flat_and_in_folders(tmp_path: Path, place: str) -> None:
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    (tmp_path / place / "TorchSharp.0.108.0-dev.nupkg").write_bytes(packed("TorchSharp.0.108.0-dev"))
    assert [*feed(tmp_path).taken] == [SHARP]


def test_only_needed_packages_are_taken(folder: Path) -> None:
    assert [*feed(folder).taken] == [SHARP, VISION]


def test_the_key_is_that_of_the_packages_bytes_wherever_they_lie(folder: Path) -> None:
    before = feed(folder).key
    moved = feed(folder.rename(folder.with_name("moved")))
    assert (moved.key, moved.source == str(folder)) == (before, False)


def test_the_key_follows_the_bytes_of_a_package(folder: Path) -> None:
    before = feed(folder).key
    (folder / "TorchSharp.0.108.0-dev.nupkg").write_bytes(packed("TorchSharp.0.108.0-dev", "anew"))
    assert feed(folder).key != before


def test_the_key_ignores_other_packages(folder: Path) -> None:
    before = feed(folder).key
    (folder / "TorchSharp.0.107.0.nupkg").write_text("packed anew")
    assert feed(folder).key == before


def test_the_key_of_an_address_is_the_address() -> None:
    assert (Feed.of(URL, NEEDED).key, Feed.of(URL, NEEDED).used) == (URL, True)


def test_a_folder_without_a_needed_package_is_not_used(folder: Path) -> None:
    other = Feed.of(str(folder), {"TorchSharp": "0.109.0"})
    assert (other.used, feed(folder).used) == (False, True)


def test_in_words_it_is_the_option_and_what_is_there(folder: Path) -> None:
    assert str(feed(folder)) == (
        f"--nuget-source {folder} (which has TorchSharp.0.107.0.nupkg, TorchSharp.0.108.0-dev.nupkg, "
        "TorchSharp.PyBridge.1.4.4.nupkg, TorchVision.0.108.0-dev.nupkg)"
    )
    assert str(Feed.of(URL, NEEDED)) == f"--nuget-source {URL}"


@pytest.mark.parametrize(("place", "found"), [("gone", "found no such folder; "), ("", "found no package; ")])
def test_a_folder_that_is_not_there_or_empty_is_refused(tmp_path: Path, place: str, found: str) -> None:
    with pytest.raises(BuildError) as refused:
        Feed.of(str(tmp_path / place), NEEDED)
    assert str(refused.value).startswith(f"--nuget-source {tmp_path / place}: {found}expected a folder with .nupkg")


def test_the_restore_has_folders_of_its_own_and_no_lock(folder: Path, nuget: Path, lock: Path, tmp_path: Path) -> None:
    assert [*feed(folder).properties(tmp_path / "scratch", lock)] == [
        f"-p:RestoreAdditionalProjectSources={folder}",
        f"-p:RestorePackagesPath={tmp_path / 'scratch' / 'packages'}",
        f"-p:RestoreAdditionalProjectFallbackFolders={tmp_path / 'scratch' / 'fallback'}",
        "-p:RestorePackagesWithLockFile=false",
        "-p:RestoreLockedMode=false",
        f"-p:NuGetLockFilePath={tmp_path / 'scratch' / 'packages.lock.json'}",
    ]


def test_what_the_folder_has_does_not_come_from_nuget(folder: Path, nuget: Path, lock: Path, tmp_path: Path) -> None:
    assert fallback(feed(folder), tmp_path / "scratch", lock) == {
        "libtorch-cpu-linux-x64/2.10.0",
        "sharpziplib/1.4.0",
    }


def test_what_an_address_may_have_does_not_come_from_nuget(nuget: Path, lock: Path, tmp_path: Path) -> None:
    assert fallback(Feed.of(URL, NEEDED), tmp_path / "scratch", lock) == {
        "libtorch-cpu-linux-x64/2.10.0",
        "sharpziplib/1.4.0",
    }


def test_a_libtorch_of_the_folder_does_not_come_from_nuget(
    folder: Path, nuget: Path, lock: Path, tmp_path: Path
) -> None:
    (folder / "libtorch-cpu-linux-x64.2.10.0.nupkg").write_bytes(packed("libtorch-cpu-linux-x64.2.10.0"))
    assert fallback(feed(folder), tmp_path / "scratch", lock) == {"sharpziplib/1.4.0"}


def test_nuget_s_files_are_linked_and_stay(folder: Path, nuget: Path, lock: Path, tmp_path: Path) -> None:
    fallback(feed(folder), tmp_path / "scratch", lock)
    place = "libtorch-cpu-linux-x64/2.10.0/a.dll"
    assert (tmp_path / "scratch" / "fallback" / place).samefile(nuget / place)


def restored(scratch: Path, place: str, data: bytes) -> None:
    """What NuGet leaves of a package that it has restored."""
    name, version = place.split("/")
    file = scratch / "packages" / place / f"{name}.{version}.nupkg"
    file.parent.mkdir(parents=True)
    file.write_bytes(data)


def test_what_a_build_did_not_take_from_nuget_s_folder_is_named(folder: Path, tmp_path: Path) -> None:
    restored(tmp_path / "scratch", SHARP, packed("TorchSharp.0.108.0-dev"))
    restored(tmp_path / "scratch", VISION, packed("TorchVision.0.108.0-dev"))
    restored(tmp_path / "scratch", "other/1.0.0", b"of another source")
    assert feed(folder).own_packages(tmp_path / "scratch") == ["other/1.0.0", SHARP, VISION]


@pytest.mark.parametrize("data", [b"of another source", None])
def test_a_package_of_the_folder_that_came_from_elsewhere_is_refused(
    folder: Path, tmp_path: Path, data: bytes | None
) -> None:
    restored(tmp_path / "scratch", VISION, packed("TorchVision.0.108.0-dev"))
    if data:
        restored(tmp_path / "scratch", SHARP, data)
    with pytest.raises(BuildError, match=f"NuGet took {SHARP} from another source, which has the same version: give"):
        feed(folder).own_packages(tmp_path / "scratch")


# what is refused


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "found no package (File is not a zip file): pack it again (dotnet pack)"),
        (
            packed("TorchSharp.0.107.0"),
            "found TorchSharp 0.107.0 in its .nuspec; expected what its name states: rename it, or pack that version",
        ),
        (packed("Other.0.108.0-dev"), "found Other 0.108.0-dev in its .nuspec; expected what its name states: "),
    ],
    ids=["no zip", "another version", "another id"],
)
def test_a_file_that_is_not_what_its_name_states_is_refused(folder: Path, data: bytes, found: str) -> None:
    file = folder / "TorchSharp.0.108.0-dev.nupkg"
    file.write_bytes(data)
    with pytest.raises(BuildError) as refused:
        feed(folder)
    assert str(refused.value).startswith(f"--nuget-source: {file}: {found}")


def test_a_version_in_a_nuspec_may_be_written_otherwise(folder: Path) -> None:
    file = folder / "TorchSharp.0.108.0-dev.nupkg"
    file.write_bytes(packed("TorchSharp.0.108-Dev+sha.1"))
    assert SHARP in feed(folder).taken


def test_what_no_build_needs_may_be_anything(folder: Path) -> None:
    (folder / "TorchSharp.0.107.0.nupkg").write_bytes(b"")
    assert [*feed(folder).taken] == [SHARP, VISION]


def test_a_package_is_no_folder_of_packages(folder: Path) -> None:
    with pytest.raises(BuildError, match=r"\.nupkg: found a file; expected a folder .*: give its folder"):
        Feed.of(str(folder / "TorchSharp.0.107.0.nupkg"), NEEDED)
