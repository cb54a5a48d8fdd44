"""Reads ``cases/*.toml`` and ``cases/hostile/*.toml``. May import values, resources.

A file is a family. Keys that a case leaves out come from ``[defaults]``. A table makes a case for each of its dtypes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tscompat.resources.documents import read_document
from tscompat.resources.folders import data_folder
from tscompat.values.dtypes import BY_NAME

from .case import Case, Subject
from .hostile import hostile
from .loads import load
from .modules import model
from .optimizers import optimizer_case
from .table import Row, Table
from .tensors import guarantee, tensors

NOT_FAMILIES = ("clauses.toml", "dtypes.toml", "surface.toml")
MIXED = "mixed"


class Family(NamedTuple):
    """How the cases of a file are read."""

    schema: str
    """The file's JSON Schema: a file name in ``cases/``, without ``.schema.json``."""
    needed: tuple[str, ...]
    """The keys that each case must have, from its table or from the defaults, beside ``dtypes`` and ``routes``."""
    subject: Callable[[Table], Subject]
    """Makes the subject of a case."""


FAMILIES: Mapping[str, Family] = {
    **dict.fromkeys(("arch", "generated", "layer", "program"), Family("module", (), model)),
    "training": Family("module", ("inputs", "training"), model),
    "load": Family("load", ("tensors", "file"), load),
    "optim": Family("optimizer", ("parameters", "steps", "after"), optimizer_case),
    "guarantee": Family("guarantee", ("tensors", "observed"), guarantee),
    **dict.fromkeys(
        ("hostile/optimizer", "hostile/state-dict", "hostile/tensor"),
        Family("hostile", ("whole", "clause", "offset"), hostile),
    ),
    **dict.fromkeys(("hostile/pickle", "hostile/safetensors"), Family("hostile", ("whole", "clause"), hostile)),
}
TENSORS = Family("family", ("tensors",), tensors)
"""The family of every other file."""


class CatalogueError(ValueError):
    """A file in ``cases/`` is wrong. The message has the file, the place, what was found and what was expected."""


def load_catalogue(folder: Path | None = None) -> dict[str, Case]:
    """All cases by id, families in alphabetical order, cases in the order of their file.

    Raises CatalogueError for a file that is not TOML, does not fit its schema or names an unknown dtype, and for a case
    that lacks a key. Raises OSError for a file that cannot be read.
    """
    return _load(folder or data_folder("cases"))


@functools.cache
def _load(folder: Path) -> dict[str, Case]:
    groups = read_document(folder / "dtypes.toml", CatalogueError)["groups"]
    cases: dict[str, Case] = {}
    for file in sorted([*folder.glob("*.toml"), *folder.glob("hostile/*.toml")]):
        if file.name not in NOT_FAMILIES:
            family = file.relative_to(folder).with_suffix("").as_posix()
            kind = FAMILIES.get(family, TENSORS)
            document = read_document(file, CatalogueError, folder / f"{kind.schema}.schema.json")
            cases.update((case.id, case) for case in _expand(file, family, kind, document, groups))
    return cases


@functools.cache
def load_bounds(table: str) -> dict[str, float]:
    """A table of numbers in cases/dtypes.toml. A comment there explains them.

    Raises CatalogueError and OSError as ``load_catalogue`` does, and KeyError for an unknown table.
    """
    return read_document(data_folder("cases") / "dtypes.toml", CatalogueError)[table]


def _expand(file: Path, family: str, kind: Family, document: Row, groups: Mapping[str, list[str]]) -> Iterator[Case]:
    for name, own in document["case"].items():
        row = {"why": document["why"], **document.get("defaults", {}), **own}
        missing = [key for key in ("dtypes", "routes", *kind.needed) if key not in row]
        if missing:
            raise CatalogueError(f"{file}: case / {name}: has no {', '.join(missing)}, and the defaults have none")
        for group in (*row["dtypes"], *row.get("full_dtypes", ())):
            for dtype in groups.get(group, [group]):
                if dtype not in BY_NAME and dtype != MIXED:
                    known = ", ".join([*BY_NAME, *groups, MIXED])
                    raise CatalogueError(f"{file}: case / {name} / dtypes: found {dtype!r}; expected one of {known}")
                subject = kind.subject(Table(family, name, row, dtype, document.get("rename", {})))
                yield _case(f"{family}/{name}/{dtype}", dtype, row, subject)


def _case(case_id: str, dtype: str, row: Row, subject: Subject) -> Case:
    return Case(
        id=case_id,
        why=row["why"],
        subject=subject,
        routes=(*row["routes"], *row.get("full_routes", ())),
        devices=tuple(row.get("devices", ["cpu"])),
        checks=frozenset(row.get("checks", ())),
        full_routes=tuple(row.get("full_routes", ())),
        run="full" if dtype in row.get("full_dtypes", ()) else row.get("run", "default"),
    )
