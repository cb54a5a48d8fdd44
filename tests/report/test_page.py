"""The page, without a browser (``nox -s report-tests`` opens it in one)."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from records import ENVIRONMENT, FAILURE, a_record
from results.made import BOTH, DIVERGENCE, NOT_RUN, changed
from tscompat.report.data import data_of
from tscompat.report.page import PARTS, SCRIPTS, page
from tscompat.results.comparison import Baseline
from tscompat.results.end import Against
from tscompat.results.file import Part, Results


def made(results: Results, against: str = "") -> str:
    before = Against(against, Baseline.of(changed(a_record()), "")) if against else None
    return page(results, data_of(results, Path(), {}), before)


def test_the_head_says_whether_the_run_is_green() -> None:
    text = made(changed(a_record(), DIVERGENCE, NOT_RUN))
    assert '<p class="sentence green">As expected: of 2 verdicts 1 passed, 1 show a known divergence.</p>' in text
    assert re.findall(r"<b>(\d+)</b> ([\w ]+)", text) == [
        *(("1", "passed"), ("1", "known divergences"), ("0", "failures"), ("1", "not run"))
    ]


@pytest.mark.parametrize(
    "results",
    [changed(FAILURE), changed(a_record(), problems=("no",)), changed(a_record(), complete=False), changed(NOT_RUN)],
    ids=["failure", "problem", "stopped", "nothing decided"],
)
def test_what_is_not_green_is_red(results: Results) -> None:
    assert 'class="sentence red"' in made(results)


def test_it_loads_nothing() -> None:
    text = made(changed(a_record(), FAILURE))
    assert "default-src 'none'" in text
    without = re.sub(r'<script type="text/plain".*?</script>', "", text, flags=re.DOTALL)
    assert re.findall(r"""(?:src|href)=["'](?!#|data:,)[^"']*|@import|url\(|fetch\(""", without) == []


def test_words_of_the_results_are_no_markup() -> None:
    evil = msgspec.structs.replace(ENVIRONMENT, system="<script>alert(1)</script>")
    text = made(changed(environments={evil.key: evil}, problems=("<img src=x>",)), "<b>old</b>")
    assert "<b>Problem of the run:</b> &lt;img src=x&gt;" in text
    assert "<script>alert" not in text
    assert "<img" not in text
    assert "<b>old" not in text


def test_a_section_is_there_only_where_it_has_something() -> None:
    green, red = made(changed(a_record())), made(changed(FAILURE), "old.json")
    assert 'id="failures"' not in green
    assert 'id="changes"' not in green
    assert 'href="#changes"' not in green
    assert 'href="#failures"' in red
    assert "Changes since old.json" in red
    assert re.findall(r"(Then|Now): torch 2.13.0\+cpu", red) == ["Then", "Now"]


def test_a_shard_is_no_whole_run() -> None:
    text = made(changed(a_record(), part=Part.of("2/5", [])))
    assert "Shard 2/5. As expected: of 1 verdict 1 passed." in text


def test_each_environment_has_a_column_of_facts() -> None:
    text = made(BOTH)
    assert re.findall(r'<th scope="col">(TorchSharp [^<]+)<', text) == ["TorchSharp 0.107.0", "TorchSharp 0.108.0-dev"]
    assert '<th scope="row">torchsharp version</th><td>0.107.0</td><td>0.108.0-dev</td>' in text


def test_all_scripts_are_in_the_page() -> None:
    assert {file.name for file in PARTS.glob("*.js")} == {*SCRIPTS}
