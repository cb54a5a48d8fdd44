"""What a run reports of an undeclared difference and of a stale divergence, in a copy of the project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tscompat.python_side import scripts
from tscompat.resources.folders import data_folder
from tscompat.results.file import Results, load_results

pytestmark = pytest.mark.usefixtures("publish")
LOST = "dat/python-to-dotnet/cpu/quantized/per-tensor/qi8/quantizer"
Run = Callable[..., tuple[int, Results]]
UTF8 = "exportsd/python-to-dotnet/cpu/name/utf8-2byte/f32/bytes"
MENDED = """
from tscompat import codec
from tscompat.python_side import torch_tensors

def save_state_dict(state, stream):
    stream.write(b"".join(codec.encode_state_dict(torch_tensors.export(state))))
"""
FAULTY = (
    MENDED
    + """
mended = save_state_dict

def save_state_dict(state, stream):
    mended(state, stream)
    stream.seek(1)
    stream.write(bytes([len(name) for name in state]))  # the characters of the one name
"""
)
"""Doubles of upstream's exportsd.py: MENDED is correct, FAULTY counts characters instead of bytes."""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the project's folders, which a test may change."""
    root = data_folder("cases").parent
    for name in ("harness", "cases", "dotnet"):
        shutil.copytree(root / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "bin", "obj"))
    shutil.copy(root / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.fixture
def run(copy: Path) -> Run:
    def run(*arguments: str) -> tuple[int, Results]:
        return execute(copy, *arguments).returncode, load_results(copy / "out" / "results.json")

    return run


def execute(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the copy's matrix."""
    command = [sys.executable, "-m", "tscompat", "run", "--out", str(copy / "out"), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(copy / "harness")}
    return subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)


def undeclare(copy: Path, kind: str, name: str) -> None:
    """Take an entry out of a file of the divergences."""
    file = copy / "cases" / "divergences" / f"{kind}.toml"
    text = file.read_text(encoding="utf-8")
    shorter = re.sub(rf"(?ms)^\[{name}\]$.*?(?=^\[(?!\[|{name}\.)|\Z)", "", text)
    assert len(shorter) < len(text)
    file.write_text(shorter, encoding="utf-8")


def test_an_unexpected_verdict_fails_and_keeps_what_a_person_needs(copy: Path, run: Run):
    undeclare(copy, "dat", "quantizer-lost")
    code, results = run("-n", "0", "-k", LOST)
    (record,) = results.verdicts
    kept = copy / "out" / "unexpected" / LOST
    assert (code, record.outcome, results.complete) == (1, "failed", True)
    assert {file.name for file in kept.iterdir()} >= {"expected.dat", "again.txt"}
    assert (kept / "again.txt").read_text(encoding="utf-8").strip() == record.rerun


def test_of_a_folder_of_shards_every_file_is_kept(copy: Path, run: Run):
    undeclare(copy, "pybridge", "pybridge-pickle-dtypes")
    shards = "pybridge-pickle-shards/python-to-dotnet/cpu/role/both/c32/bits"
    _, results = run("-n", "0", "-k", shards)
    names = {Path(file).name for file in results.verdicts[0].files}
    assert names == {
        "expected.dat",
        "pytorch_model-00001-of-00002.bin",
        "pytorch_model-00002-of-00002.bin",
        "pytorch_model.bin.index.json",
    }


def test_stopping_at_the_first_failure_is_an_incompatibility_too(copy: Path, run: Run):
    undeclare(copy, "dat", "quantizer-lost")
    code, results = run("-n", "2", "-x", "-k", "quantized/ or pattern/random")
    assert (code, results.complete) == (1, False)


def test_a_stale_divergence_fails_a_run_in_which_all_passes(copy: Path, run: Run):
    file = copy / "cases" / "divergences" / "covered.json"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('{"export": 50}', '{"export": 51}'), encoding="utf-8")
    code, results = run("-n", "0", "-k", "role/both/u8")
    assert code == 1
    assert [problem.split(":")[0] for problem in results.problems] == [
        "divergence 'export-needs-compilation' (refused)"
    ]


DYING = "dat/dotnet-to-python/cpu/role/both/u8"
"""The peer dies after its answer for this. The verdicts of role/both/i8 come after it."""


def change_peer(copy: Path, old: str, new: str, module: str = "__main__") -> None:
    """Change the code that answers calls."""
    file = copy / "harness" / "tscompat" / "dotnet_side" / "inside" / f"{module}.py"
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")


