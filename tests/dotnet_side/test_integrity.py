"""A publish that is not as it was built is refused, and so is one that others can write to. The publish is made up."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tscompat.dotnet_side import integrity
from tscompat.dotnet_side.errors import BuildError
from tscompat.dotnet_side.glibcxx import Patch
from tscompat.dotnet_side.integrity import Given, Recorded, own, sha256, verify

POSIX = pytest.mark.skipif(os.name != "posix", reason="this platform has no owners and no modes")
PATCH = Patch(file="native.so", versions=["V1"], unused_symbols=[], original_sha256="", patched_sha256="")
DEPS: dict[str, Any] = {
    "libraries": {"Peer/1.0.0": {}, "TorchSharp/1.0": {"path": "torchsharp/1.0"}},
    "targets": {
        "net8.0": {
            "Peer/1.0.0": {"runtime": {"Peer.dll": {}}},
            "TorchSharp/1.0": {"runtime": {"lib/TorchSharp.dll": {}}, "native": {"native/native.so": {}}},
        }
    },
}


class Made(NamedTuple):
    """A publish of two files of a package and one of ours."""

    folder: Path
    recorded: dict[str, Recorded]
    nuget: Path

    def verify(self, **changed: Recorded) -> None:
        verify(self.folder, {**self.recorded, **changed}, {}, None)

    def overwrite(self, name: str, data: bytes) -> None:
        (self.folder / name).chmod(0o600)
        (self.folder / name).write_bytes(data)
        (self.folder / name).chmod(0o400)

    def record(self, name: str) -> Recorded:
        """A record of the file as it is now."""
        found = (self.folder / name).stat()
        return Recorded(sha256(self.folder / name), found.st_size, found.st_mtime_ns, found.st_ino)


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    package = tmp_path / "nuget" / "torchsharp" / "1.0"
    folder = tmp_path / "cache" / "key"
    for place in (package / "lib", package / "native", folder):
        place.mkdir(parents=True)
    monkeypatch.setenv("NUGET_PACKAGES", str(tmp_path / "nuget"))
    (package / "lib" / "TorchSharp.dll").write_bytes(b"managed")
    (package / "native" / "native.so").write_bytes(b"native")
    os.link(package / "lib" / "TorchSharp.dll", folder / "TorchSharp.dll")
    os.link(package / "native" / "native.so", folder / "native.so")
    (folder / "Peer.dll").write_bytes(b"ours")
    (folder / "Peer.deps.json").write_text(json.dumps(DEPS), encoding="utf-8")
    return Made(folder, own(folder, tmp_path / "cache" / "files"), package)


def test_what_was_built_is_verified(made: Made) -> None:
    made.verify()


def test_no_file_is_nuget_s_any_more(made: Made) -> None:
    assert not (made.folder / "TorchSharp.dll").samefile(made.nuget / "lib" / "TorchSharp.dll")


def test_two_publishes_share_a_file(made: Made, tmp_path: Path) -> None:
    (tmp_path / "cache" / "other").mkdir()
    os.link(made.nuget / "native" / "native.so", tmp_path / "cache" / "other" / "native.so")
    own(tmp_path / "cache" / "other", tmp_path / "cache" / "files")
    assert (made.folder / "native.so").samefile(tmp_path / "cache" / "other" / "native.so")


@POSIX
def test_no_file_can_be_written_to_by_accident(made: Made) -> None:
    assert [file.name for file in made.folder.iterdir() if file.stat().st_mode & 0o222] == []


def test_other_bytes_are_refused(made: Made) -> None:
    made.overwrite("Peer.dll", b"mine")
    with pytest.raises(BuildError, match=r"Peer\.dll has other bytes than were built: remove .*key, and the next run"):
        made.verify()


@pytest.mark.parametrize("name", ["TorchSharp.dll", "native.so"])
def test_other_bytes_of_a_package_are_refused_though_the_record_has_them(made: Made, name: str) -> None:
    (made.folder / name).unlink()
    (made.folder / name).write_bytes(b"another")
    with pytest.raises(BuildError, match=f"{name} is not the package's, .*nuget.*{name}"):
        made.verify(**{name: made.record(name)})


def test_a_package_of_a_source_is_not_that_of_nuget_s_folder(made: Made) -> None:
    (made.nuget / "lib" / "TorchSharp.dll").write_bytes(b"of the same version")
    verify(made.folder, made.recorded, {}, None, ["torchsharp/1.0"])
    with pytest.raises(BuildError, match=r"TorchSharp\.dll is not the package's"):
        verify(made.folder, made.recorded, {}, None, ["torchvision/1.0"])


def test_another_file_is_refused(made: Made) -> None:
    (made.folder / "more.so").touch()
    with pytest.raises(BuildError, match=r"more\.so is not recorded"):
        made.verify()


def test_a_missing_file_is_refused(made: Made) -> None:
    (made.folder / "native.so").unlink()
    with pytest.raises(BuildError, match=r"native\.so is missing"):
        made.verify()


@POSIX
@pytest.mark.parametrize("place", ["..", ".", "Peer.dll"])
def test_what_others_can_write_to_is_refused(made: Made, place: str) -> None:
    (made.folder / place).chmod(0o775)
    with pytest.raises(BuildError, match="can be written by other users"):
        made.verify()


@POSIX
def test_what_belongs_to_another_user_is_refused(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: os.geteuid() + 1)
    with pytest.raises(BuildError, match=r"belongs to the user \d+, and this is the user \d+"):
        made.verify()


def test_a_large_file_is_not_hashed_while_its_size_time_and_inode_are_the_same(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(integrity, "LARGE", 0)
    monkeypatch.setattr(integrity, "sha256", None)
    made.verify()


def test_a_large_file_that_was_written_to_is_hashed(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(integrity, "LARGE", 0)
    made.overwrite("Peer.dll", b"mine")
    with pytest.raises(BuildError, match=r"Peer\.dll has other bytes than were built"):
        made.verify()


def given(digest: str) -> dict[str, Given]:
    return {"TorchSharp.dll": Given("--torchsharp-dll", digest)}


def test_the_dll_of_a_person_may_differ_from_the_package_s(made: Made) -> None:
    verify(made.folder, made.recorded, given(made.recorded["TorchSharp.dll"].sha256), None)
    made.overwrite("TorchSharp.dll", b"another")
    changed = {**made.recorded, "TorchSharp.dll": made.record("TorchSharp.dll")}
    verify(made.folder, changed, given(sha256(made.folder / "TorchSharp.dll")), None)
    with pytest.raises(BuildError, match=r"TorchSharp\.dll is not the file that --torchsharp-dll names"):
        verify(made.folder, changed, given(made.recorded["TorchSharp.dll"].sha256), None)


@pytest.mark.parametrize(("data", "accepted"), [(b"natiVe", True), (b"nAtiVe", False), (b"native2", False)])
def test_a_patch_is_a_flag_for_each_version(made: Made, data: bytes, accepted: bool) -> None:
    (made.folder / "native.so").unlink()
    (made.folder / "native.so").write_bytes(data)
    changed = {**made.recorded, "native.so": made.record("native.so")}
    if accepted:
        verify(made.folder, changed, {}, PATCH)
    else:
        with pytest.raises(BuildError, match=r"native\.so is not the package's"):
            verify(made.folder, changed, {}, PATCH)
