"""TorchVision's architectures: all of them are there, and torchvision is imported as it should be."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch

from tscompat.python_side.models import ARCHITECTURES, layers, torchvision
from tscompat.resources.folders import data_folder

ARCHITECTURES_CS = data_folder("dotnet") / "Peer" / "Models" / "Architectures.cs"
Import = Callable[[Exception | None], list[str]]
IN_DOTNET = re.findall(r'\["([\w-]+)"\] = \(\) =>\s+models\.', ARCHITECTURES_CS.read_text(encoding="utf-8"))


def test_both_sides_have_the_same() -> None:
    assert set(IN_DOTNET) == torchvision.ARCHITECTURES.keys()


@pytest.mark.parametrize("name", IN_DOTNET)
def test_builds(name: str) -> None:
    with torch.device("meta"):  # shapes without memory
        module = ARCHITECTURES[name]()
    assert {tensor.device.type for tensor in module.state_dict().values()} == {"meta"}


def test_is_on_the_default_device() -> None:
    module = ARCHITECTURES["mobilenet-v3-small"]()
    assert {tensor.device.type for tensor in module.state_dict().values()} == {"cpu"}


@pytest.mark.parametrize(("train", "outputs"), [(True, 3), (False, 1)])
def test_auxiliary_classifiers_answer_in_train_mode(train: bool, outputs: int) -> None:
    module = ARCHITECTURES["googlenet"]().train(train)
    with torch.no_grad():
        found = layers.forward(module, [torch.zeros(2, 3, 33, 33)])
    assert [tuple(output.shape) for output in found] == outputs * [(2, 1000)]


def test_torchvision_is_not_imported_before_it_is_needed() -> None:
    program = "import sys, tscompat.python_side.models.native; print('torchvision' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "False"


@pytest.fixture
def imported(monkeypatch: pytest.MonkeyPatch) -> Import:
    """Imports a torchvision that fails in this way until an operator is declared; returns what was declared."""

    def run(failure: Exception | None) -> list[str]:
        declared: list[str] = []

        def import_module(name: str) -> SimpleNamespace:
            if failure and not declared:
                raise failure
            return SimpleNamespace()

        def define(name: str, schema: str) -> None:
            declared.append(name)

        monkeypatch.setattr(torchvision, "import_module", import_module)
        monkeypatch.setattr(torch.library, "define", define)
        torchvision.import_models()
        return declared

    return run


def test_operators_are_declared_where_torchvision_lacks_them(
    imported: Import,
) -> None:
    assert imported(RuntimeError("operator torchvision::nms does not exist")) == [
        "torchvision::nms",
        "torchvision::qnms",
    ]


def test_a_torchvision_that_imports_is_used_as_it_is(imported: Import) -> None:
    assert imported(None) == []


def test_other_failures_of_the_import_are_not_hidden(imported: Import) -> None:
    with pytest.raises(RuntimeError, match="different CUDA major versions"):
        imported(RuntimeError("PyTorch and torchvision were compiled with different CUDA major versions"))
