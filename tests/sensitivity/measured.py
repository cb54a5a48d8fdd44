"""What the session measures of a case: which faults the checks see, and how near Python itself comes to the bound."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import torch

from tscompat.values.verdict import Kind, Verdict

FACTORS: Mapping[str, float] = {"f64": 1 + 1e-9, "f32": 1 + 1e-4, "c64": 1 + 1e-4, "f16": 1.01, "bf16": 1.05}
"""By how much a parameter or a state is scaled, by dtype."""
SEEDS = ("", "/second", "/third")
"""What is appended to a case's id to draw its inputs. The first are those of the matrix."""


class Setting(NamedTuple):
    """How torch computes."""

    threads: int
    onednn: bool


SETTINGS = tuple(Setting(threads, onednn) for threads in (1, 2) for onednn in (True, False))


class Scaled(NamedTuple):
    """One tensor of a module, scaled, and what the checks say of the outputs."""

    name: str
    parts: Mapping[str, float]
    """By check: how far from float64 the outputs are, as a part of what rounding explains; 0 if none changes. The check
    sees the tensor if it is above 1."""

    @property
    def seen(self) -> bool:
        """Whether one of the checks sees it."""
        return any(part > 1 for part in self.parts.values())


class Fault(NamedTuple):
    """One fault of an optimizer's step, and whether the checks see it."""

    dtype: str
    """That of the tensor with the fault."""
    fault: str
    tensor: str
    seen: bool


class Reached(NamedTuple):
    """How far from float64 Python itself is, without a fault."""

    check: str
    seed: str
    setting: Setting
    part: float
    """As a part of what rounding explains."""


class Measured(NamedTuple):
    """All that is measured of a case."""

    case: str
    scaled: tuple[Scaled, ...] = ()
    faults: tuple[Fault, ...] = ()
    reached: tuple[Reached, ...] = ()


@contextmanager
def computing(setting: Setting) -> Generator[None]:
    """Torch computes in this setting."""
    threads = torch.get_num_threads()
    torch.set_num_threads(setting.threads)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns about TF32 on Intel's GPUs, which is not changed here
            with torch.backends.mkldnn.flags(enabled=setting.onednn):
                yield
    finally:
        torch.set_num_threads(threads)


def part_of(verdict: Verdict) -> float:
    """How far .NET is from float64 by a verdict of ``agreement``, as a part of what rounding explains.

    0 if both sides are bitwise equal, infinity if a difference has no measure. Raises ValueError for a pass of another
    check.
    """
    if verdict.kind is Kind.PASS and not verdict.detail:
        return 0.0
    pattern = r"\.NET (\S+)$" if verdict.kind is Kind.PASS else r"; (\S+) times what rounding explains$"
    found = re.search(pattern, verdict.detail)
    if found:
        return float(found[1])
    if verdict.kind is Kind.PASS:
        raise ValueError(f"no part of what rounding explains in {verdict.detail!r}")
    return math.inf
