"""Steps of the workflows, run as they stand: what needs neither GitHub nor an index of packages."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tomllib
from pathlib import Path

import msgspec
import pytest

from records import ENVIRONMENT, FAILURE, a_record
from tscompat.results.comparison import Baseline, load, save
from tscompat.results.environment import Environment
from tscompat.results.file import Part, ResultsFile, Timing, load_results
from tscompat.results.record import Record
from tscompat.values.verdict import Verdict, VerdictId
from tscompat.verdicts.divergences import Judgement
from workflows import CELLS, TOP, Step, read, run, step

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="no bash on the PATH")
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
TIMING = Timing(harness_seconds=0.0, torchsharp_seconds=0.0, wall_seconds=0.0, cores=1)
GOOD, OTHER = a_record(case="a/1"), a_record(case="a/2")


def results(
    path: Path,
    *records: Record,
    part: Part | None = None,
    complete: bool = True,
    environment: Environment = ENVIRONMENT,
) -> Path:
    file = ResultsFile(path, environment, part)
    for each in records:
        file.add(msgspec.structs.replace(each, environment=environment.key))
    file.finish(complete, TIMING)
    return path


# ci.yml


def of_ci(words: str, session: str) -> Step:
    """The step of ci.yml that runs a command with these words, in the row of a session."""
    row = {"session": session, "python": PYTHON}
    found = [each for each in read("ci")["jobs"]["nox"]["steps"] if words in each.get("run", "")]
    (fields,) = found
    return Step("ci", {**fields, "env": {}}, row)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A small clone, in which nox finds its environment: the one that runs the tests."""
    clone = tmp_path / "clone"
    shutil.copytree(TOP / "cases" / "baselines", clone / "cases" / "baselines")
    for file in ("noxfile.py", "pyproject.toml"):
        shutil.copy(TOP / file, clone)
    python = clone / ".nox" / f"env-{PYTHON}" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    stamp = f"{sys.version}\n{clone.resolve()}\n".encode() + (clone / "pyproject.toml").read_bytes()
    (python.parents[1] / "lint.stamp").write_text(hashlib.sha256(stamp).hexdigest(), encoding="utf-8")
    return clone


def test_the_session_of_a_row_runs(clone: Path) -> None:
    ended = run(of_ci("nox -s", "lint"), clone)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Session lint was successful" in ended.stderr


def test_a_session_that_fails_fails_the_step(clone: Path) -> None:
    (clone / "faulty.py").write_text("import os\n", encoding="utf-8")
    ended = run(of_ci("nox -s", "lint"), clone)
    assert (ended.returncode, "F401" in ended.stdout) == (1, True), ended.stdout + ended.stderr


def of_the_baseline() -> list[Record]:
    """Records of the verdicts that the baseline has."""
    rows = load(TOP / "cases" / "baselines" / "linux-x86_64.json.xz").verdicts
    return [
        Record.of(ENVIRONMENT.key, VerdictId.parse(each), "f32", Verdict(row.verdict, "…"), Judgement(row.outcome))
        for each, row in rows.items()
    ]


@pytest.mark.parametrize(
    ("without", "more", "code", "words"),
    [
        ("none", [], 0, "changed ("),
        ("none", [FAILURE], 1, "regression (1)"),
        ("dat-stream", [], 1, "--complete: the new run lacks"),
    ],
    ids=["green", "red", "a lost route"],
)
def test_the_matrix_is_compared_with_the_baseline(
    clone: Path, without: str, more: list[Record], code: int, words: str
) -> None:
    records = [record for record in of_the_baseline() if record.route != without]
    results(clone / "results" / "results.json", *records, *more)
    ended = run(of_ci("tscompat compare", "matrix"), clone)
    assert (ended.returncode, words in ended.stdout) == (code, True), ended.stdout + ended.stderr


# compat.yml


