"""What the tests about the end of a run share: results, and what is printed of them."""

from collections.abc import Callable
from io import StringIO
from typing import Any

import msgspec
from rich.console import Console
from rich.text import Text

from records import ENVIRONMENT, PASSED, ZEROS, a_record
from tscompat.results.environment import Library
from tscompat.results.file import Results, Timing
from tscompat.results.record import Record
from tscompat.values.verdict import Kind, Verdict
from tscompat.verdicts.divergences import Judgement, Outcome

CAUSE = "TorchSharp 0.107.0 has\nno complex32. So it cannot read one."
KNOWN = Judgement(Outcome.DIVERGENCE, "no-c32", CAUSE)
DIVERGENCE = a_record(case="pattern/all/c32", dtype="c32", verdict=Verdict(Kind.REFUSED, "…"), judgement=KNOWN)
NOT = Judgement(Outcome.NOT_RUN)
NOT_RUN = a_record(device="cuda", verdict=Verdict(Kind.NOT_RUN, "no CUDA device"), judgement=NOT)
RESULTS = Results(
    schema=4,
    complete=True,
    started="2026-01-01T00:00:00+00:00",
    finished="2026-01-01T00:01:00+00:00",
    environments={ENVIRONMENT.key: ENVIRONMENT},
    timing=Timing(harness_seconds=3.0, torchsharp_seconds=2.0, wall_seconds=60.0, cores=2),
    part=None,
    problems=(),
    verdicts=(),
)
NEW = msgspec.structs.replace(ENVIRONMENT, torchsharp=Library(version="0.108.0-dev", sha256=ZEROS))


def changed(*records: Record, **fields: Any) -> Results:
    """RESULTS with these records and other fields."""
    return msgspec.structs.replace(RESULTS, **{"verdicts": records, **fields})


BOTH = changed(environments={each.key: each for each in (ENVIRONMENT, NEW)})
"""Of two versions."""


def of_new(record: Record) -> Record:
    """The same verdict of the second version."""
    return msgspec.structs.replace(record, environment=NEW.key)


def times(number: int, record: Record) -> list[Record]:
    """``number`` copies of a record, with a number appended to each one's check."""
    return [
        msgspec.structs.replace(record, id=f"{record.id}{check}", check=f"{record.check}{check}")
        for check in range(number)
    ]


def arch(name: str, judgement: Judgement = PASSED, check: str = "forward") -> Record:
    """A record of an architecture. A ``name`` with slashes is the whole id of a case."""
    case = name if "/" in name else f"arch/{name}/f32"
    return a_record("forward", case, check=check, dtype="f32", judgement=judgement)


def assumed(name: str, outcome: Outcome, case: str = "pattern/all/bf16") -> Record:
    """A verdict of a divergence that was assumed to go on."""
    kind = Kind.PASS if outcome is Outcome.PASSED else Kind.BITS
    judgement = Judgement(outcome, name, CAUSE, assumed="TorchSharp 0.106.0")
    return a_record(case=case, verdict=Verdict(kind), judgement=judgement)


def printed(show: Callable[[Console], None], width: int = 100) -> str:
    """What is printed, without colour."""
    out = StringIO()
    show(Console(file=out, width=width, color_system=None))
    return out.getvalue()


def styled(show: Callable[[Console], None]) -> set[tuple[str, str]]:
    """The pieces of what is printed that have a style, with it."""
    out = StringIO()
    show(Console(file=out, width=400, color_system="standard", force_terminal=True))
    text = Text.from_ansi(out.getvalue())
    pieces = {(text.plain[span.start : span.end].strip(), str(span.style)) for span in text.spans}
    return {(words, style) for words, style in pieces if words}
