"""TorchSharp's modules, found by reflection in the published .NET project, against the cases. Runs another process."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from subjects import subjects
from tscompat.catalogue import Model
from tscompat.dotnet_side.cache import Publish
from tscompat.python_side.models import ARCHITECTURES
from tscompat.resources.documents import read_document
from tscompat.resources.folders import data_folder

ASK = """
import json, sys
from pathlib import Path
from tscompat.dotnet_side.inside import clr
dotnet = clr.load(Path(sys.argv[1]))
print(json.dumps({"layers": list(dotnet.Layers.WithState()), "architectures": list(dotnet.Modules.Architectures)}))
"""


@pytest.fixture(scope="module")
def reflected(publish: Publish) -> dict[str, Any]:
    asked = subprocess.run([sys.executable, "-c", ASK, str(publish.folder)], capture_output=True, text=True, check=True)
    return json.loads(asked.stdout.splitlines()[-1])


def test_no_module_with_state_is_missing_from_the_cases(reflected: dict[str, Any]):
    family = read_document(data_folder("cases") / "layer.toml", ValueError)
    known = {row["module"].replace(".", "_") for row in family["case"].values() if row.get("only") != "python"}
    assert set(reflected["layers"]) - set(family["stateless"]["both"]) == known


def test_what_only_python_has_dotnet_has_not(reflected: dict[str, Any]):
    models = [model for case_id, model in subjects(Model).items() if case_id.startswith("layer/")]
    only = {model.name for model in models if model.only} - {model.name for model in models if not model.only}
    assert only & set(reflected["layers"]) == set()


def test_both_sides_have_the_same_architectures(reflected: dict[str, Any]):
    assert set(reflected["architectures"]) == set(ARCHITECTURES)
