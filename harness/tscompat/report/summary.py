"""Makes the summary of a job in Markdown. May import verdicts, results.

GitHub shows at most 1 MiB of a job's summary: lists end after a number of lines, and long words are cut.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tscompat.results.end import Against, green, in_words, known_by_danger, sentence, since, times
from tscompat.results.file import Results
from tscompat.results.record import Record
from tscompat.results.table import LOOKS, first_sentence, parts_of, shown_names
from tscompat.verdicts.divergences import Outcome

from .markdown import safe, table


def summary(results: Results, against: Against | None = None) -> str:
    """The summary: the verdict in a sentence, then what is unexpected, what differs from an earlier run, the sums, the
    known divergences by danger, what was not run, the time.
    """
    return "\n".join(_lines(results, against)) + "\n"


def _lines(results: Results, against: Against | None) -> Iterator[str]:
    yield f"## {'✅' if green(results) else '❌'} {safe(sentence(results).plain)}"
    failures = [record for record in results.verdicts if record.outcome is Outcome.FAILED]
    yield from table("Problems of the run", ("problem",), ([problem] for problem in results.problems))
    names = shown_names(results)
    rows = ([*_unexpected(record, names[record.environment])] for record in failures)
    yield from table("Unexpected", ("verdict", "what was found", "again"), rows)
    if against:
        yield from ("", f"Since {safe(against.name)}: {since(results, against.baseline)}.")
    sums = ((name, Counter(record.outcome for record in records)) for name, records in parts_of(results).items())
    heads = ("environment", *(words for _, _, words in LOOKS.values()))
    yield from table("Verdicts", heads, ([name or "this", *(str(of[each]) for each in LOOKS)] for name, of in sums))
    known = known_by_danger(results.verdicts)
    rows = ([str(each.number), each.kind, each.name, first_sentence(each.cause)] for each in known)
    yield from table("Known divergences, the most dangerous first", ("verdicts", "kind", "name", "cause"), rows)
    reasons = Counter(record.detail for record in results.verdicts if record.outcome is Outcome.NOT_RUN)
    yield from table("Not run", ("verdicts", "why"), ([str(n), reason] for reason, n in reasons.most_common()))
    if results.timing:
        yield from ("", times(results.timing))


def _unexpected(record: Record, environment: str) -> list[str]:
    where = f" ({environment})" if environment else ""
    first = f" First difference: {in_words(record.difference)}" if record.difference else ""
    return [f"{record.id}{where}", ": ".join(filter(None, (record.reason, record.detail))) + first, record.rerun]
