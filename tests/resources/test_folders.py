"""The data folders are found in a checkout, else in an installed package; temporary files go to a fast folder."""

import importlib.util
import os
import shutil
import tempfile
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Literal

import pytest

from tscompat.resources import folders

ROOT = Path(__file__).parents[2]


def module_in(package: Path) -> ModuleType:
    """The module ``folders`` as if ``package`` were the folder of tscompat."""
    room = package / "resources"
    room.mkdir(parents=True, exist_ok=True)
    copy = shutil.copy(folders.__file__, room)
    spec = importlib.util.spec_from_file_location("copied_folders", copy)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose package has a copy of the data, too."""
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "cases").mkdir()
    (tmp_path / "harness" / "tscompat" / "_data" / "cases").mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize("name", ["cases", "dotnet"])
def test_this_checkout(name: Literal["cases", "dotnet"]) -> None:
    assert folders.data_folder(name) == ROOT / name


def test_checkout_comes_first(checkout: Path) -> None:
    assert module_in(checkout / "harness" / "tscompat").data_folder("cases") == checkout / "cases"


def test_harness_folder_that_is_no_checkout(checkout: Path) -> None:
    (checkout / "pyproject.toml").unlink()
    package = checkout / "harness" / "tscompat"
    assert module_in(package).data_folder("cases") == package / "_data" / "cases"


def test_installed_package_ignores_a_strangers_project(checkout: Path) -> None:
    package = (checkout / "harness").rename(checkout / "site-packages") / "tscompat"
    assert module_in(package).data_folder("cases") == package / "_data" / "cases"


def test_neither_is_an_error_with_the_places(tmp_path: Path) -> None:
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
def test_fast_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exists: bool, writable: bool, free: int, chosen: str
) -> None:
    def access(path: Path, mode: int) -> bool:
        return writable

    def disk_usage(path: Path) -> SimpleNamespace:
        return SimpleNamespace(free=free)

    memory = tmp_path / "memory"
    if exists:
        memory.mkdir()
    monkeypatch.setattr(folders, "SHARED_MEMORY", memory)
    monkeypatch.setattr(os, "access", access)
    monkeypatch.setattr(shutil, "disk_usage", disk_usage)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    assert folders.fast_folder() == tmp_path / chosen
