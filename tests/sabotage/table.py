"""All faults: what each does, which checks must see it, and in which part of the matrix."""

from __future__ import annotations

from .answers import ANSWERS
from .assembly import ASSEMBLY
from .between import BETWEEN
from .computed import COMPUTED
from .fault import Fault

FAULTS: tuple[Fault, ...] = (*ANSWERS, *COMPUTED, *ASSEMBLY, *BETWEEN)
