"""``tscompat bless``, in a copy of cases/divergences."""

import hashlib
import json
import re
import shutil
import sys
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner, Result

from records import ENVIRONMENT, FAILURE, ZEROS, a_record
from tscompat.catalogue import load_catalogue
from tscompat.cli import app
from tscompat.dotnet_side.client import WithoutDotnet
from tscompat.golden.manifest import golden_folder
from tscompat.python_side.scripts import FUNCTIONS
from tscompat.resources.folders import data_folder
from tscompat.results import comparison
from tscompat.results.environment import Library
from tscompat.results.file import Part, ResultsFile, Timing, load_results, save_results
from tscompat.results.merge import Piece, merge
from tscompat.results.record import Record
from tscompat.routes import verdict_ids
from tscompat.values.verdict import Kind, Verdict, VerdictId
from tscompat.verdicts.coverage import Survey
from tscompat.verdicts.divergences import Divergence, Judgement, Outcome
from tscompat.verdicts.entries import read_entries

NAME = "export-needs-compilation"
OBSERVED = "script-save-bytes-nothing"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of cases/divergences, which bless finds instead of the repository's."""
    monkeypatch.delenv("CI", raising=False)
    cases = data_folder("cases")
    shutil.copytree(cases / "divergences", tmp_path / "divergences")
    for name in ("divergences.schema.json", "covered.schema.json"):
        shutil.copy(cases / name, tmp_path)
    monkeypatch.setattr(import_module("tscompat.cli.bless"), "data_folder", {"cases": tmp_path}.__getitem__)
    return tmp_path / "divergences"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without results/, which ``bless`` reads by default."""
    monkeypatch.chdir(tmp_path)


def bless(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, ["bless", *arguments], input=answer)


def read(folder: Path) -> Any:
    return json.loads((folder / "covered.json").read_text(encoding="utf-8"))


@pytest.fixture
def fewer(folder: Path) -> Path:
    """A copy in which one number of covered.json is too small."""
    covered = read(folder)
    covered[NAME][0]["routes"]["export"] -= 20
    (folder / "covered.json").write_text(json.dumps(covered), encoding="utf-8")
    return folder


def test_nothing_to_change(folder: Path) -> None:
    ended = bless("--divergences", "--out", str(folder))
    assert (ended.exit_code, ended.output) == (0, "nothing to change\n")


@pytest.fixture
def observed(tmp_path: Path) -> Path:
    """The output folder of a run that has seen a divergence at all its ids, in a TorchSharp that no entry names."""
    return a_new_version(tmp_path / "out", most=sys.maxsize)


@cache
def observed_ids() -> list[str]:
    """The ids that the observed entry covers."""
    entries = read_entries(data_folder("cases") / "divergences")
    return Survey(Divergence.of(entries), map(str, verdict_ids(load_catalogue()))).ids(OBSERVED)


def a_new_version(out: Path, most: int) -> Path:
    """The output folder of a run in a new version, which has seen a divergence at so many of its ids."""
    environment = msgspec.structs.replace(ENVIRONMENT, torchsharp=Library(version="0.108.0", sha256=ZEROS))
    file = ResultsFile(out / "results.json", environment)
    judgement = Judgement(Outcome.DIVERGENCE, OBSERVED, "…", assumed="TorchSharp 0.107.0")
    for verdict_id in observed_ids()[:most]:
        parsed = VerdictId.parse(verdict_id)
        file.add(Record.of(environment.key, parsed, "f32", Verdict(Kind.BYTES, "…"), judgement))
    file.finish(True, Timing(harness_seconds=0.0, torchsharp_seconds=0.0, wall_seconds=0.0, cores=1), [])
    return out


def test_an_entry_gets_the_version_in_which_a_run_has_seen_it(folder: Path, observed: Path) -> None:
    before = (folder / "torchscript.toml").read_text(encoding="utf-8")
    ended = bless("--divergences", "--out", str(observed), "--yes")
    assert re.fullmatch(rf"{OBSERVED}: goes on in TorchSharp 0\.108\.0 \(\d+ verdicts\)", ended.output.splitlines()[-1])
    after = (folder / "torchscript.toml").read_text(encoding="utf-8")
    assert read_entries(folder)["script-save-bytes-nothing"].versions == {"TorchSharp 0.107.0", "TorchSharp 0.108.0"}
    (old, new) = next(
        (*pair,) for pair in zip(before.splitlines(), after.splitlines(), strict=True) if len({*pair}) > 1
    )
    assert (old, new) == (
        'versions = ["TorchSharp 0.107.0"]',
        'versions = ["TorchSharp 0.107.0", "TorchSharp 0.108.0"]',
    )
    assert after.count("0.108.0") == 1


def test_a_part_of_its_ids_shows_nothing_of_an_entry(folder: Path, tmp_path: Path) -> None:
    out = a_new_version(tmp_path / "out", most=1)
    ended = bless("--divergences", "--out", str(out), "--yes")
    lines = ended.output.splitlines()
    assert lines[1].startswith(f"{OBSERVED}: not shown to go on in TorchSharp 0.108.0: ")
    assert " ids have no verdict in this run, the first torchscript-bytes/" in lines[1]
    assert lines[2:] == ["nothing to change"]
    assert "0.108.0" not in (folder / "torchscript.toml").read_text(encoding="utf-8")


def test_no_version_is_written_where_the_answer_is_no(folder: Path, observed: Path) -> None:
    bless("--divergences", "--out", str(observed), answer="n")
    assert "0.108.0" not in (folder / "torchscript.toml").read_text(encoding="utf-8")


def a_run(folder: Path, record: Record, *problems: str) -> str:
    """The output folder of a run with one verdict."""
    file = ResultsFile(folder / "out" / "results.json", ENVIRONMENT)
    file.add(record)
    timing = Timing(harness_seconds=0.0, torchsharp_seconds=0.0, wall_seconds=0.0, cores=1)
    file.finish(True, timing, problems)
    return str(folder / "out")


def test_a_baseline_is_written_under_the_platform_s_name(folder: Path) -> None:
    out = a_run(folder.parent, a_record())
    assert bless("--baseline", "--out", out, "--yes").output == "linux-x86_64.json.xz: 1 new\n"
    assert comparison.load(folder.parent / "baselines" / "linux-x86_64.json.xz").verdicts.keys() == {a_record().id}
    assert bless("--baseline", "--out", out).output == "baseline: nothing to change\n"


def test_a_shard_is_no_baseline(folder: Path, tmp_path: Path) -> None:
    file = ResultsFile(tmp_path / "results.json", ENVIRONMENT, Part.of("1/2", []))
    file.finish(True, Timing(harness_seconds=0.0, torchsharp_seconds=0.0, wall_seconds=0.0, cores=1))
    ended = bless("--baseline", "--out", str(tmp_path), "--yes")
    assert (ended.exit_code, "found shard 1/2; expected a whole run: merge the shards" in ended.output) == (2, True)


def test_the_seconds_of_long_cases_are_written_and_others_keep_theirs(folder: Path) -> None:
    """Each of these records took 0.25 s."""
    durations = folder.parent / "durations.json"
    durations.write_text('{"a/1": 9.0, "a/2": 9.0, "other": 7.0}', encoding="utf-8")
    out = a_run(folder.parent, a_record(case="a/1", check="bits"))
    results = load_results(Path(out) / "results.json")
    more = (a_record(case="a/1", check="bytes"), msgspec.structs.replace(a_record(case="a/2"), seconds=0.1))
    save_results(msgspec.structs.replace(results, verdicts=(*results.verdicts, *more)), Path(out) / "results.json")
    ended = bless("--durations", "--out", out, "--yes")
    assert (ended.exit_code, ended.output) == (0, "durations.json: 3 cases before, 2 now\n")
    assert json.loads(durations.read_text(encoding="utf-8")) == {"a/1": 0.5, "other": 7.0}


def test_a_damaged_table_of_seconds_is_named(folder: Path) -> None:
    (folder.parent / "durations.json").write_text("{", encoding="utf-8")
    ended = bless("--durations", "--out", a_run(folder.parent, a_record()), "--yes")
    assert (ended.exit_code, "durations.json is not valid JSON" in " ".join(ended.output.split())) == (2, True)


def test_several_versions_are_no_baseline(folder: Path, tmp_path: Path) -> None:
    parts = [load_results(Path(a_run(tmp_path / "1", a_record())) / "results.json")]
    parts.append(load_results(a_new_version(tmp_path / "2", most=1) / "results.json"))
    pieces = [Piece(str(number), str(number), part) for number, part in enumerate(parts)]
    save_results(merge(pieces), tmp_path / "results.json")
    ended = bless("--baseline", "--out", str(tmp_path), "--yes")
    assert (ended.exit_code, "found several environments" in ended.output) == (2, True)


def test_golden_files_are_written_by_one_version(folder: Path) -> None:
    ended = bless("--golden", "--torchsharp", "1", "--torchsharp", "2")
    assert (ended.exit_code, "could not run: found 2 --torchsharp; expected one here" in ended.output) == (2, True)


def test_what_changes_in_a_baseline_is_counted(folder: Path) -> None:
    bless("--baseline", "--out", a_run(folder.parent, a_record()), "--yes")
    ended = bless("--baseline", "--out", a_run(folder.parent, a_record(case="a/b")), answer="n")
    assert ended.output.splitlines()[0] == "linux-x86_64.json.xz: 1 new, 1 gone"
    assert comparison.load(folder.parent / "baselines" / "linux-x86_64.json.xz").verdicts.keys() == {a_record().id}


@pytest.mark.parametrize(("record", "problems"), [(FAILURE, ()), (a_record(), ("it broke",))])
def test_a_run_that_failed_is_no_baseline(folder: Path, record: Record, problems: tuple[str, ...]) -> None:
    ended = bless("--baseline", "--out", a_run(folder.parent, record, *problems), "--yes")
    assert (ended.exit_code, "a baseline has no failure and no problem; found " in ended.output) == (2, True)
    assert not (folder.parent / "baselines").exists()


def test_a_change_is_shown_with_ids(fewer: Path) -> None:
    lines = bless("--divergences", answer="n").output.splitlines()
    assert (lines[:2], lines[7]) == ([f"{NAME} (refused)", "  export: 30 → 50"], "    … and 45 more")
    assert all(line.startswith("    export/python-to-dotnet/") for line in lines[2:7])


def test_nothing_is_written_where_the_answer_is_no(fewer: Path) -> None:
    before = read(fewer)
    assert (bless("--divergences", answer="n").exit_code, read(fewer)) == (0, before)


def test_a_yes_writes_the_file_as_it_was_blessed_before(fewer: Path) -> None:
    bless("--divergences", answer="y")
    published = data_folder("cases") / "divergences" / "covered.json"
    assert (fewer / "covered.json").read_bytes() == published.read_bytes()


def test_the_question_can_be_answered_beforehand(fewer: Path) -> None:
    bless("--divergences", "--yes")
    assert read(fewer)[NAME][0]["routes"] == {"export": 50}


@pytest.fixture
def faulty(folder: Path) -> Path:
    """A copy in which an entry has a pattern that covers no id."""
    file = folder / "torchscript.toml"
    more = file.read_text(encoding="utf-8").replace('["export/', '["gone/*", "export/')
    file.write_text(more, encoding="utf-8")
    return folder


def test_a_fault_is_not_blessed_away(faulty: Path) -> None:
    ended = bless("--divergences", "--yes")
    assert (ended.exit_code, ended.output.splitlines()) == (
        2,
        [
            f"divergence '{NAME}': the pattern 'gone/*' covers no verdict id",
            "correct these first: nothing was written",
        ],
    )


def test_a_file_that_cannot_be_read_is_refused(folder: Path) -> None:
    (folder / "covered.json").write_text("<<<<<<<", encoding="utf-8")
    ended = bless("--divergences", "--out", str(folder))
    assert (ended.exit_code, "covered.json is not valid JSON" in ended.output) == (2, True)


@pytest.mark.parametrize("ci", ["true", "1", "yes"])
def test_it_does_not_run_in_ci(fewer: Path, monkeypatch: pytest.MonkeyPatch, ci: str) -> None:
    monkeypatch.setenv("CI", ci)
    before = read(fewer)
    ended = bless("--divergences", "--yes")
    assert (ended.exit_code, ended.output.startswith("this is CI"), read(fewer)) == (2, True, before)


@pytest.mark.parametrize("ci", ["", "0", "false"])
def test_a_ci_variable_that_is_off_is_none(folder: Path, monkeypatch: pytest.MonkeyPatch, ci: str) -> None:
    monkeypatch.setenv("CI", ci)
    assert bless("--divergences").exit_code == 0


def test_without_a_thing_to_bless_it_names_them(folder: Path) -> None:
    ended = bless()
    assert (ended.exit_code, ended.output) == (
        2,
        "name what to bless: --divergences, --golden, --baseline, --durations\n",
    )


# --golden

RUNNING = ["TorchSharp 0.107.0", "TorchSharp.PyBridge 1.4.4", "libtorch 2.10.0", "torch 2.13", "safetensors 0.8"]
CASE = "dat/role/both/f32.dat"


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A corpus of one case, which bless finds in the place of the repository's, without .NET."""
    monkeypatch.delenv("CI", raising=False)
    root = tmp_path / "golden"
    root.mkdir()
    (root / "cases.toml").write_text('dat = ["role/both/f32"]')
    for module in ("tscompat.cli.bless", "tscompat.golden.jobs"):
        monkeypatch.setattr(import_module(module), "golden_folder", lambda: root)

    @contextmanager
    def side(*given: Any) -> Generator[tuple[WithoutDotnet, list[str]]]:
        yield WithoutDotnet(), [*RUNNING, *(f"{name} {script.digest}" for name, script in given[-1].items())]

    monkeypatch.setattr(import_module("tscompat.cli.bless"), "side", side)
    return root


