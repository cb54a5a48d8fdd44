"""What all measurements together show: what is wrong, and the section of docs/proof.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import NamedTuple

from proof import table
from tscompat.catalogue import Case, Model
from tscompat.results.environment import Environment

from .measured import FACTORS, SEEDS, SETTINGS, Measured
from .models import MOST, WIDENED

OF_A_DTYPE = 0.95
"""So much of what is scaled must be seen in each dtype,"""
OF_A_CASE = 0.8
"""and so much in each case."""
DTYPES = ("f64", "f32", "c64", "f16", "bf16")
"""The columns of tables."""
NONE = "-"
"""A cell of which nothing was measured."""


class Count(NamedTuple):
    """How many were tried, and how many of them are seen."""

    tried: int
    seen: int

    @classmethod
    def of(cls, seen: Iterable[bool]) -> Count:
        """The count of these answers."""
        answers = list(seen)
        return cls(len(answers), sum(answers))

    def below(self, least: float) -> bool:
        """Whether too few are seen."""
        return self.seen < least * self.tried

    def __str__(self) -> str:
        return f"{self.seen} of {self.tried}" if self.tried else NONE

    @property
    def share(self) -> str:
        """The count as a cell of a table. It is rounded down, so that 100 % means all."""
        return f"{self} ({int(1000 * self.seen / self.tried) / 10:.1f} %)" if self.tried else NONE


def problems(measured: Sequence[Measured], cases: Mapping[str, Case]) -> Iterator[str]:
    """What fails the session, a sentence each."""
    for case_id, scaled, faults, reached in measured:
        for fault in faults:
            if not fault.seen:
                yield f"{case_id}: {fault.tensor}, {fault.fault}, is not seen"
        for each in reached:
            if each.part > 1:
                how = f"{each.setting.threads} threads, oneDNN {'on' if each.setting.onednn else 'off'}"
                yield f"{case_id}: Python's {each.check} is {each.part:.3g} of the bound ({how}, inputs {each.seed!r})"
        for each in scaled:
            if each.seen and indifferent(cases[case_id], each.name):
                yield f"{case_id}: {each.name} is seen, but the case lists it as indifferent: take it out there"
        count = Count.of(each.seen for each in scaled if not indifferent(cases[case_id], each.name))
        if count.below(OF_A_CASE):
            yield f"{case_id}: {count} scaled tensors are seen; expected {OF_A_CASE:.0%} or more"
    for dtype in DTYPES:
        for what, count in (("", seen_in(dtype, measured)), (" by widened", seen_in(dtype, measured, "widened"))):
            if count.below(OF_A_DTYPE):
                yield f"{dtype}: {count} scaled tensors are seen{what}; expected {OF_A_DTYPE:.0%} or more"


def seen_in(dtype: str, measured: Iterable[Measured], check: str = "") -> Count:
    """How many of the tensors that are scaled in cases of a dtype are seen, by one check or by any."""
    scaled = [each for one in measured if dtype_of(one) == dtype for each in one.scaled]
    if check:
        return Count.of(each.parts[check] > 1 for each in scaled if check in each.parts)
    return Count.of(each.seen for each in scaled)


def dtype_of(measured: Measured) -> str:
    """The dtype of the measured case, or ``mixed``."""
    return measured.case.rpartition("/")[2]


def indifferent(case: Case, name: str) -> bool:
    """Whether the case states that this tensor, scaled as a whole, changes no output."""
    return isinstance(case.subject, Model) and any(fnmatchcase(name, each) for each in case.subject.indifferent)


def page(
    measured: Sequence[Measured], cases: Mapping[str, Case], others: int, environment: Environment, minutes: float
) -> str:
    """The section, in Markdown. ``others``: how many cases that compute were not measured."""
    factors = ", ".join(f"{dtype} {factor:.10g}" for dtype, factor in FACTORS.items())
    threads = " and ".join(str(each) for each in sorted({each.threads for each in SETTINGS}))
    lines = [
        f"`nox -s sensitivity` on {datetime.now(UTC):%Y-%m-%d}, {minutes:.0f} minutes, {len(measured)} cases: all that",
        f"compute in a default run. {others} of a full run (architectures in more dtypes) are left out;",
        "a pattern selects them: `nox -s sensitivity -- 'arch/vgg16/*'`.",
        f"torch {environment.torch.version}, Python {environment.python}, {environment.system}.",
        "",
        f"Python in .NET's place: at most {MOST} tensors of each module (parameters, and buffers of floats), drawn by",
        f"the case's id, are scaled one at a time, by {factors};",
        f"where they were widened from f16 or bf16, by {WIDENED:.10g}. Seen must be {OF_A_DTYPE:.0%} in each dtype",
        f"(by `widened` alone too), and {OF_A_CASE:.0%} in each case.",
        "",
        *table(("dtype", "scaled", "seen by `forward`", "seen by `widened`", "seen"), _by_dtype(measured)),
        "",
        "Faults of an optimizer's last step, each in one parameter or one state. All must be seen.",
        "",
        *table(("fault", *DTYPES), _faults(measured)),
        "",
        "How far Python itself is from float64, as a part of the bound (docs/bounds.md): the most in any case, with",
        f"{threads} threads, with and without oneDNN, for {len(SEEDS)} draws of the inputs. It must be 1 at most.",
        "",
        *table(("check", *DTYPES), _reached(measured)),
        "",
        "What is not seen, with the part of the bound that is reached (`forward`, `widened`); 0: no output changes.",
        "",
        *table(("case", "seen", "not seen"), _unseen(measured, cases)),
        "",
        "What cannot be seen: tensors that change no output of the case if they are scaled as a whole.",
        "",
        *table(("cases", "tensors", "why"), _indifferent(measured, cases)),
    ]
    return "\n".join(lines)


def _by_dtype(measured: Sequence[Measured]) -> Iterator[tuple[str, ...]]:
    for dtype in DTYPES:
        forward, widened, either = (seen_in(dtype, measured, check) for check in ("forward", "widened", ""))
        if either.tried:
            yield dtype, str(either.tried), forward.share, widened.share, either.share


def _faults(measured: Iterable[Measured]) -> Iterator[tuple[str, ...]]:
    faults = [fault for each in measured for fault in each.faults]
    for name in dict.fromkeys(fault.fault for fault in faults):
        own = [fault for fault in faults if fault.fault == name]
        counts = (Count.of(fault.seen for fault in own if fault.dtype == dtype) for dtype in DTYPES)
        yield name, *(str(count) for count in counts)


def _reached(measured: Sequence[Measured]) -> Iterator[tuple[str, ...]]:
    most: dict[tuple[str, str], float] = {}
    for each in measured:
        for one in each.reached:
            key = one.check, dtype_of(each)
            most[key] = max(most.get(key, 0.0), one.part)
    for check in dict.fromkeys(check for check, _ in most):
        parts = (most.get((check, dtype)) for dtype in DTYPES)
        yield check, *(NONE if part is None else f"{part:.2f}" for part in parts)


def _unseen(measured: Iterable[Measured], cases: Mapping[str, Case]) -> Iterator[tuple[str, ...]]:
    for each in measured:
        unseen = [one for one in each.scaled if not one.seen and not indifferent(cases[each.case], one.name)]
        if unseen:
            parts = (f"{one.name} ({', '.join(f'{part:.2g}' for part in one.parts.values())})" for one in unseen)
            yield each.case, str(Count.of(one.seen for one in each.scaled)), ", ".join(parts)


def _indifferent(measured: Iterable[Measured], cases: Mapping[str, Case]) -> Iterator[tuple[str, ...]]:
    names: dict[tuple[str, str], list[str]] = {}
    for each in measured:
        case = cases[each.case]
        if isinstance(case.subject, Model) and case.subject.indifferent:
            names.setdefault((", ".join(case.subject.indifferent), case.why), []).append(each.case)
    for (tensors, why), own in names.items():
        yield ", ".join(dict.fromkeys(case_id.rpartition("/")[0] for case_id in own)), tensors, why
