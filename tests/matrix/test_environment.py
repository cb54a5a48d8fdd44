"""The hash of torch in results.json."""

from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

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
