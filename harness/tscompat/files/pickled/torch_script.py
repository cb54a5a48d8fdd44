"""Reads archives of TorchScript as archives: no ``torch.jit.load``, and no library in them is loaded.

The pickle has the modules' attributes; the code names those that are parameters and buffers. Imports its neighbours.
May import values. Of files it imports item.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from tscompat.files.item import ModelFileError
from tscompat.values.text import shown

from .calls import advice
from .described import unreadable
from .inert import Record, Value, is_dict
from .modules import Levels, TooMuch
from .torch_zip import Archive

_CODE, _CONSTANTS = "code/", "constants/"
_MOST_CODE = 1 << 26
"""Bytes of all code."""
_CLASS = re.compile(r"^class (\w+)\(\w+\):\n((?:  __\w+__ = \[.*\]\n)*)", re.MULTILINE)
_LIST = re.compile(r"  __(parameters|buffers)__ = \[(.*)\]\n")
_NAME = re.compile(r'"([^"\\]*)"')
_PACKED = "__torch__.torch.classes."

Classes = Mapping[str, list[str]]
"""The names of the parameters, then of the buffers, of each class of an archive."""


def is_script(found: Iterable[str], root: str) -> bool:
    """Whether an archive whose members have these names, below ``root``, has code."""
    return any(name == f"{root}constants.pkl" or name.startswith(f"{root}{_CODE}") for name in found)


def state_dict(archive: Archive) -> dict[str, Value]:
    """The state dict of the archive's module. Raises ModelFileError."""
    root = archive.unpickled().document
    classes = dict(_classes(archive))
    if not isinstance(root, Record) or root.name not in classes:
        raise ModelFileError(f"{archive.source.path}: an archive of TorchScript without a module")
    try:
        return dict(_entries(root, classes, "", Levels()))
    except TooMuch as error:
        raise ModelFileError(f"{archive.source.path}: {error}") from error


def constants(archive: Archive) -> int:
    """Bytes of the tensors that are constants of the graph."""
    return sum(member.size for name, member in archive.records.items() if name.startswith(_CONSTANTS))


def is_frozen(archive: Archive) -> bool:
    """Whether the module was frozen: that makes constants of its weights, and takes ``training`` away, which every
    other module has (torch/csrc/jit/passes/freeze_module.cpp).
    """
    root = archive.unpickled().document
    return isinstance(root, Record) and "training" not in root.attributes


FROZEN = (
    "its module was frozen (torch.jit.freeze() or optimize_for_inference()), so that weights are constants of the "
    "graph: save the module before it is frozen"
)


def _classes(archive: Archive) -> Iterator[tuple[str, list[str]]]:
    left = _MOST_CODE
    for name, member in archive.records.items():
        if name.startswith(_CODE) and name.endswith(".py"):
            left -= member.size
            if left < 0:
                raise ModelFileError(f"{archive.source.path}: it has more than {_MOST_CODE:,} bytes of code")
            module = name.removeprefix(_CODE).removesuffix(".py").replace("/", ".")
            for found in _CLASS.finditer(str(member.read(), "utf-8", "replace")):
                lists = {kind: _NAME.findall(names) for kind, names in _LIST.findall(found[2])}
                yield f"{module}.{found[1]}", [*lists.get("parameters", []), *lists.get("buffers", [])]


def _entries(module: Record, classes: Classes, prefix: str, levels: Levels) -> Iterator[tuple[str, Value]]:
    levels = levels.below()
    if not is_dict(module.state):
        what = f"the state of a {shown(module.name)}, in a form that only its code reads"
        yield prefix + "state", unreadable(f"{what}: torch.jit.load() it in Python, and save its layers' tensors")
        return
    attributes = module.attributes
    for name in classes[module.name]:
        if attributes.get(name) is not None:
            levels.count()
            yield f"{prefix}{name}", attributes[name]
    for name, child in attributes.items():
        if isinstance(child, Record) and child.name in classes:
            yield from _entries(child, classes, f"{prefix}{name}.", levels)
        elif isinstance(child, Record) and child.name.startswith(_PACKED):
            yield f"{prefix}{name}", unreadable(advice(child.name))
