"""cases/surface.toml against the members that reflection finds in the published .NET project. Runs another process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest

from tscompat.catalogue import load_catalogue
from tscompat.dotnet_side.cache import Publish
from tscompat.resources.documents import read_document
from tscompat.resources.folders import data_folder
from tscompat.routes import ROUTES

CASES = data_folder("cases")
SURFACE = read_document(CASES / "surface.toml", ValueError, CASES / "surface.schema.json")
PATHS, OTHERS = SURFACE["strings"]["paths"], SURFACE["strings"]["others"]
ASK = """
import json, sys
from pathlib import Path
from tscompat.dotnet_side.inside import clr
found = clr.load(Path(sys.argv[1])).Surface
print(json.dumps({"members": list(found.Members(sys.argv[2])), "strings": list(found.StringParameters())}))
"""


@pytest.fixture(scope="module")
def reflected(publish: Publish) -> dict[str, Any]:
    command = [sys.executable, "-c", ASK, str(publish.folder), "\n".join(PATHS)]
    asked = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(asked.stdout.splitlines()[-1])


def test_each_member_has_one_row(reflected: dict[str, Any]) -> None:
    assert Counter(member for row in SURFACE["rows"] for member in row["members"]) == Counter(reflected["members"])


def test_each_string_parameter_is_a_path_or_is_not(reflected: dict[str, Any]) -> None:
    assert sorted([*PATHS, *OTHERS]) == reflected["strings"]


def test_what_covers_a_member_exists() -> None:
    cases = {case_id.rpartition("/")[0] for case_id in load_catalogue()}
    assert {name for row in SURFACE["rows"] for name in row.get("covered_by", ())} <= ROUTES.keys() | cases
