"""The rooms of the package: a module imports only what its room may. The sources are read, nothing is run."""

import ast
import re
from collections.abc import Iterator, Set
from pathlib import Path

import pytest

import tscompat

PACKAGE = Path(tscompat.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

ROOMS: dict[str, list[str]] = {
    "values": [],
    "resources": [],
    "codec": ["values"],
    "catalogue": ["values", "resources"],
    "verdicts": ["values", "resources", "catalogue"],
    "python_side": ["values", "codec", "catalogue"],
    "dotnet_side": ["values", "resources", "codec"],
}
ROOMS["routes"] = [*ROOMS]
ROOMS["golden"] = [*ROOMS]
ROOMS["files"] = ["values", "resources", "codec", "python_side"]
ROOMS["results"] = ["values", "resources", "verdicts"]
ROOMS["report"] = ["values", "codec", "verdicts", "results"]
ROOMS["matrix"] = [*ROOMS]
ROOMS["verbs"] = ["values", "resources", "codec", "files", "python_side", "dotnet_side"]
ROOMS["cli"] = [*ROOMS]
ROOMS["__main__"] = ["values", "resources", "cli"]
ROOMS["pytest_plugin"] = ["dotnet_side", "verbs"]
ROOMS["__init__"] = ["files", "verbs"]
"""The rooms that each room may import, in the order of ARCHITECTURE.md's table."""

GUESTS: dict[str, list[str]] = {
    "torch": ["python_side", "routes", "files"],
    "clr": ["dotnet_side"],
    "pythonnet": ["dotnet_side"],
}
"""The rooms that may import torch or .NET, which must not meet in one process."""


NONE: Set[str] = frozenset()


def room_of(module: Path) -> str:
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(source: str, module: Path) -> Iterator[list[str]]:
    """The dotted names that a module imports, absolute, in parts."""
    here = ["tscompat", *module.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) + 1 - node.level] if node.level else []
            base = [*base, *(node.module.split(".") if node.module else [])]
            yield from ([*base, alias.name] for alias in node.names)


def rooms_entered(source: str, module: Path) -> set[str]:
    """The other rooms that a module imports from."""
    return {name[1] for name in imports(source, module) if name[0] == "tscompat"} - {room_of(module), "__version__"}


def name_of(module: Path) -> str:
    return module.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_module_imports_only_what_its_room_may(module: Path) -> None:
    entered = rooms_entered(module.read_text(encoding="utf-8"), module)
    assert entered <= set(ROOMS[room_of(module)])


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_torch_and_dotnet_are_met_only_where_they_live(module: Path) -> None:
    names = {name[0] for name in imports(module.read_text(encoding="utf-8"), module)}
    assert [guest for guest in names & GUESTS.keys() if room_of(module) not in GUESTS[guest]] == []


def test_nothing_flows_backwards() -> None:
    order = list(ROOMS)
    assert [(room, other) for room in ROOMS for other in ROOMS[room] if order.index(other) >= order.index(room)] == []


IMPORTS: list[tuple[str, str, set[str]]] = [
    ("from ..codec import encode_tensor", "routes/dat.py", {"codec"}),
    ("from .. import codec, values", "routes/dat.py", {"codec", "values"}),
    ("from ...codec.leb128 import encode", "dotnet_side/inside/calls.py", {"codec"}),
    ("from . import judging", "routes/dat.py", set()),
    ("from .errors import FormatError", "codec/__init__.py", set()),
    ("from .values import DType", "__main__.py", {"values"}),
    ("from . import codec, values", "__main__.py", {"codec", "values"}),
    ("import tscompat.codec", "cli/run.py", {"codec"}),
    ("from tscompat import codec, __version__", "cli/run.py", {"codec"}),
    ("def f():\n    from tscompat.dotnet_side.build import build", "cli/run.py", {"dotnet_side"}),
    ("import numpy as np", "values/compare.py", set()),
]


@pytest.mark.parametrize(("source", "module", "rooms"), IMPORTS)
def test_every_way_to_import_is_seen(source: str, module: str, rooms: set[str]) -> None:
    assert rooms_entered(source, PACKAGE / module) == rooms


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_the_first_lines_name_the_rooms_that_are_imported(module: Path) -> None:
    source = module.read_text(encoding="utf-8")
    words = set(re.findall(r"[a-z_]+", ast.get_docstring(ast.parse(source)) or ""))
    assert "every" in words or rooms_entered(source, module) <= words
