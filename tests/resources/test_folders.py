"""The data folders are found in a checkout, else in an installed package; temporary files go where they are fast."""

import importlib.util
import shutil
import tempfile
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from tscompat.resources import folders

ROOT = Path(__file__).parents[2]


def module_in(package: Path) -> ModuleType:
    """The module ``paths`` as if ``package`` were where tscompat lies."""
    room = package / "resources"
    room.mkdir(parents=True, exist_ok=True)
    copy = shutil.copy(folders.__file__, room)
    spec = importlib.util.spec_from_file_location("copied_paths", copy)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout that has a package with a copy of the data too."""
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "cases").mkdir()
    (tmp_path / "harness" / "tscompat" / "_data" / "cases").mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize("name", ["cases", "dotnet"])
def test_this_checkout(name) -> None:
    assert folders.data_folder(name) == ROOT / name


def test_checkout_comes_first(checkout) -> None:
    assert module_in(checkout / "harness" / "tscompat").data_folder("cases") == checkout / "cases"


def test_harness_folder_that_is_no_checkout(checkout) -> None:
    (checkout / "pyproject.toml").unlink()
    package = checkout / "harness" / "tscompat"
    assert module_in(package).data_folder("cases") == package / "_data" / "cases"


def test_installed_package_ignores_a_strangers_project(checkout) -> None:
    package = (checkout / "harness").rename(checkout / "site-packages") / "tscompat"
    assert module_in(package).data_folder("cases") == package / "_data" / "cases"


def test_neither_is_an_error_that_says_where_it_looked(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no folder 'dotnet' .*_data.*: install torchsharp-compat again"):
        module_in(tmp_path / "tscompat").data_folder("dotnet")


@pytest.mark.parametrize(
    ("exists", "writable", "free", "chosen"),
    [
        (True, True, (2 << 30) + 1, "memory"),
        (True, True, 2 << 30, "temporary"),
        (True, False, 8 << 30, "temporary"),
        (False, True, 8 << 30, "temporary"),
    ],
)
def test_fast_folder(tmp_path, monkeypatch, exists, writable, free, chosen) -> None:
    memory = tmp_path / "memory"
    if exists:
        memory.mkdir()
    monkeypatch.setattr(folders, "SHARED_MEMORY", memory)
    monkeypatch.setattr(folders.os, "access", lambda *_: writable)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    assert folders.fast_folder() == tmp_path / chosen
