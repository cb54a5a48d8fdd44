"""``tscompat gate``: its exit codes and what it prints."""

from __future__ import annotations

import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tscompat.cli import app
from tscompat.dotnet_side.client import WithoutDotnet
from tscompat.dotnet_side.errors import Death, PeerDied
from tscompat.golden.manifest import Format, Writer, golden_folder, read_corpus
from tscompat.values.verdict import Kind

FOLDER = "safetensors-0.8"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A corpus of one folder, which gate finds in the place of the repository's."""
    shutil.copytree(golden_folder() / FOLDER, tmp_path / "golden" / FOLDER)
    monkeypatch.setattr(import_module("tscompat.cli.gate"), "golden_folder", lambda: tmp_path / "golden")

    def whole(*_: object) -> None:
        pass

    monkeypatch.setattr(import_module("tscompat.golden.gate"), "refuse_missing", whole)
    return tmp_path / "golden"


@pytest.fixture(autouse=True)
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working folder, below which the output folder is: a new one."""
    (tmp_path / "working").mkdir()
    monkeypatch.chdir(tmp_path / "working")


def gate(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["gate", *arguments])


def test_the_golden_corpus_is_read_and_written_by_all() -> None:
    ended = gate()
    assert ended.exit_code == 0, ended.output
    files = [(of.writer, each.format) for of in read_corpus(golden_folder()).values() for each in of.files]
    exported = [writer for writer, _ in files].count(Writer.EXPORTSD)
    to_import = [(writer is not Writer.EXPORTSD, form) for writer, form in files].count((True, Format.DAT))
    *_, importsd, exportsd, last = ended.output.splitlines()
    assert importsd == f"{to_import} not run: no path to importsd.py"
    assert exportsd == f"{exported} not run: no path to exportsd.py"
    passed, *words = last.split()
    assert int(passed) > 3000
    assert " ".join(words[3:]) == f"divergences, 0 failures, {to_import + exported} not run"
    assert not Path("results").exists()


def test_without_dotnet_its_half_is_not_run(root: Path) -> None:
    lines = gate("--no-dotnet").output.splitlines()
    assert lines == [
        f"{FOLDER}: 22 files",
        "66 not run: the run is without .NET (--no-dotnet)",
        "44 passed, 0 known divergences, 0 failures, 66 not run",
    ]


@pytest.fixture
def damaging(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer of safetensors whose files are no safetensors."""
    tables: Any = import_module("tscompat.golden.tables")
    side = tables.PYTHON["safetensors"]

    def write(path: Path, *_: object) -> None:
        path.write_bytes(b"no")

    monkeypatch.setitem(tables.PYTHON, "safetensors", side._replace(write=write))


FILE = f"{FOLDER}/safetensors/role/both/u8.safetensors"


@pytest.mark.usefixtures("damaging")
def test_a_difference_is_shown_with_its_files_and_the_command_and_exits_with_1(tmp_path: Path) -> None:
    ended = gate("--no-dotnet")
    lines = ended.output.splitlines()
    assert ended.exit_code == 1
    assert lines[1].startswith(f"{FILE}, written by safetensors: bytes: byte 0: ")
    written = Path("results/gate/unexpected") / FILE
    assert lines[2:4] == [f"    written: {written}", f"    golden: {tmp_path / 'golden' / FILE}"]
    assert lines[4].startswith("    again: ")
    assert lines[4].endswith(f"gate --no-dotnet -k {FILE}") or lines[4].endswith(f"gate -- --no-dotnet -k {FILE}")
    assert written.read_bytes() == b"no"
    assert lines[-1] == "22 passed, 0 known divergences, 22 failures, 66 not run"


