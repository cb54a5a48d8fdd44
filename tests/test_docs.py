"""docs/routes.md agrees with the catalogue and the divergences."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from tscompat.catalogue import load_catalogue
from tscompat.dotnet_side.build import Publish
from tscompat.matrix.environment import environment, running
from tscompat.matrix.worker import why_not
from tscompat.python_side.scripts import FUNCTIONS, Script
from tscompat.results.record import Record
from tscompat.results.routes_page import routes_page
from tscompat.routes import verdict_ids
from tscompat.values.verdict import Kind, Verdict
from tscompat.verdicts.divergences import Divergences, Judgement, Outcome

TOP = Path(__file__).parents[1]
DIVERGENCES = TOP / "cases" / "divergences"


def expected(publish: Publish) -> Iterator[Record]:
    """The records of a run with upstream's scripts and without a CUDA device in which every verdict is expected."""
    cases = load_catalogue()
    text = (DIVERGENCES / "scripts.toml").read_text(encoding="utf-8")
    declared = set(re.findall(f'"({"|".join(FUNCTIONS)}) (sha256:[0-9a-f]{{64}})"', text))
    scripts = {name: Script(Path(), digest, ModuleType(name)) for name, digest in declared}
    divergences = Divergences.load(DIVERGENCES, running(publish, scripts))
    for verdict_id in verdict_ids(cases):
        case = cases[verdict_id.case]
        entry = next(iter(divergences.expected(str(verdict_id))), None)
        verdict = Verdict(entry.kind) if entry else Verdict(Kind.PASS)
        judgement = Judgement(Outcome.DIVERGENCE, entry.name, entry.cause) if entry else Judgement(Outcome.PASSED)
        if why_not(verdict_id, case, FUNCTIONS):
            verdict, judgement = Verdict(Kind.NOT_RUN), Judgement(Outcome.NOT_RUN)
        yield Record(verdict_id, case.dtype, verdict, judgement, 0.0)


def test_the_page_of_the_routes_is_what_a_green_run_gives(publish: Publish) -> None:
    written = (TOP / "docs" / "routes.md").read_text(encoding="utf-8")
    expected_page = routes_page(environment(publish, {}, {}), list(expected(publish)))
    assert written == expected_page, "write it again: tscompat routes --help"