def failed(results: Results) -> dict[str, str]:
    return {record.id: record.detail for record in results.verdicts if record.outcome == "failed"}


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_death_after_an_answer_is_a_crash_of_that_verdict(copy: Path, run: Run, workers: str) -> None:
    change_peer(
        copy,
        "        _send(replies, _reply(dotnet, line))\n",
        "        _send(replies, _reply(dotnet, line))\n"
        "        if b'dotnet-to-python.cpu' in line and b'role.both.u8' in line:\n"
        "            print('why', file=sys.stderr, flush=True)\n"
        "            os._exit(7)\n",
    )
    code, results = run("-n", workers, "-k", f"{DYING} or {DYING.replace('u8', 'i8')}")
    assert (code, results.complete, len(results.verdicts)) == (1, True, 6)
    assert failed(results) == {f"{DYING}/bytes": "the peer died with exit code 7 after its answer"}
    assert (copy / "out" / "unexpected" / DYING / "bytes" / "peer.log").read_text(encoding="utf-8") == "why"


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_death_at_exit_is_a_crash_of_the_last_verdict_with_a_call(copy: Path, run: Run, workers: str) -> None:
    change_peer(copy, "os._exit(0)", "os._exit(7 if 'call' in globals() else 0)")
    change_peer(copy, "    for line in calls:\n", "    for line in calls:\n        globals()['call'] = line\n")
    code, results = run("-n", workers, "-k", f"{DYING} or {DYING.replace('u8', 'i8')}")
    assert (code, results.complete, len(results.verdicts)) == (1, True, 6)
    (detail,) = failed(results).values()
    assert detail == "the peer died with exit code 7 after its answer"


def test_a_peer_that_dies_at_exit_without_a_call_could_not_run(copy: Path) -> None:
    change_peer(copy, "os._exit(0)", "os._exit(7)")
    done = execute(copy, "-n", "1", "-k", DYING)
    assert (done.returncode, "could not run: the peer died with exit code 7 at its exit" in done.stderr) == (2, True)


PRETENDING = {
    "dat/python-to-dotnet/cpu/role/both/u8": (
        "def load(dotnet: Dotnet, watch: Stopwatch, call: messages.Load) -> messages.Loaded:\n",
        "    nothing = dict.fromkeys(messages.Loaded.__struct_fields__, ())\n"
        "    found = {'digest': digest(read_state_dict(call.expected)), 'quantizer': None}\n"
        "    return messages.Loaded(**{**nothing, **found})\n",
        "module-path is not proven: one element of a proof differs, and found the digest of other bits",
    ),
    "tensor/dotnet-to-python/cpu/pattern/random/u8": (
        "def save(dotnet: Dotnet, watch: Stopwatch, call: messages.Save) -> Done:\n",
        "    from tscompat.codec import encode_tensor\n"
        "    write_whole(call.artifact, encode_tensor(read_state_dict(call.expected)[0].tensor))\n"
        "    return Done()\n",
        "tensor-path is not proven: one element of a proof differs, and found pass; expected bits",
    ),
}


@pytest.mark.parametrize("case", PRETENDING, ids=["reading", "writing"])
def test_a_peer_that_only_pretends_could_not_run(copy: Path, run: Run, case: str) -> None:
    old, lines, words = PRETENDING[case]
    change_peer(copy, old, old + lines, "calls")
    code, results = run("-n", "0", "-k", case)
    assert (code, results.complete, list(results.verdicts)) == (2, False, [])
    assert words in results.problems[-1]


@pytest.fixture
def script(copy: Path) -> Callable[[str], list[str]]:
    """Writes an exportsd.py; returns the options that put it under test."""

    def write(text: str) -> list[str]:
        others = "".join(f"\ndef {name}(*_): ...\n" for name in scripts.FUNCTIONS["exportsd"][1:])
        (copy / "exportsd.py").write_text(text + others, encoding="utf-8")
        return ["--exportsd", str(copy / "exportsd.py"), "-n", "0", "-k", UTF8]

    return write


def test_what_an_unknown_script_does_wrong_is_unexpected(run: Run, script: Callable[[str], list[str]]):
    code, results = run(*script(FAULTY))
    (record,) = results.verdicts
    assert (code, record.reason) == (1, "unexpected: bytes")


def test_what_an_unknown_script_does_right_passes(run: Run, script: Callable[[str], list[str]]):
    code, results = run(*script(MENDED))
    assert (code, [record.outcome for record in results.verdicts]) == (0, ["passed"])


def test_what_a_script_of_a_declared_hash_does_wrong_is_expected(
    copy: Path, run: Run, script: Callable[[str], list[str]]
):
    options = script(FAULTY)
    digest = scripts.load("exportsd", copy / "exportsd.py").digest
    declared = copy / "cases" / "divergences" / "scripts.toml"
    text = re.sub(r"sha256:[0-9a-f]{64}", digest, declared.read_text(encoding="utf-8"))
    declared.write_text(text, encoding="utf-8")
    code, results = run(*options)
    (record,) = results.verdicts
    assert (code, record.divergence) == (0, "exportsd-names-in-characters")
    assert results.environments[record.environment].scripts == {"exportsd": digest}