def test_the_first_job_reads_the_table_of_cells(tmp_path: Path) -> None:
    output = tmp_path / "output"
    ended = run(step("compat", "cells", "read"), TOP, GITHUB_OUTPUT=str(output))
    assert ended.returncode == 0, ended.stderr
    name, _, value = output.read_text(encoding="utf-8").rstrip("\n").partition("=")
    assert (name, json.loads(value)) == ("cells", CELLS)


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """The downloaded shards of two cells, the second with a baseline in which nothing fails."""
    table = tmp_path / ".github" / "cells.toml"
    table.parent.mkdir()
    table.write_text('[[cell]]\nname = "a"\n[[cell]]\nname = "b-1"\nbaseline = "base"\n', encoding="utf-8")
    whole = load_results(results(tmp_path / "whole.json", GOOD, OTHER))
    save(Baseline.of(whole, "whole.json"), tmp_path / "cases" / "baselines" / "base.json.xz")
    for cell in ("a", "b-1"):
        make_shards(tmp_path, cell, GOOD, OTHER)
    return tmp_path


def make_shards(folder: Path, cell: str, *records: Record) -> None:
    for number, record in enumerate(records, 1):
        part = Part.of(f"{number}/{len(records)}", [each.id for each in records])
        results(folder / "shards" / f"shard-{cell}-{number}" / "results.json", record, part=part)


MERGE = step("compat", "report", "merge")


def test_whole_cells_without_a_failure_pass(shards: Path) -> None:
    ended = run(MERGE, shards)
    assert (ended.returncode, "::error::" in ended.stdout) == (0, False), ended.stdout + ended.stderr
    merged = [load_results(shards / "merged" / cell / "results.json") for cell in ("a", "b-1")]
    assert [[record.id for record in each.verdicts] for each in merged] == [[GOOD.id, OTHER.id]] * 2


@pytest.mark.parametrize("cell", ["a", "b-1"], ids=["without", "with"])
def test_a_failure_is_a_regression_with_and_without_a_baseline(shards: Path, cell: str) -> None:
    make_shards(shards, cell, GOOD, FAILURE)
    ended = run(MERGE, shards)
    assert ended.returncode == 1
    assert [line for line in ended.stdout.splitlines() if line.startswith("::error::")] == [
        f"::error::{cell}: a regression: see its group above"
    ]


def test_a_failure_that_the_baseline_has_is_no_regression(shards: Path) -> None:
    known = load_results(results(shards / "known.json", GOOD, FAILURE))
    save(Baseline.of(known, "known.json"), shards / "cases" / "baselines" / "base.json.xz")
    make_shards(shards, "b-1", GOOD, FAILURE)
    assert run(MERGE, shards).returncode == 0


@pytest.mark.parametrize("cell", ["a", "b-1"], ids=["without", "with"])
def test_a_shard_that_is_missing_is_named(shards: Path, cell: str) -> None:
    shutil.rmtree(shards / "shards" / f"shard-{cell}-2")
    ended = run(MERGE, shards)
    assert (ended.returncode, "found no shard 2/2" in ended.stderr) == (1, True), ended.stderr
    assert f"::error::{cell}: no whole run: see its group above" in ended.stdout


def test_a_shard_that_did_not_end_is_no_whole_run(shards: Path) -> None:
    part = Part.of("2/2", [GOOD.id, OTHER.id])
    results(shards / "shards" / "shard-b-1-2" / "results.json", OTHER, part=part, complete=False)
    ended = run(MERGE, shards)
    assert (ended.returncode, "::error::b-1: no whole run" in ended.stdout) == (1, True)


def test_a_cell_of_which_nothing_is_there_is_named(shards: Path) -> None:
    for number in (1, 2):
        shutil.rmtree(shards / "shards" / f"shard-a-{number}")
    ended = run(MERGE, shards)
    assert (ended.returncode, "::error::a: no whole run" in ended.stdout) == (1, True)


