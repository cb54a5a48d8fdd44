"""A file appears whole or not at all, and an existing file is replaced only by --force."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from samples import save_safetensors
from tscompat.files import output
from tscompat.files.item import Item
from tscompat.files.kinds import read
from tscompat.verbs.convert import ModelFileError, prepare

TARGETS = ["b.dat", "b.safetensors", "b.pth"]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "a.pth"
    path.parent.mkdir()
    torch.save({"w": torch.ones(1000)}, path)
    return path


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.is_file()]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_nothing_is_left_of_what_was_broken_off(
    interruption: BaseException, target: str, source: Path, tmp_path: Path
) -> None:
    def fail(written: int) -> None:
        raise interruption

    with pytest.raises(type(interruption)):
        prepare(source, tmp_path / target, tell=print).write(fail)
    assert names(tmp_path) == []


@pytest.mark.parametrize("target", TARGETS)
def test_all_bytes_are_counted(target: str, source: Path, tmp_path: Path) -> None:
    counted: list[int] = []
    prepare(source, tmp_path / target, tell=print).write(counted.append)
    assert sum(counted) == (tmp_path / target).stat().st_size


@pytest.mark.parametrize("target", TARGETS)
def test_elements_that_are_written_in_steps_are_all_there(
    target: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "_STEP", 1000)
    torch.save({"w": torch.arange(1000.0)}, source)
    prepare(source, tmp_path / target, tell=print).write(lambda written: None)
    (item,) = read(tmp_path / target, "", print).contents
    assert isinstance(item, Item)
    assert bytes(item.read()) == torch.arange(1000.0).numpy().tobytes()


@pytest.mark.parametrize("target", TARGETS)
def test_the_size_is_known_before(target: str, tmp_path: Path) -> None:
    shared = torch.ones(10_000)
    torch.save({f"tied{number}": shared for number in range(9)}, tmp_path / "a.pth")
    conversion = prepare(tmp_path / "a.pth", tmp_path / target, tell=print)
    conversion.write(lambda written: None)
    assert 0.5 < (tmp_path / target).stat().st_size / conversion.size <= 1


def test_what_is_there_is_not_replaced(source: Path, tmp_path: Path) -> None:
    (tmp_path / "b.dat").write_text("mine")
    with pytest.raises(ModelFileError, match="exists already: give another name, or --force"):
        prepare(source, tmp_path / "b.dat", tell=print)


def test_what_has_come_in_between_is_not_replaced(source: Path, tmp_path: Path) -> None:
    conversion = prepare(source, tmp_path / "b.dat", tell=print)
    with pytest.raises(ModelFileError, match="exists already"):
        conversion.write(lambda written: (tmp_path / "b.dat").write_text("mine"))
    assert ((tmp_path / "b.dat").read_text(), names(tmp_path)) == ("mine", ["b.dat"])


def test_force_replaces(source: Path, tmp_path: Path) -> None:
    (tmp_path / "b.dat").write_text("mine")
    prepare(source, tmp_path / "b.dat", force=True, tell=print).write(lambda written: None)
    assert (tmp_path / "b.dat").stat().st_size > 4000


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_force_replaces_regular_files_only(kind: str, source: Path, tmp_path: Path) -> None:
    target = tmp_path / "b.dat"
    if os.name != "posix":
        pytest.skip("neither pipes nor devices are files here")
    elif kind == "pipe":
        os.mkfifo(target)
    else:
        target.symlink_to(os.devnull)
    with pytest.raises(ModelFileError, match="no regular file, which is never replaced"):
        prepare(source, target, force=True, tell=print)


@pytest.mark.parametrize("what", ["index", "folder"])
def test_force_replaces_no_shard_of_the_source(what: str, tmp_path: Path) -> None:
    shard = tmp_path / "model-00001-of-00001.safetensors"
    save_safetensors({"w": torch.ones(3)}, shard)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"w": shard.name}}), encoding="utf-8")
    with pytest.raises(ModelFileError, match="lies in the source folder"):
        prepare(index if what == "index" else tmp_path, shard, force=True, tell=print)


def test_force_replaces_no_file_of_the_source_by_another_path(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    save_safetensors({"w": torch.ones(3)}, folder / "model.safetensors")
    try:
        (tmp_path / "link").symlink_to(folder, target_is_directory=True)
    except OSError:
        pytest.skip("no right to make links here")
    with pytest.raises(ModelFileError, match="lies in the source folder"):
        prepare(folder, tmp_path / "link" / "model.safetensors", force=True, tell=print)


@pytest.mark.parametrize("what", ["index", "folder"])
def test_force_replaces_no_shard_behind_a_link(what: str, tmp_path: Path) -> None:
    """Hugging Face's cache has its files so: links in a folder, to another one."""
    shard = tmp_path / "blob.safetensors"
    save_safetensors({"w": torch.ones(3)}, shard)
    folder = tmp_path / "snapshot"
    folder.mkdir()
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"w": "model-00001-of-00001.safetensors"}}), encoding="utf-8")
    try:
        (folder / "model-00001-of-00001.safetensors").symlink_to(shard)
    except OSError:
        pytest.skip("no right to make links here")
    with pytest.raises(ModelFileError, match="lies in the source folder"):
        prepare(index if what == "index" else folder, shard, force=True, tell=print)


def test_what_is_to_be_replaced_stays_until_all_is_written(source: Path, tmp_path: Path) -> None:
    (tmp_path / "b.dat").write_text("mine")

    def look(written: int) -> None:
        assert (tmp_path / "b.dat").read_text() == "mine"

    prepare(source, tmp_path / "b.dat", force=True, tell=print).write(look)


def test_a_link_stays_a_link(source: Path, tmp_path: Path) -> None:
    (tmp_path / "there.dat").write_text("mine")
    try:
        (tmp_path / "b.dat").symlink_to(tmp_path / "there.dat")
    except OSError:
        pytest.skip("no right to make links here")
    prepare(source, tmp_path / "b.dat", force=True, tell=print).write(lambda written: None)
    assert ((tmp_path / "b.dat").is_symlink(), (tmp_path / "there.dat").stat().st_size > 4000) == (True, True)


@pytest.mark.parametrize(("free", "shown"), [(2000, "2.0 kB"), (1_000_000, "1.0 MB")])
def test_a_full_disk_is_noticed_before(
    free: int, shown: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def disk_usage(folder: Path) -> SimpleNamespace:
        return SimpleNamespace(free=free)

    conversion = prepare(source, tmp_path / "b.dat", tell=print)
    monkeypatch.setattr(shutil, "disk_usage", disk_usage)
    with pytest.raises(ModelFileError, match=f"needs 1.1 MB of disk space, {shown} are free: free some space"):
        conversion.write(lambda written: None)
