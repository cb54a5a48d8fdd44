"""Our architectures, and the real torchvision's where it is installed, against what torchvision once said."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import pytest
import torch
from torch import nn

from python_side.models.torchvision_witness import FOLDER, LOGITS, SIDES, logits, real, schema
from tscompat.python_side.models import alexnet, googlenet, inception_v3, mobilenet_v2, mobilenet_v3, resnet, vgg

FAMILIES = (alexnet, googlenet, inception_v3, mobilenet_v2, mobilenet_v3, resnet, vgg)
SOURCES = {"ours": {name: build for family in FAMILIES for name, build in family.ARCHITECTURES.items()}}
if find_spec("torchvision"):
    SOURCES["torchvision"] = real()
WITNESSES = {file.stem: file for file in sorted(FOLDER.glob("*.txt"))}


def test_each_architecture_has_a_witness():
    assert SOURCES["ours"].keys() == WITNESSES.keys()


@pytest.mark.parametrize("name", WITNESSES)
@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_the_state_dict_is_torchvisions(source: dict[str, Callable[[], nn.Module]], name: str):
    with torch.device("meta"):  # shapes without memory
        model = source[name]()
    assert schema(model) == WITNESSES[name].read_text(encoding="utf-8").splitlines()[1:]


@pytest.mark.parametrize("name", SIDES)
@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_the_model_computes_what_torchvisions_does(source: dict[str, Callable[[], nn.Module]], name: str):
    rows = dict(line.split("\t", 1) for line in LOGITS.read_text(encoding="utf-8").splitlines()[1:])
    expected = [float(value) for value in rows[name].split("\t")]
    # Sums are ordered otherwise on another processor; a wrong constant or activation is far outside of this.
    tolerance = 1e-4 * max(map(abs, expected))
    assert logits(source[name](), name) == pytest.approx(expected, rel=0, abs=tolerance)