def test_without_a_table_nothing_passes(shards: Path) -> None:
    (shards / ".github" / "cells.toml").unlink()
    assert run(MERGE, shards).returncode != 0


def test_the_report_is_of_all_cells(tmp_path: Path) -> None:
    windows = msgspec.structs.replace(ENVIRONMENT, platform="windows-amd64")
    results(tmp_path / "merged" / "a" / "results.json", GOOD)
    results(tmp_path / "merged" / "b-1" / "results.json", FAILURE, environment=windows)
    ended = run(step("compat", "report", "report"), tmp_path, GITHUB_STEP_SUMMARY=str(tmp_path / "of-the-job"))
    assert ended.returncode == 0, ended.stderr
    assert sorted(path.name for path in (tmp_path / "page").iterdir()) == ["badge.json", "index.html"]
    summary = (tmp_path / "of-the-job").read_text(encoding="utf-8")
    assert all(platform in summary for platform in ("windows\\-amd64", "linux\\-x86\\_64"))


# gate.yml, nightly.yml, release.yml


@pytest.mark.parametrize("words", ["### Compatible\n", ""], ids=["there", "missing"])
def test_the_summary_of_the_gate_is_its_markdown(tmp_path: Path, words: str) -> None:
    (tmp_path / "results").mkdir()
    if words:
        (tmp_path / "results" / "gate.md").write_text(words, encoding="utf-8")
    ended = run(step("gate", "gate", "Summary"), tmp_path, GITHUB_STEP_SUMMARY=str(tmp_path / "summary"))
    assert ended.returncode == 0
    assert (tmp_path / "summary").read_text(encoding="utf-8") == (
        words or "### Could not run: see the log of this job\n"
    )


@pytest.mark.parametrize(
    ("versions", "found"),
    [
        (["0.107.0", "0.108.0-preview.2", "0.108.0-preview.10"], "torchsharp=0.108.0-preview.10\nlibtorch=2.11.0\n"),
        (["0.108.0-preview.2", "0.108.0", "0.107.0"], ""),
    ],
    ids=["newer", "older"],
)
@pytest.mark.parametrize("given", [True, False], ids=["a feed", "dotnet's own"])
def test_a_pre_release_is_found_with_its_libtorch(
    tmp_path: Path, versions: list[str], found: str, *, given: bool
) -> None:
    feed = tmp_path / "index.json"
    base = {"@id": f"{tmp_path.as_uri()}/", "@type": "PackageBaseAddress/3.0.0"}
    feed.write_text(json.dumps({"resources": [base]}), encoding="utf-8")
    (tmp_path / "torchsharp").mkdir()
    (tmp_path / "torchsharp" / "index.json").write_text(json.dumps({"versions": versions}), encoding="utf-8")
    spec = tmp_path / "torchsharp-cpu" / "0.108.0-preview.10" / "torchsharp-cpu.nuspec"
    spec.parent.mkdir(parents=True)
    spec.write_text('<dependency id="libtorch-cpu" version="[2.11.0.0, )" />', encoding="utf-8")
    shutil.copytree(TOP / ".github", tmp_path / ".github")
    sources = f'<clear /><add key="here" value="{feed.as_uri()}" />'
    config = f"<configuration><packageSources>{sources}</packageSources></configuration>"
    (tmp_path / "nuget.config").write_text(config, encoding="utf-8")
    ended = run(
        step("nightly", "torchsharp", "newest"),
        tmp_path,
        FEED=feed.as_uri() if given else "",
        GITHUB_OUTPUT=str(tmp_path / "output"),
    )
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "output").read_text(encoding="utf-8") == found


@pytest.mark.parametrize(("tag", "code"), [("v{}", 0), ("{}", 1), ("v{}.1", 1)])
def test_a_tag_must_be_the_version(tag: str, code: int) -> None:
    version = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    ended = run(step("release", "build", "The tag is the version of pyproject.toml"), TOP, TAG=tag.format(version))
    assert ended.returncode == code, ended.stdout
