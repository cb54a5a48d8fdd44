"""Reads ``cases/*.toml``. May import values, resources.

A file is a family; ``[defaults]`` fills in what its cases leave out; a case expands to one id for each of its dtypes.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tscompat.resources.documents import read_document
from tscompat.resources.folders import data_folder
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Quantizer

from .case import Case, Guarantee, Model, TensorSpec
from .loads import load_case
from .modules import model
from .optimizers import tensors as training_tensors
from .optimizers import training

NOT_A_FAMILY = "dtypes.toml"
MODULE_FAMILIES = ("arch", "generated", "layer", "program")
SCHEMAS = {
    "guarantee": "guarantee",
    **dict.fromkeys(MODULE_FAMILIES, "module"),
    "load": "load",
    "optim": "optimizer",
}
"""The schema of a family, where it is not ``family``."""
NEEDED = {"module": (), "optimizer": ("parameters", "steps")}
"""The keys that every case under such a schema needs, where it does not need ``tensors``."""
MIXED = "mixed"


class CatalogueError(ValueError):
    """A file in ``cases/`` is wrong. The message has the file, the place, what was found and what was expected."""


def load_catalogue(folder: Path | None = None) -> dict[str, Case]:
    """All cases by id, families in alphabetical order, cases in the order of their file.

    Raises CatalogueError for a file that is not TOML, does not fit its schema or names an unknown dtype, and OSError
    for one that cannot be read.
    """
    return _load(folder or data_folder("cases"))


@functools.cache
def _load(folder: Path) -> dict[str, Case]:
    groups = read_document(folder / "dtypes.toml", CatalogueError)["groups"]
    cases: dict[str, Case] = {}
    for file in sorted(folder.glob("*.toml")):
        if file.name == NOT_A_FAMILY:
            continue
        schema = SCHEMAS.get(file.stem, "family")
        family = read_document(file, CatalogueError, folder / f"{schema}.schema.json")
        needed = ("dtypes", "routes", *NEEDED.get(schema, ("tensors",)))
        cases.update((case.id, case) for case in _expand(file, family, groups, needed))
    return cases


@functools.cache
def load_bounds(table: str = "forward-ulp") -> dict[str, float]:
    """For each dtype, how many ULP a result may be off: a table of cases/dtypes.toml, which defines the reference.

    Raises CatalogueError and OSError as ``load_catalogue`` does, and KeyError for a table that is not there.
    """
    return read_document(data_folder("cases") / "dtypes.toml", CatalogueError)[table]


def _expand(
    file: Path, family: Mapping[str, Any], groups: Mapping[str, list[str]], needed: tuple[str, ...]
) -> Iterator[Case]:
    renames = family.get("rename", {})
    for name, own in family["case"].items():
        row = {"why": family["why"], **family.get("defaults", {}), **own}
        case_id = f"{file.stem}/{name}"
        missing = [key for key in needed if key not in row]
        if missing:
            raise CatalogueError(f"{file}: case / {name}: has no {', '.join(missing)}, and the defaults have none")
        for group in (*row["dtypes"], *row.get("full_dtypes", ())):
            for dtype in groups.get(group, [group]):
                if dtype not in BY_NAME and dtype != MIXED:
                    known = ", ".join([*BY_NAME, *groups, MIXED])
                    raise CatalogueError(f"{file}: case / {name} / dtypes: found {dtype!r}; expected one of {known}")
                built = model(file.stem, name, row, renames) if file.stem in MODULE_FAMILIES else None
                yield _case(f"{case_id}/{dtype}", dtype, row, built)


def _case(case_id: str, dtype: str, row: Mapping[str, Any], built: Model | None) -> Case:
    return Case(
        id=case_id,
        why=row["why"],
        tensors=tuple(_all_tensors(row, dtype)),
        model=built,
        run="full" if dtype in row.get("full_dtypes", ()) else row.get("run", "default"),
        scenario=load_case(row, dtype) if "file" in row else None,
        training=training(row) if "optimizer" in row else None,
        guarantee=Guarantee(case_id.split("/")[1], row["observed"], row["otherwise"]) if "observed" in row else None,
        routes=(*row["routes"], *row.get("full_routes", ())),
        full_routes=tuple(row.get("full_routes", ())),
        devices=tuple(row.get("devices", ["cpu"])),
        layout=row.get("layout", "contiguous"),
        side=row.get("side", "source"),
        target_reversed=row.get("target_reversed", False),
        nested=row.get("nested", False),
        pickled=row.get("pickled", "as-it-is"),
        quantizer=Quantizer(**row.get("quantizer", {})),
        tags=tuple(row.get("tags", [])),
    )


def _all_tensors(row: Mapping[str, Any], dtype: str) -> Iterator[TensorSpec]:
    if "optimizer" in row:
        return training_tensors(row, dtype)
    return (spec for tensor in row.get("tensors", ()) for spec in _tensors(tensor, dtype))


def _tensors(row: Mapping[str, Any], dtype: str) -> Iterator[TensorSpec]:
    name = row.get("name", "weight") * row.get("name_times", 1)
    shape = tuple(row["shape"])
    element = BY_NAME[row.get("dtype", dtype)]
    for number in range(row.get("repeat", 1)):
        yield TensorSpec(
            name=name.replace("{}", str(number)),
            dtype=element,
            shape=shape,
            fill=row.get("fill", "random"),
            buffer=row.get("buffer", False),
            tied_to=row.get("tied_to", ""),
        )
