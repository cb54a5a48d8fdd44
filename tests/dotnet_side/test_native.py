"""Another native half gets under a copy of the publish, with the libtorch that it was compiled for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from tscompat.dotnet_side import cache
from tscompat.dotnet_side.cache import Publish
from tscompat.dotnet_side.errors import BuildError, PeerBroken
from tscompat.dotnet_side.native import compiled_for, names
from tscompat.dotnet_side.process import Peer, inside
from tscompat.dotnet_side.replacement import with_dll, with_native

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux's libraries have been tried")
HEADERS = b"libtorch-shared-with-deps-"
"""What stands before the version where upstream's build names its headers."""


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "cache_folder", lambda: tmp_path / "cache")


@pytest.fixture
def folder(publish: Publish, tmp_path: Path) -> Path:
    """The native libraries of the packages."""
    return native_folder(tmp_path / "native", publish.folder, publish.folder / names().libtorchsharp)


def native_folder(folder: Path, libtorch: Path, library: Path) -> Path:
    """A folder with links to a libtorch, and a copy of a LibTorchSharp."""
    folder.mkdir()
    for file in libtorch.glob("lib*.so*"):
        (folder / file.name).symlink_to(file)
    (folder / library.name).unlink(missing_ok=True)
    (folder / library.name).write_bytes(library.read_bytes())
    return folder


def rewrite(folder: Path, old: bytes, new: bytes) -> None:
    """Change the bytes of LibTorchSharp that name the version that it was compiled for."""
    assert len(old) == len(new)
    library = folder / names().libtorchsharp
    library.write_bytes(library.read_bytes().replace(old, new))


def started(publish: Publish, folder: Path) -> Peer:
    return Peer(inside(publish.folder), folder / "peer.log", 8 << 30)


def test_upstream_s_build_names_the_version(publish: Publish, folder: Path) -> None:
    assert compiled_for(folder / names().libtorchsharp) == publish.libtorch


def test_the_copy_has_no_libtorch_of_its_own(publish: Publish, folder: Path) -> None:
    made = with_native(publish, folder, progress=print)
    left = {file.name for file in publish.folder.iterdir()} - {file.name for file in made.folder.iterdir()}
    assert {"libtorch_cpu.so", "libc10.so", "libtorch.so"} <= left
    assert not any("Skia" in name or name.endswith(".dll") for name in left)
    made.verify()


def test_the_copy_says_what_it_is(publish: Publish, folder: Path) -> None:
    said: list[str] = []
    made = with_native(publish, folder, progress=said.append)
    assert made.native
    assert (made.libtorch, made.native.compiled_for) == (publish.libtorch, publish.libtorch)
    assert said == [
        f"the native half is libLibTorchSharp.so of {folder} (--native), sha256:{made.native.libtorchsharp}, compiled "
        f"for {publish.libtorch}, with libtorch {publish.libtorch}"
    ]


def test_a_peer_loads_libtorch_from_the_folder(publish: Publish, folder: Path, tmp_path: Path) -> None:
    peer = started(with_native(publish, folder, progress=print), tmp_path)
    maps = Path(f"/proc/{peer.pid}/maps").read_text()
    peer.close()
    assert {Path(line.split()[-1]).parent for line in maps.splitlines() if "libtorch_cpu" in line} == {publish.folder}


def test_it_goes_with_a_dll_of_one_s_own(publish: Publish, folder: Path, tmp_path: Path) -> None:
    dll = tmp_path / "TorchSharp.dll"
    dll.write_bytes((publish.folder / "TorchSharp.dll").read_bytes() + b"\0")
    made = with_dll(with_native(publish, folder, progress=print), dll, progress=print)
    made.verify()
    assert (made.native is not None, made.torchsharp_dll is not None) == (True, True)


def test_another_libtorchsharp_has_a_folder_of_its_own(publish: Publish, folder: Path) -> None:
    made = with_native(publish, folder, progress=print)
    rewrite(folder, HEADERS, HEADERS.replace(b"with", b"WITH"))
    assert with_native(publish, folder, progress=print).folder != made.folder


def test_a_libtorch_of_another_version_is_refused(publish: Publish, folder: Path, tmp_path: Path) -> None:
    rewrite(folder, HEADERS + publish.libtorch.encode(), HEADERS + publish.libtorch.replace("2.", "3.").encode())
    with pytest.raises(BuildError, match=r"was compiled for libtorch 3\.\S+, but libtorch_cpu\.so is of 2\.\S+: put "):
        with_native(publish, folder, progress=print)
    assert [file.name for file in (tmp_path / "cache").iterdir()] == ["build.lock"]


@pytest.mark.parametrize("name", ["libLibTorchSharp.so", "libtorch_cpu.so"])
def test_a_missing_library_is_refused(publish: Publish, folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(
        BuildError, match=rf"--native .*: found no {name}; expected libLibTorchSharp\.so and its libtorch"
    ):
        with_native(publish, folder, progress=print)


def test_what_is_no_library_is_refused(publish: Publish, folder: Path) -> None:
    (folder / "libc10.so").unlink()
    (folder / "libc10.so").write_bytes(b"no library")
    with pytest.raises(BuildError, match=r"libtorch cannot be used: .*libc10\.so: file too short"):
        with_native(publish, folder, progress=print)


def test_a_libtorch_without_a_version_is_refused(publish: Publish, folder: Path) -> None:
    (folder / "libtorch_cpu.so").unlink()
    (folder / "libtorch_cpu.so").symlink_to(publish.folder / "libc10.so")
    with pytest.raises(BuildError, match=r"libtorch cannot be used: it states no version \(2\.9 and later do\)"):
        with_native(publish, folder, progress=print)


def test_tensors_that_are_misread_are_noticed(publish: Publish, tmp_path: Path) -> None:
    """Where LibTorchSharp names no version: with PyTorch's libtorch under it, it calls a contiguous tensor strided."""
    version = torch.__version__.partition("+")[0]
    if version.startswith(publish.libtorch):
        pytest.skip("PyTorch is of the version that TorchSharp was compiled for")
    libtorch = Path(torch.__file__).parent / "lib"
    folder = native_folder(tmp_path / "native", libtorch, publish.folder / names().libtorchsharp)
    rewrite(folder, HEADERS + publish.libtorch.encode(), HEADERS + publish.libtorch.replace(".", "_").encode())
    made = with_native(publish, folder, progress=print)
    assert made.libtorch == version
    with pytest.raises(PeerBroken, match=r"LibTorchSharp misreads tensors of this libtorch") as broken:
        started(made, tmp_path)
    assert "Traceback" not in str(broken.value)
