"""The summary of a job, in Markdown."""

from __future__ import annotations

import msgspec

from records import FAILURE, a_record
from results.made import BOTH, DIVERGENCE, NOT_RUN, changed, of_new, times
from tscompat.report.markdown import SHOWN
from tscompat.report.summary import summary
from tscompat.results.comparison import Baseline
from tscompat.results.end import Against


def test_a_green_run_is_a_sentence_and_its_tables() -> None:
    lines = summary(changed(a_record(), DIVERGENCE, NOT_RUN)).splitlines()
    assert lines[0] == r"## ✅ As expected\: of 2 verdicts 1 passed, 1 show a known divergence."
    assert "| this | 1 | 1 | 0 | 1 |" in lines
    assert r"| 1 | refused | no\-c32 | TorchSharp 0.107.0 has no complex32. |" in lines
    assert "| 1 | no CUDA device |" in lines
    assert lines[-1].startswith("Time: harness 3.0 s")
    assert "### Unexpected" not in lines


def test_a_red_run_names_what_is_unexpected_and_how_to_run_it_again() -> None:
    text = summary(changed(FAILURE, problems=("no proof",)))
    assert text.startswith("## ❌ ")
    (row,) = (line for line in text.splitlines() if line.startswith("| dat/python"))
    assert "First difference" in row
    assert r"| tscompat run \-k pattern/special/bf16 |" in row
    assert "| no proof |" in text


def test_words_have_no_meaning_in_markdown() -> None:
    record = msgspec.structs.replace(FAILURE, detail="a|b <b>x</b> `c` [d](e) @you #1\n| new row |", difference=None)
    (row,) = (line for line in summary(changed(record)).splitlines() if line.startswith("| dat/"))
    assert r"a\|b \<b\>x\</b\> \`c\` \[d\]\(e\) \@you \#1 \| new row \|" in row


def test_a_list_ends_after_fifty_lines() -> None:
    text = summary(changed(*times(SHOWN + 3, FAILURE)))
    assert text.count("\n| dat/") == SHOWN
    assert "… and 3 more" in text


def test_it_stays_under_the_limit_of_github() -> None:
    long = msgspec.structs.replace(FAILURE, detail="x " * 100_000, reason="y" * 100_000)
    results = changed(*times(1000, long), problems=tuple(f"{number} {'z' * 100_000}" for number in range(200)))
    assert len(summary(results).encode()) < 1 << 20


def test_what_changed_is_counted() -> None:
    against = Against("old.json", Baseline.of(changed(a_record()), ""))
    assert "\nSince old.json: 1 regression.\n" in summary(changed(FAILURE), against)


def test_each_environment_has_a_row_of_sums() -> None:
    record = a_record()
    text = summary(msgspec.structs.replace(BOTH, verdicts=(record, of_new(record), of_new(FAILURE))))
    assert "| TorchSharp 0.107.0 | 1 | 0 | 0 | 0 |" in text
    assert r"| TorchSharp 0.108.0\-dev | 1 | 0 | 1 | 0 |" in text


def test_an_unexpected_verdict_names_its_environment_where_there_are_several() -> None:
    text = summary(msgspec.structs.replace(BOTH, verdicts=(a_record(), of_new(FAILURE))))
    assert r"bits \(TorchSharp 0.108.0\-dev\) |" in text


def test_a_command_keeps_its_spaces() -> None:
    record = msgspec.structs.replace(FAILURE, rerun="tscompat run --native 'a  b'")
    assert "'a  b'" in summary(changed(record))
