"""A mutant of our code, and what mutmut's files state about it."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

KILLED, SURVIVED, TIMEOUT, DIED, NO_TEST = "killed", "survived", "timeout", "died", "no test"
FATES = (KILLED, SURVIVED, TIMEOUT, DIED, NO_TEST)
_BY_EXIT_CODE: Mapping[int, str] = {
    0: SURVIVED,
    1: KILLED,
    2: KILLED,  # pytest: a test module could not be imported
    3: KILLED,  # pytest: an error in pytest itself
    4: KILLED,  # pytest: a test does not exist, because its parameters are others
    33: NO_TEST,
    24: TIMEOUT,  # SIGXCPU
    -24: TIMEOUT,
    36: TIMEOUT,
}
"""What mutmut's exit codes of a mutant's tests are. Any other is a process that died."""


class Mutant(NamedTuple):
    """One change of one function."""

    file: str
    """The path from tscompat, with ``/``."""
    function: str
    """The name, after that of its class if it has one."""
    change: str
    """The lines that were there, and what of them is replaced: ``lines [was -> is]``."""
    fate: str

    @property
    def key(self) -> str:
        """What names it from one version of the code to the next, as long as these lines do not change."""
        return f"{self.file} {self.function}: {self.change}"

    @property
    def seen(self) -> bool:
        """Whether a test has failed, or could not end."""
        return self.fate in (KILLED, TIMEOUT, DIED)


def read_mutants(package: Path, file: str) -> Iterator[Mutant]:
    """The mutants of a file, out of mutmut's copy of the package and the two files that it has beside each source.

    Raises ValueError if one has not been tried.
    """
    meta = package / f"{file}.meta"
    if not meta.exists():  # a file without functions
        return
    exit_codes: dict[str, int | None] = json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]
    spans: dict[str, tuple[int, int]] = json.loads((package / f"{file}.spans").read_text(encoding="utf-8"))["spans"]
    lines = (package / file).read_text(encoding="utf-8").splitlines()

    def code(name: str) -> list[str]:
        begin, end = spans[name]
        return [line.strip().replace(f"def {name}", "def") for line in lines[begin - 1 : end]]

    for key, exit_code in exit_codes.items():
        if exit_code is None:
            raise ValueError(f"{key} has not been tried")
        name = key.rpartition(".")[2]
        mangled = name.partition("__mutmut_")[0]
        change = changed(code(f"{mangled}__mutmut_orig"), code(name))
        yield Mutant(file, _function(mangled), change, _BY_EXIT_CODE.get(exit_code, DIED))


def excluded(source: str, file: str) -> Iterator[Mutant]:
    """The lines that a pragma takes from mutmut: each counts as a survivor."""
    for number, line in enumerate(source.splitlines(), 1):
        if "pragma: no mutate" in line:
            yield Mutant(file, f"line {number}", line.strip(), SURVIVED)


def changed(old: list[str], new: list[str]) -> str:
    """The lines that were there, and in brackets what of them is replaced, and by what."""
    lines = list(difflib.ndiff(old, new))
    was, now = (" ".join(line[2:] for line in lines if line[0] == side) for side in "-+")
    these, those = (re.findall(r"\w+|\s+|[<>=!]+|.", text) for text in (was, now))
    begin = _common(these, those)
    end = _common(these[begin:][::-1], those[begin:][::-1])
    replaced, by = ("".join(tokens[begin : len(tokens) - end]) for tokens in (these, those))
    return f"{was} [{replaced} -> {by}]"


def _common(left: list[str], right: list[str]) -> int:
    """How many tokens are the same at the beginning."""
    pairs = enumerate(zip(left, right, strict=False))
    return next((i for i, (one, other) in pairs if one != other), min(len(left), len(right)))


def _function(mangled: str) -> str:
    """``x_name`` is a function, ``xǁClassǁname`` a method."""
    return mangled.removeprefix("x_") if mangled.startswith("x_") else ".".join(mangled.split("ǁ")[1:])
