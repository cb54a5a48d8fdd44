"""results.json: valid at every moment, honest about being incomplete, refused when it is something else."""

import errno
import json
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from records import ENVIRONMENT, FAILURE, ZEROS, a_record
from tscompat.results.environment import Dotnet, Library, Patch
from tscompat.results.file import PAUSES, Part, ResultsError, ResultsFile, Timing, load_results

TIMING = Timing(harness_seconds=1.5, torchsharp_seconds=0.5, wall_seconds=4.0, cores=2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out" / "results.json"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A clock that stands still until it is moved on."""
    now = [100.0]

    def move_on(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return move_on


def edited(path: Path, edit: Callable[[dict[str, Any]], Any]) -> Path:
    document = json.loads(path.read_text(encoding="utf-8"))
    edit(document)
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_a_run_that_has_just_begun_is_incomplete(path: Path) -> None:
    ResultsFile(path, ENVIRONMENT)
    results = load_results(path)
    assert (results.complete, results.finished, results.timing) == (False, None, None)


@pytest.mark.parametrize("folder", ["", "new", "new/in a new one"])
def test_the_folder_is_made_if_it_is_not_there(tmp_path: Path, folder: str) -> None:
    ResultsFile(tmp_path / folder / "results.json", ENVIRONMENT)
    assert not load_results(tmp_path / folder / "results.json").complete


def test_a_person_can_read_the_file_line_by_line(path: Path) -> None:
    file = ResultsFile(path, ENVIRONMENT)
    file.add(a_record())
    file.finish(True, TIMING)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[:3] == ["{", ' "schema": 4,', ' "complete": true,']
    assert lines[-3:-1] == [msgspec.json.encode(a_record()).decode(), "]}"] or lines[-2:] == [
        msgspec.json.encode(a_record()).decode(),
        "]}",
    ]


def test_the_environment_is_kept(path: Path) -> None:
    patch = Patch(file="a.so", versions=("A_1",), unused_symbols=(), original_sha256="…", patched_sha256="…")
    dotnet = Dotnet(
        version="8.0.0",
        libtorch_reported="2.10.0",
        torchsharp_reported="0.107.0",
        pybridge="1.4.4",
        rid="linux-x64",
        torchsharp_dll="my.dll",
        native="mine",
        device="cuda",
        patched=patch,
    )
    environment = msgspec.structs.replace(ENVIRONMENT, dotnet=dotnet)
    ResultsFile(path, environment)
    assert load_results(path).environments == {environment.key: environment}


def test_records_are_kept_in_order(path: Path) -> None:
    file = ResultsFile(path, ENVIRONMENT)
    file.add(a_record())
    file.add(FAILURE)
    file.finish(True, TIMING)
    assert load_results(path).verdicts == (a_record(), FAILURE)


def test_a_second_record_of_an_id_replaces_the_first(path: Path) -> None:
    file = ResultsFile(path, ENVIRONMENT)
    file.add(a_record())
    file.add(a_record(dtype="mixed"))
    file.finish(True, TIMING)
    assert load_results(path).verdicts == (a_record(dtype="mixed"),)


def test_records_of_two_environments_with_one_id_stand_in_one_file(path: Path) -> None:
    other = msgspec.structs.replace(ENVIRONMENT, torch=Library(version="2.14.0", sha256=ZEROS))
    ResultsFile(path, ENVIRONMENT).finish(True, TIMING)
    whole = msgspec.structs.replace(
        load_results(path),
        environments={each.key: each for each in (ENVIRONMENT, other)},
        verdicts=(a_record(), a_record(environment=other)),
    )
    path.write_bytes(msgspec.json.encode(whole))
    assert load_results(path) == whole


def test_a_finished_run_says_so(path: Path) -> None:
    ResultsFile(path, ENVIRONMENT).finish(True, TIMING, ["nothing was selected"])
    results = load_results(path)
    assert (results.complete, results.timing, results.problems) == (True, TIMING, ("nothing was selected",))


def test_an_interrupted_run_is_incomplete_but_has_its_end(path: Path) -> None:
    ResultsFile(path, ENVIRONMENT).finish(False, TIMING)
    results = load_results(path)
    assert not results.complete
    assert results.finished is not None


def test_a_killed_run_leaves_what_was_there_a_second_ago(path: Path, clock: Callable[[float], None]) -> None:
    file = ResultsFile(path, ENVIRONMENT)
    clock(1.0)
    file.add(a_record())
    assert len(load_results(path).verdicts) == 1


def test_the_file_is_written_at_most_once_a_second(path: Path, clock: Callable[[float], None]) -> None:
    file = ResultsFile(path, ENVIRONMENT)
    clock(0.9)
    file.add(a_record())
    assert load_results(path).verdicts == ()


def test_a_kill_in_the_middle_of_writing_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def kill(*_: object) -> None:
        raise Killed

    file = ResultsFile(path, ENVIRONMENT)
    file.add(a_record())
    monkeypatch.setattr(Path, "replace", kill)
    with pytest.raises(Killed):
        file.finish(True, TIMING)
    assert not load_results(path).complete


def test_a_reader_that_blocks_the_file_does_not_stop_the_run(
    path: Path, clock: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def blocked(*_: object) -> None:
        raise PermissionError

    file = ResultsFile(path, ENVIRONMENT)
    clock(1.0)
    with monkeypatch.context() as windows:
        windows.setattr(Path, "replace", blocked)
        file.add(a_record())
    file.finish(True, TIMING)
    assert len(load_results(path).verdicts) == 1


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_reader_that_soon_lets_go_does_not_cost_the_end(
    path: Path, monkeypatch: pytest.MonkeyPatch, attempts: int
) -> None:
    replace, refused = Path.replace, [PermissionError()] * attempts

    pauses: list[float] = []

    def blocked_at_first(self: Path, target: Path) -> Path:
        if refused:
            raise refused.pop()
        return replace(self, target)

    file = ResultsFile(path, ENVIRONMENT)
    monkeypatch.setattr(Path, "replace", blocked_at_first)
    monkeypatch.setattr(time, "sleep", pauses.append)
    file.finish(True, TIMING)
    assert load_results(path).complete
    assert pauses == list(PAUSES[:attempts])


def full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_an_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = ResultsFile(path, ENVIRONMENT)
    monkeypatch.setattr(Path, "replace", full_disk)
    with pytest.raises(OSError, match="No space left"):
        file.finish(True, TIMING)


def test_a_full_disk_keeps_no_half_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = ResultsFile(path, ENVIRONMENT)
    monkeypatch.setattr(Path, "replace", full_disk)
    with suppress(OSError):
        file.finish(True, TIMING)
    assert list(path.parent.iterdir()) == [path]


def test_nothing_is_left_beside_the_file(path: Path) -> None:
    ResultsFile(path, ENVIRONMENT).finish(True, TIMING)
    assert list(path.parent.iterdir()) == [path]


def test_what_is_no_json_is_refused(path: Path) -> None:
    ResultsFile(path, ENVIRONMENT)
    path.write_text(path.read_text(encoding="utf-8")[:-5], encoding="utf-8")
    with pytest.raises(ResultsError, match=r"results\.json is not valid JSON: .*line"):
        load_results(path)


Faulty = Callable[[dict[str, Any]], object]
FAULTS: dict[str, tuple[Faulty, str]] = {
    "another schema version": (lambda it: it.update(schema=1), "schema: 1 is not one of [4]"),
    "an unknown kind": (
        lambda it: it["verdicts"][0].update(verdict="fine"),
        "verdicts / 0 / verdict: 'fine' is not one of",
    ),
    "a missing member": (lambda it: it["verdicts"][0].pop("case"), "verdicts / 0: 'case' is a required property"),
    "an unknown member": (
        lambda it: it["timing"].update(x=1),
        "timing: Additional properties are not allowed ('x' was",
    ),
    "another type": (lambda it: it.update(complete="yes"), "complete: 'yes' is not of type 'boolean'"),
    "an environment's key": (
        lambda it: it.update(environments={"a": {**it["environments"][ENVIRONMENT.key]}}),
        f"environments: the key is 'a'; expected '{ENVIRONMENT.key}', the hash of its fields",
    ),
    "an unknown environment": (
        lambda it: it["verdicts"][0].update(environment="a"),
        f"verdicts: {FAILURE.id} names the environment 'a', which is not there",
    ),
    "a record twice": (
        lambda it: it["verdicts"].append(it["verdicts"][0]),
        f"verdicts: {FAILURE.id} is there 2 times for the environment '{ENVIRONMENT.key}'",
    ),
    "an id that is not its parts": (
        lambda it: it["verdicts"][0].update(check="bytes"),
        f"the id is '{FAILURE.id}', its parts are '{FAILURE.id.removesuffix('bits')}bytes' - at `$.verdicts[0]`",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_refused_with_the_file_the_place_and_what_was_expected(path: Path, fault: str) -> None:
    edit, words = FAULTS[fault]
    file = ResultsFile(path, ENVIRONMENT)
    file.add(FAILURE)
    file.finish(True, TIMING)
    with pytest.raises(ResultsError, match=re.escape(f"results.json: {words}")):
        load_results(edited(path, edit))


def test_what_is_no_utf_8_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b'{"schema": "\xff"}')
    with pytest.raises(ResultsError, match=r"results\.json is not valid JSON: "):
        load_results(path)


def test_the_overhead_ratio_is_wall_time_on_all_cores_by_that_inside_torchsharp() -> None:
    assert TIMING.overhead_ratio == 4.0 * 2 / 0.5


def test_a_shard_is_known_from_the_beginning_on(tmp_path: Path) -> None:
    part = Part.of("1/2", ["a"])
    ResultsFile(tmp_path / "results.json", ENVIRONMENT, part)
    assert load_results(tmp_path / "results.json").part == part


def test_what_is_kept_is_there_from_the_first_moment_on(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    ResultsFile(file, ENVIRONMENT, kept=[a_record()])
    assert [record.id for record in load_results(file).verdicts] == [a_record().id]


def test_json_that_is_nested_too_deeply_is_refused(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"[" * 100_000)
    with pytest.raises(ResultsError, match="nested too deeply"):
        load_results(path)