def test_golden_files_are_shown_and_written(corpus: Path) -> None:
    ended = bless("--golden", answer="n")
    assert (ended.exit_code, ended.output.splitlines()[0]) == (0, f"oracle-1/{CASE}: new")
    assert not (corpus / "oracle-1").exists()
    assert bless("--golden", "--yes").exit_code == 0
    assert (corpus / "oracle-1" / CASE).read_bytes() == (golden_folder() / "oracle-1" / CASE).read_bytes()
    assert bless("--golden").output == "golden: nothing to change\n"


def test_a_script_that_no_longer_writes_a_golden_file_is_refused(corpus: Path, tmp_path: Path) -> None:
    """Only its hash is kept, so there is no file whose absence would show it."""
    script = tmp_path / "exportsd.py"
    script.write_text("\n".join(f"def {name}(*_): raise KeyError('no')" for name in FUNCTIONS["exportsd"]))
    bless("--golden", "--yes")
    digest = hashlib.sha256(script.read_bytes()).hexdigest()[:12]
    shutil.copytree(corpus / "oracle-1", corpus / f"exportsd-{digest}", ignore=shutil.ignore_patterns("dat"))
    manifest = corpus / f"exportsd-{digest}" / "manifest.json"
    document = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps({**document, "writer": "exportsd", "version": digest}), encoding="utf-8")
    ended = bless("--golden", "--yes", "--exportsd", str(script))
    assert (ended.exit_code, ended.output.splitlines()) == (
        2,
        [
            f"exportsd-{digest}/{CASE}: KeyError: 'no'",
            "1 golden files are not written so any more: nothing was written",
        ],
    )
