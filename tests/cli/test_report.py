"""``tscompat report``: what it writes, prints and returns."""

from __future__ import annotations

import base64
import gzip
import json
import os
from pathlib import Path
from xml.etree.ElementTree import parse

import msgspec
import pytest
from typer.testing import CliRunner, Result

from records import FAILURE, a_record
from results.made import BOTH, RESULTS, changed, of_new
from tscompat.cli import app
from tscompat.report.data import Data
from tscompat.results.comparison import Baseline, save
from tscompat.results.file import Part, Results, save_results

GREEN = changed(a_record())


def reported(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["report", *map(str, arguments)])


def saved(path: Path, results: Results) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_results(results, path)
    return path


def test_every_file_that_is_asked_for_is_written_and_named(tmp_path: Path) -> None:
    results = saved(tmp_path / "results.json", changed(FAILURE))
    names = {option: tmp_path / "new" / f"{option}.x" for option in ("out", "markdown", "junit", "badge")}
    ended = reported(results, *(word for option, file in names.items() for word in (f"--{option}", file)))
    assert (ended.exit_code, ended.output.split()) == (0, [str(file) for file in names.values()])
    assert "Not as expected" in names["out"].read_text(encoding="utf-8")
    assert names["markdown"].read_text(encoding="utf-8").startswith("## ❌")
    assert parse(names["junit"]).getroot().tag == "testsuites"
    assert json.loads(names["badge"].read_text(encoding="utf-8"))["color"] == "red"


def test_kept_files_are_named_from_the_page(tmp_path: Path) -> None:
    results = saved(tmp_path / "run" / "results.json", changed(FAILURE))
    reported(results, "--out", tmp_path / "pages" / "report.html")
    text = (tmp_path / "pages" / "report.html").read_text(encoding="utf-8")
    packed = text.partition('id="data">')[2].partition("<")[0]
    data = msgspec.json.decode(gzip.decompress(base64.b64decode(packed)), type=Data)
    assert data.files == {0: [f"../run/{file}" for file in FAILURE.files]}


def test_several_results_are_one_page(tmp_path: Path) -> None:
    record = a_record()
    one = saved(tmp_path / "1.json", changed(record))
    (new,) = (each for each in BOTH.environments.values() if each.key != record.environment)
    other = saved(tmp_path / "2.json", changed(of_new(record), environments={new.key: new}))
    assert reported(one, other, "--out", tmp_path / "page.html").exit_code == 0
    assert "TorchSharp 0.108.0-dev" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_one_run_twice_is_refused_with_what_to_do(tmp_path: Path) -> None:
    results = saved(tmp_path / "1.json", GREEN)
    ended = reported(results, results, "--out", tmp_path / "page.html")
    assert ended.exit_code == 2
    assert "--since" in ended.output
    assert not (tmp_path / "page.html").exists()


def test_a_shard_among_several_is_refused_with_what_to_do(tmp_path: Path) -> None:
    shard = saved(tmp_path / "1.json", msgspec.structs.replace(GREEN, part=Part.of("1/2", ["x"])))
    ended = reported(shard, saved(tmp_path / "2.json", RESULTS), "--out", tmp_path / "page.html")
    assert (ended.exit_code, "tscompat merge" in ended.output) == (2, True)


@pytest.mark.parametrize("name", ["old.json", "old.json.xz", "old"])
def test_what_changed_since_is_shown(tmp_path: Path, name: str) -> None:
    now = saved(tmp_path / "now.json", changed(FAILURE))
    if name == "old.json.xz":
        save(Baseline.of(GREEN, ""), tmp_path / name)
    else:
        saved(tmp_path / name, GREEN)
    ended = reported(now, "--since", tmp_path / name, "--out", tmp_path / "p.html", "--markdown", tmp_path / "s.md")
    assert ended.exit_code == 0, ended.output
    assert "1 regression" in (tmp_path / "s.md").read_text(encoding="utf-8")
    assert f"Changes since {tmp_path / name}" in (tmp_path / "p.html").read_text(encoding="utf-8")


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "no.json").write_text("{}", encoding="utf-8")
    ended = reported(tmp_path / "no.json", "--out", tmp_path / "page.html")
    assert ended.exit_code == 2
    assert str(tmp_path / "no.json") in ended.output


@pytest.mark.parametrize("option", ["--out", "--junit", "--badge", "--markdown"])
@pytest.mark.parametrize("of", ["results", "since", "another"])
def test_nothing_is_written_over(tmp_path: Path, option: str, of: str) -> None:
    files = {name: saved(tmp_path / f"{name}.json", GREEN) for name in ("results", "since")}
    other = "--badge" if option != "--badge" else "--junit"
    more = [other, tmp_path / "another.json"] if of == "another" else []
    ended = reported(files["results"], "--since", files["since"], *more, option, tmp_path / f"{of}.json")
    assert (ended.exit_code, "is named twice" in ended.output) == (2, True)
    assert {file.read_bytes() for file in files.values()} == {files["since"].read_bytes()}


def test_the_page_lies_beside_the_results(tmp_path: Path) -> None:
    ended = reported(saved(tmp_path / "results.json", GREEN))
    assert ended.output.split() == [str(tmp_path / "report.html")]


def test_several_environments_have_no_earlier_run(tmp_path: Path) -> None:
    both = saved(tmp_path / "results.json", msgspec.structs.replace(BOTH, verdicts=(a_record(),)))
    ended = reported(both, "--since", saved(tmp_path / "old.json", GREEN))
    assert (ended.exit_code, "compares one run with one" in ended.output) == (2, True)


@pytest.mark.skipif(os.name == "nt", reason="names of files are text there")
def test_a_folder_whose_name_is_no_text(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    ended = reported(saved(folder / "results.json", changed(FAILURE)), "--since", saved(folder / "old.json", GREEN))
    assert ended.exit_code == 0, ended.output
