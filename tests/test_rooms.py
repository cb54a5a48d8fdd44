"""The rooms of the house: a module imports only what stands left of its room. Read from the source, nothing is run."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import tscompat

PACKAGE = Path(tscompat.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

ROOMS: dict[str, list[str]] = {
    "dtypes": [],
    "tensors": ["dtypes"],
    "paths": [],
    "documents": [],
    "identity": ["dtypes", "tensors"],
    "codec": ["dtypes", "tensors"],
    "bits": ["dtypes", "tensors", "identity"],
    "verdict": [],
    "upstream": [],
    "divergences": ["documents", "verdict"],
    "catalogue": ["dtypes", "tensors", "paths", "documents", "identity"],
    "torch_side": ["dtypes", "tensors", "catalogue"],
    "models": ["dtypes", "tensors", "codec", "catalogue", "torch_side"],
    "optim_side": ["dtypes", "tensors", "codec", "catalogue", "torch_side"],
    "ulps": ["dtypes", "tensors"],
    "peer": ["dtypes", "tensors", "paths", "codec", "bits", "verdict"],
}
ROOMS["routes"] = [*ROOMS]
ROOMS["convert"] = [*ROOMS]
ROOMS["results"] = ["documents", "verdict", "divergences"]
ROOMS["matrix"] = [*ROOMS]
ROOMS["cli"] = [*ROOMS]
ROOMS["__main__"] = ["cli"]
ROOMS["__init__"] = []
"""What each room may import of the others, from left to right."""

GUESTS: dict[str, list[str]] = {
    "torch": ["torch_side", "models", "optim_side", "routes", "convert"],
    "clr": ["peer"],
    "pythonnet": ["peer"],
}
"""Who may import the two sides that must not meet in one process."""


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


@pytest.mark.parametrize(
    ("source", "module", "rooms"),
    [
        ("from ..codec import write_tensor", "routes/dat.py", {"codec"}),
        ("from .. import codec, torch_side", "routes/dat.py", {"codec", "torch_side"}),
        ("from ...codec.leb128 import encode", "peer/inside/calls.py", {"codec"}),
        ("from . import judging", "routes/dat.py", set()),
        ("from .errors import FormatError", "codec/__init__.py", set()),
        ("from .dtypes import DType", "tensors.py", {"dtypes"}),
        ("from . import bits, dtypes", "tensors.py", {"bits", "dtypes"}),
        ("import tscompat.bits", "cli/run.py", {"bits"}),
        ("from tscompat import paths, __version__", "cli/run.py", {"paths"}),
        ("def f():\n    from tscompat.peer.build import build", "cli/run.py", {"peer"}),
        ("import numpy as np", "bits.py", set()),
    ],
)
def test_every_way_to_import_is_seen(source: str, module: str, rooms: set[str]) -> None:
    assert rooms_entered(source, PACKAGE / module) == rooms
