"""Another TorchSharp.dll gets into a copy of the publish, and nothing that is there already changes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tscompat.dotnet_side import cache, replacement
from tscompat.dotnet_side.cache import Publish
from tscompat.dotnet_side.errors import BuildError
from tscompat.dotnet_side.replacement import Identity, with_dll

SIGNED = Identity("TorchSharp", (0, 107, 0, 0), "67b0e5e1da516a1c")


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "cache_folder", lambda: tmp_path / "cache")


@pytest.fixture
def dll(publish: Publish, tmp_path: Path) -> Path:
    """The package's TorchSharp.dll with a byte behind its end, which .NET ignores."""
    file = tmp_path / "Mine.dll"
    file.write_bytes((publish.folder / "TorchSharp.dll").read_bytes() + b"\0")
    return file


def hashes(folder: Path) -> dict[str, str]:
    small = (file for file in folder.glob("*.*") if file.stat().st_size < 1 << 24 and file.name != "publish.json")
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in small}


def test_the_copy_has_the_dll_and_all_other_files(publish: Publish, dll: Path) -> None:
    before = hashes(publish.folder)
    made = with_dll(publish, dll, progress=print)
    assert made.folder != publish.folder
    assert hashes(made.folder) == {**before, "TorchSharp.dll": hashlib.sha256(dll.read_bytes()).hexdigest()}
    assert hashes(publish.folder) == before


def test_the_copy_names_the_file(publish: Publish, dll: Path) -> None:
    said: list[str] = []
    assert with_dll(publish, dll, progress=said.append).torchsharp_dll == ("Mine.dll", hashes(dll.parent)["Mine.dll"])
    digest = hashlib.sha256(dll.read_bytes()).hexdigest()
    assert said == [f"TorchSharp.dll is Mine.dll (--torchsharp-dll), sha256:{digest}"]


def test_the_same_dll_is_copied_once(publish: Publish, dll: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = with_dll(publish, dll, progress=print)
    monkeypatch.setattr(replacement, "_identity", None)
    assert with_dll(publish, dll, progress=print) == made


def test_another_dll_has_a_folder_of_its_own(publish: Publish, dll: Path) -> None:
    made = with_dll(publish, dll, progress=print)
    dll.write_bytes(dll.read_bytes() + b"\0")
    assert with_dll(publish, dll, progress=print).folder != made.folder


def test_a_file_that_is_not_there_is_refused(publish: Publish, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"--torchsharp-dll .*gone\.dll: No such file or directory: give the path"):
        with_dll(publish, tmp_path / "gone.dll", progress=print)


def test_what_is_no_assembly_is_refused(publish: Publish, tmp_path: Path) -> None:
    file = tmp_path / "TorchSharp.dll"
    file.write_bytes(b"MZ" + bytes(1000))
    with pytest.raises(
        BuildError, match=r"found no \.NET assembly \(System\.BadImageFormatException: .*expected Torch"
    ):
        with_dll(publish, file, progress=print)


def test_another_assembly_is_refused_and_leaves_nothing(publish: Publish, tmp_path: Path) -> None:
    file = tmp_path / "TorchSharp.dll"
    file.write_bytes((publish.folder / "TorchVision.dll").read_bytes())
    with pytest.raises(
        BuildError, match=r"found TorchVision .*; expected TorchSharp [0-9.]+ with the public key token"
    ):
        with_dll(publish, file, progress=print)
    assert [file.name for file in (tmp_path / "cache").iterdir()] == ["build.lock"]


def test_a_full_name_is_parsed() -> None:
    text = "TorchSharp, Version=0.107.0.0, Culture=neutral, PublicKeyToken=67b0e5e1da516a1c"
    assert Identity.parse(text) == SIGNED


@pytest.mark.parametrize(
    ("found", "serves"),
    [
        (SIGNED, True),
        (SIGNED._replace(version=(0, 108, 0, 0)), True),
        (SIGNED._replace(version=(0, 20, 0, 0)), False),
        (SIGNED._replace(public_key_token="null"), False),
        (SIGNED._replace(name="TorchVision"), False),
    ],
)
def test_what_dotnet_takes_in_the_place_of_the_package_s(found: Identity, serves: bool) -> None:
    assert found.serves(SIGNED) is serves
