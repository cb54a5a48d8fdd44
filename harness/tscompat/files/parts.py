"""Finds marks in a path that show a part of a model: one shard of a set, or what one of several processes saved.

Imports nothing of ours.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of part, in words, and what to do with such a part."""

    what: str
    advice: str


PROCESS = Kind(
    "what one of several processes saved",
    "put the parts together with the tool that wrote them (zero_to_fp32.py of DeepSpeed, tools/checkpoint of Megatron, "
    "torch.distributed.checkpoint.format_utils of PyTorch)",
)
SHARD = Kind(
    "one shard of a set",
    "convert the index (*.index.json) that names all shards, with all of them beside it",
)

_S = r"[-_.= :#(\[]{0,2}"
_OF_ONE = rf"{_S}of{_S}0*1(?!\d)"
_RANK = rf"(?:(?<![a-z])|(?<=model)|(?<=local)|(?<=global))rank{_S}"
_COUNTED = "epoch|ep|iter|step|fold|run|seed|trial"
_ADAPTER = "lora|adapter"
"""If the path has one of these words, a rank may be that of the adapter's matrices, and not a process's number."""


class _Mark(NamedTuple):
    pattern: str
    """The group matches the part's number. A match without the group (``epoch-3-of``) only looks like a mark."""
    kind: Kind
    with_neighbour: str = "(?!)"
    """A pattern. If it matches the path, the mark counts only beside a file of the first part (or of the second, if
    the mark is of the first)."""


_OF_FILES = (
    _Mark(rf"(?<![a-z])(?:{_COUNTED}){_S}\d+{_S}of|(\d+)(?!{_OF_ONE}){_S}of{_S}\d+", SHARD),
    _Mark(rf"{_RANK}(0+)(?!\d|{_OF_ONE})", PROCESS),
    _Mark(rf"(?:low|page|re){_S}rank{_S}\d+|{_RANK}(\d+)(?!\d|{_OF_ONE})", PROCESS, with_neighbour=_ADAPTER),
    _Mark(rf"(?<![a-z])(?:shard|part|partition){_S}(\d+)(?!\d|{_OF_ONE})", PROCESS),
    _Mark(r"^__(\d+)_\d+\.distcp$", PROCESS),  # of torch.distributed.checkpoint
    _Mark(r"^layer_(\d+)-model", PROCESS),  # of DeepSpeed's pipelines
    _Mark(r"^consolidated\.(0*[1-9]\d*)\.", PROCESS),  # of Meta's Llama
    _Mark(r"^consolidated\.(0+)\.", PROCESS, with_neighbour=""),  # a whole model, if there is no second part
    _Mark(
        rf"(?<![a-z])(?:[dmpt]p|parallel|gpu|device|node|host|worker|proc|process){_S}(\d+)", PROCESS, with_neighbour=""
    ),
)
_OF_FOLDERS = (_Mark(rf"^(?:[a-z]*{_S}rank{_S}(\d+){_S})+\d*$", PROCESS, with_neighbour=_ADAPTER),)
_ABOVE = 2
"""How many folders above a file are searched for marks: ``rank0/checkpoint/model.pt``."""


class Part(NamedTuple):
    """A mark that was found: it shows that a file or a folder is a part."""

    mark: str
    kind: Kind
    rest: str
    """The name without the mark: the same for all parts of a set."""


def part_in(path: Path) -> Part | None:
    """The mark in the name of a file or folder, or of one of the two folders above; None if there is none."""
    text = "/".join(path.parts[-1 - _ABOVE :])
    return next((part for place in (path, *path.parents[:_ABOVE]) if (part := part_named(place, text))), None)


def part_named(path: Path, text: str = "") -> Part | None:
    """The mark in the name of a file or folder itself, or None. ``with_neighbour`` is searched for in ``text``, by
    default the name.
    """
    for mark in _OF_FOLDERS if path.is_dir() else _OF_FILES:
        for found in re.finditer(mark.pattern, path.name, re.IGNORECASE):
            alone = not re.search(mark.with_neighbour, text or path.name, re.IGNORECASE)
            if found[1] and (alone or _has_neighbour(path, found)):
                return Part(found[0].strip(), mark.kind, path.name.replace(found[0], "", 1))
    return None


def _has_neighbour(path: Path, found: re.Match[str]) -> bool:
    number = "0" if int(found[1]) else "1"
    start, end = found.span(1)
    neighbours = (path.name[:start] + each + path.name[end:] for each in (number, number.zfill(end - start)))
    return any(path.with_name(name).exists() for name in neighbours)
