"""The hash of torch and the version of TorchSharp in results.json."""

from dataclasses import replace
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

from tscompat.dotnet_side.cache import Dll, Publish
from tscompat.matrix import environment
from tscompat.matrix.environment import torch_digest

OWN = "torch/__init__.py,sha256=aaa,10\ntorch/version.py,sha256=bbb,20\n"


def digest_of(record: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (folder / "RECORD").write_text(record, encoding="utf-8")

    def distribution(name: str) -> PathDistribution:
        return PathDistribution(folder)

    monkeypatch.setattr(environment, "distribution", distribution)
    return torch_digest()


def test_the_hash_of_torch_does_not_depend_on_where_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = f"../../../bin/torchrun,sha256=ccc,187\n{OWN}torch/__pycache__/version.cpython-311.pyc,,\n"
    assert digest_of(OWN, tmp_path, monkeypatch) == digest_of(elsewhere, tmp_path, monkeypatch)


def test_another_file_of_torch_is_another_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = OWN.replace("bbb", "ccc")
    assert digest_of(OWN, tmp_path, monkeypatch) != digest_of(changed, tmp_path, monkeypatch)


REPORTED = {"torchsharp": "0.107.0", "dotnet": "8", "libtorch_reported": "2.10.0", "pybridge": "1", "device": "cpu"}


@pytest.mark.parametrize(("dll", "version"), [(None, "0.108.0-dev"), (Dll("Mine.dll", ""), "0.107.0")])
def test_the_version_is_the_package_s_unless_a_dll_took_its_place(
    publish: Publish, dll: Dll | None, version: str
) -> None:
    packed = replace(publish, torchsharp="0.108.0-dev", torchsharp_dll=dll)
    found = environment.environment(packed, REPORTED, {})
    assert found.torchsharp
    assert found.dotnet
    assert (found.torchsharp.version, found.dotnet.torchsharp_reported) == (version, "0.107.0")
    assert f"TorchSharp {version}" in found.running
