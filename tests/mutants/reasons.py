"""Why a mutant may survive: survivors.toml has a table for each reason, with the keys of its mutants."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from .mutant import Mutant

FILE = Path(__file__).with_name("survivors.toml")


def read_reasons(file: Path = FILE) -> dict[str, str]:
    """The reason for each mutant, by its key. Raises ValueError if one has two."""
    reasons: dict[str, str] = {}
    for reason in tomllib.loads(file.read_text(encoding="utf-8"))["reason"]:
        for key in reason["mutants"]:
            if key in reasons:
                raise ValueError(f"{file.name} has two reasons for {key}")
            reasons[key] = reason["why"]
    return reasons


def without_reason(survivors: Sequence[Mutant], reasons: Mapping[str, str]) -> Iterator[str]:
    """A line for each survivor that has no reason."""
    for mutant in survivors:
        if mutant.key not in reasons:
            yield f"survives without a reason ({mutant.fate}): {mutant.key}"


def without_survivor(survivors: Sequence[Mutant], reasons: Mapping[str, str]) -> Iterator[str]:
    """A line for each reason whose mutant does not survive, or is not there."""
    for key in reasons.keys() - {mutant.key for mutant in survivors}:
        yield f"does not survive, and has a reason: {key}"