@pytest.mark.usefixtures("damaging")
def test_the_first_failures_are_shown_and_all_are_in_a_file() -> None:
    ended = gate("--no-dotnet", "--out", "out")
    shown = [line for line in ended.output.splitlines() if line.startswith(f"{FOLDER}/")]
    assert (len(shown), "… and 2 more\n" in ended.output) == (20, True)
    assert f"all failures: {Path('out/failures.txt')}\n" in ended.output
    kept = Path("out/failures.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in kept if line.startswith(f"{FOLDER}/")][:20] == shown
    assert len(kept) == 4 * 22
    assert len([path for path in Path("out/unexpected").rglob("*") if path.is_file()]) == 22


@pytest.mark.usefixtures("damaging")
def test_the_command_does_one_finding_again_and_removes_the_files_of_the_last_time() -> None:
    gate("--no-dotnet")
    ended = gate("--no-dotnet", "-k", FILE)
    assert ended.output.splitlines()[-1] == "1 passed, 0 known divergences, 1 failure, 3 not run"
    kept = sorted(path for path in Path("results/gate").rglob("*") if path.is_file())
    assert kept == [Path("results/gate/failures.txt"), Path("results/gate/unexpected") / FILE]
    assert len(kept[0].read_text(encoding="utf-8").splitlines()) == 4


def test_a_part_without_a_file_could_not_run(root: Path) -> None:
    ended = gate("--no-dotnet", "-k", "role/none")
    words = "could not run: no golden file has 'role/none' in its path"
    assert (ended.exit_code, words in ended.output) == (2, True)


def test_a_script_that_cannot_be_used_could_not_run(root: Path) -> None:
    ended = gate("--no-dotnet", "--importsd", "gone.py")
    assert (ended.exit_code, "could not run: --importsd gone.py: No such file" in ended.output) == (2, True)


class Dying(WithoutDotnet):
    """A client whose peer dies when it is ended."""

    def close(self) -> None:
        self.deaths.append(
            Death(f"{FILE}, read by PyBridge (pybridge-safetensors)", PeerDied(Kind.CRASH, "it died", ""))
        )


def test_a_death_after_the_last_answer_is_a_failure(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("tscompat.cli.gate"), "WithoutDotnet", Dying)
    ended = gate("--no-dotnet", "-k", FILE)
    assert ended.exit_code == 1
    _, sentence, command, where, *_, last = ended.output.splitlines()
    assert sentence == f"{FILE}, read by PyBridge (pybridge-safetensors): crash: it died, after its last answer"
    assert (command.endswith(f"-k {FILE}"), where.startswith("all failures: ")) == (True, True)
    assert last == "2 passed, 0 known divergences, 1 failure, 3 not run"


def test_a_damaged_corpus_could_not_run(root: Path) -> None:
    (root / FOLDER / "manifest.json").write_text("{", encoding="utf-8")
    ended = gate("--no-dotnet")
    assert (ended.exit_code, ended.output.startswith("could not run: ")) == (2, True)


def test_a_corpus_that_lacks_a_writer_could_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(golden_folder() / FOLDER, tmp_path / "golden" / FOLDER)
    monkeypatch.setattr(import_module("tscompat.cli.gate"), "golden_folder", lambda: tmp_path / "golden")
    ended = gate("--no-dotnet")
    assert (ended.exit_code, "found nothing of PyBridge, TorchSharp, exportsd, oracle, torch, …" in ended.output) == (
        2,
        True,
    )


@pytest.mark.parametrize("option", ["--native", "--torchsharp", "--torchsharp-dll", "--libtorch"])
def test_without_dotnet_there_is_no_other_torchsharp(option: str) -> None:
    ended = gate("--no-dotnet", option, "x")
    assert (ended.exit_code, f"could not run: --no-dotnet goes without {option}: leave" in ended.output) == (2, True)


def test_versions_are_gated_one_by_one() -> None:
    ended = gate("--torchsharp", "1", "--torchsharp", "2")
    assert (ended.exit_code, "could not run: found 2 --torchsharp; expected one here" in ended.output) == (2, True)


def test_a_dll_that_is_not_there_could_not_run(root: Path) -> None:
    assert gate("--torchsharp-dll", "gone.dll").exit_code == 2


# --markdown


def markdown(*arguments: str) -> list[str]:
    gate(*arguments, "--markdown", "deep/gate.md")
    return Path("deep/gate.md").read_text(encoding="utf-8").splitlines()


def test_the_markdown_has_a_row_for_each_reader_and_writer(root: Path) -> None:
    assert markdown("--no-dotnet")[:9] == [
        "### Compatible",
        "",
        "| | passed | known divergences | failures | not run |",
        "|---|---:|---:|---:|---:|",
        "| all | 44 |  |  | 66 |",
        "| read by PyBridge (pybridge-safetensors) |  |  |  | 22 |",
        "| read by PyBridge (pybridge-safetensors-dict) |  |  |  | 22 |",
        "| read by PyBridge (pybridge-safetensors-stream) |  |  |  | 22 |",
        "| read by safetensors | 22 |  |  |  |",
    ]


@pytest.mark.usefixtures("damaging")
def test_the_markdown_has_the_first_failures(root: Path) -> None:
    lines = markdown("--no-dotnet")
    assert (lines[0], "| written by safetensors |  |  | 22 |  |" in lines) == ("### Incompatible: 22 failures", True)
    start = lines.index("`" * 8)
    assert lines[start + 1].startswith(f"{FILE}, written by safetensors: bytes: byte 0: ")
    assert lines[start + 21 :] == ["`" * 8, "", "… and 2 more"]


def test_the_markdown_has_why_the_gate_could_not_run(root: Path) -> None:
    assert markdown("--no-dotnet", "-k", "role/none")[:4] == [
        "### Could not run",
        "",
        "`" * 8,
        "no golden file has 'role/none' in its path, which is like oracle-1/dat/role/both/f32.dat",
    ]


def test_a_death_after_the_last_answer_is_in_the_row_of_its_reader(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("tscompat.cli.gate"), "WithoutDotnet", Dying)
    assert "| read by PyBridge (pybridge-safetensors) |  |  | 1 | 1 |" in markdown("--no-dotnet", "-k", FILE)


@pytest.mark.usefixtures("damaging")
def test_the_command_of_a_failure_writes_no_markdown(root: Path) -> None:
    ended = gate("--no-dotnet", "-k", FILE, "--markdown", "gate.md")
    assert [line for line in ended.output.splitlines() if "again: " in line and "--markdown" in line] == []


def test_a_markdown_that_cannot_be_written_could_not_run(root: Path) -> None:
    Path("file").touch()
    ended = gate("--no-dotnet", "-k", FILE, "--markdown", "file/gate.md")
    assert (ended.exit_code, "could not run: " in ended.output) == (2, True)
