"""What a machine must have for a large case."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from subjects import subject
from tscompat.catalogue import Tensors, load_catalogue
from tscompat.matrix import worker
from tscompat.python_side.models import native

SPECS = subject("large/elements-above-2-31/u8", Tensors).specs


@pytest.mark.parametrize(
    ("memory", "disk", "reason"),
    [
        (9 << 30, 1 << 40, "needs 10.0 GiB of memory, 9.0 are free"),
        (1 << 40, 4 << 30, "needs 4.0 GiB in the temporary folder, 4.0 are free"),
        (1 << 40, 1 << 40, None),
    ],
)
def test_a_case_that_does_not_fit_is_refused_with_what_it_needs(
    memory: int, disk: int, reason: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def disk_usage(folder: Path) -> SimpleNamespace:
        return SimpleNamespace(free=disk)

    monkeypatch.setattr(worker, "available_memory", lambda: memory)
    monkeypatch.setattr(shutil, "disk_usage", disk_usage)
    assert worker.too_large(SPECS, tmp_path) == reason


def test_a_small_case_needs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "available_memory", lambda: 0)
    assert worker.too_large(subject("role/both/bf16", Tensors).specs, tmp_path) is None


def test_a_model_is_as_large_as_its_tensors() -> None:
    """The tensors of a model are known only once Python's module is built. VGG-16 in float64 is above LARGE."""
    specs = native.specs_of(load_catalogue()["arch/vgg16/f64"])
    assert sum(spec.nbytes for spec in specs) > worker.LARGE
