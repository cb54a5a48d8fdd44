"""From ``cases/*.toml`` to cases. May import dtypes, paths.

A file is a family; ``[defaults]`` holds what its cases do not say; a case expands to one id for each of its dtypes.
"""

from __future__ import annotations

import functools
import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema

from tscompat.dtypes import BY_NAME
from tscompat.paths import data_folder

from .case import Case, Quantizer, TensorSpec

NOT_FAMILIES = ("dtypes.toml", "divergences.toml")
MIXED = "mixed"


class CatalogueError(ValueError):
    """A file in ``cases/`` is not as it should be: says which file, where in it, and what was expected."""


def load_catalogue(folder: Path | None = None) -> dict[str, Case]:
    """All cases by id, families in alphabetical order, cases in the order of their file.

    Raises CatalogueError for a file that is no TOML, does not fit family.schema.json or names an unknown dtype.
    """
    return _load(folder or data_folder("cases"))


@functools.cache
def _load(folder: Path) -> dict[str, Case]:
    schema = json.loads((folder / "family.schema.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    groups = _read(folder / "dtypes.toml")["groups"]
    cases: dict[str, Case] = {}
    for file in sorted(folder.glob("*.toml")):
        if file.name in NOT_FAMILIES:
            continue
        family = _read(file)
        for error in validator.iter_errors(family):  # pyright: ignore[reportUnknownMemberType]
            raise CatalogueError(f"{file.name}: at {error.json_path}: {error.message}")
        cases.update((case.id, case) for case in _expand(file, family, groups))
    return cases


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CatalogueError(f"{file.name}: {error}") from error


def _expand(file: Path, family: Mapping[str, Any], groups: Mapping[str, list[str]]) -> Iterator[Case]:
    for name, own in family["case"].items():
        row = {"why": family["why"], **family.get("defaults", {}), **own}
        case_id = f"{file.stem}/{name}"
        missing = [key for key in ("dtypes", "routes", "tensors") if key not in row]
        if missing:
            raise CatalogueError(f"{file.name}: case {name!r} says no {', '.join(missing)}, nor do the defaults")
        for group in row["dtypes"]:
            for dtype in groups.get(group, [group]):
                if dtype not in BY_NAME and dtype != MIXED:
                    known = ", ".join([*BY_NAME, *groups, MIXED])
                    raise CatalogueError(f"{file.name}: case {name!r} has dtype {dtype!r}; expected one of {known}")
                yield _case(f"{case_id}/{dtype}", dtype, row)


def _case(case_id: str, dtype: str, row: Mapping[str, Any]) -> Case:
    return Case(
        id=case_id,
        why=row["why"],
        tensors=tuple(spec for tensor in row["tensors"] for spec in _tensors(tensor, dtype)),
        routes=tuple(row["routes"]),
        devices=tuple(row.get("devices", ["cpu"])),
        layout=row.get("layout", "contiguous"),
        side=row.get("side", "source"),
        target_reversed=row.get("target_reversed", False),
        nested=row.get("nested", False),
        quantizer=Quantizer(**row.get("quantizer", {})),
        tags=tuple(row.get("tags", [])),
    )


def _tensors(row: Mapping[str, Any], dtype: str) -> Iterator[TensorSpec]:
    name = row.get("name", "weight") * row.get("name_times", 1)
    shape = tuple(row["shape"])
    element = BY_NAME[row.get("dtype", dtype)]
    for number in range(row.get("repeat", 1)):
        yield TensorSpec(
            name.replace("{}", str(number)), element, shape, row.get("fill", "random"), row.get("buffer", False)
        )
