"""results.json: valid at every moment, honest about being incomplete, refused when it is something else."""

import errno
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tscompat.results import file as results_file
from tscompat.results.file import ResultsError, ResultsFile, Timing, load_results
from tscompat.results.record import Record
from tscompat.values.verdict import Kind, Verdict
from tscompat.verdicts.divergences import Outcome

TIMING = Timing(harness_seconds=1.5, torchsharp_seconds=0.5, wall_seconds=4.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out" / "results.json"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A clock that stands still until it is moved on."""
    now = [100.0]

    def move_on(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(results_file.time, "monotonic", lambda: now[0])
    return move_on


def edited(path: Path, edit: Callable[[dict[str, Any]], Any]) -> Path:
    document = json.loads(path.read_text(encoding="utf-8"))
    edit(document)
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_a_run_that_has_just_begun_is_incomplete(path: Path) -> None:
    ResultsFile(path, {"python": "3.11"})
    results = load_results(path)
    assert (results.complete, results.finished, results.timing) == (False, None, None)


def test_the_environment_is_kept(path: Path) -> None:
    environment = {"python": "3.11", "patch": {"applied": True, "sha256": "…"}}
    ResultsFile(path, environment)
    assert load_results(path).environment == environment


def test_records_are_kept_in_order(path: Path, make_record: Callable[..., Record], failure: Record) -> None:
    file = ResultsFile(path, {})
    file.add(make_record())
    file.add(failure)
    file.finish(True, TIMING)
    assert load_results(path).records == (make_record(), failure)


def test_a_finished_run_says_so(path: Path) -> None:
    ResultsFile(path, {}).finish(True, TIMING, ["nothing was selected"])
    results = load_results(path)
    assert (results.complete, results.timing, results.problems) == (True, TIMING, ("nothing was selected",))


def test_an_interrupted_run_is_incomplete_but_has_its_end(path: Path) -> None:
    ResultsFile(path, {}).finish(False, TIMING)
    results = load_results(path)
    assert not results.complete
    assert results.finished is not None


def test_a_killed_run_leaves_what_was_there_a_second_ago(
    path: Path, make_record: Callable[..., Record], clock: Callable[[float], None]
) -> None:
    file = ResultsFile(path, {})
    clock(1.0)
    file.add(make_record())
    assert len(load_results(path).records) == 1


def test_the_file_is_written_at_most_once_a_second(
    path: Path, make_record: Callable[..., Record], clock: Callable[[float], None]
) -> None:
    file = ResultsFile(path, {})
    clock(0.9)
    file.add(make_record())
    assert load_results(path).records == ()


def test_a_kill_in_the_middle_of_writing_leaves_the_old_file(
    path: Path, make_record: Callable[..., Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def kill(*_: object) -> None:
        raise Killed

    file = ResultsFile(path, {})
    file.add(make_record())
    monkeypatch.setattr(Path, "replace", kill)
    with pytest.raises(Killed):
        file.finish(True, TIMING)
    assert not load_results(path).complete


def test_a_reader_that_blocks_the_file_does_not_stop_the_run(
    path: Path, make_record: Callable[..., Record], clock: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def blocked(*_: object) -> None:
        raise PermissionError

    file = ResultsFile(path, {})
    clock(1.0)
    with monkeypatch.context() as windows:
        windows.setattr(Path, "replace", blocked)
        file.add(make_record())
    file.finish(True, TIMING)
    assert len(load_results(path).records) == 1


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_reader_that_soon_lets_go_does_not_cost_the_end(
    path: Path, monkeypatch: pytest.MonkeyPatch, attempts: int
) -> None:
    replace, refused = Path.replace, [PermissionError()] * attempts

    def blocked_at_first(self: Path, target: Path) -> Path:
        if refused:
            raise refused.pop()
        return replace(self, target)

    file = ResultsFile(path, {})
    monkeypatch.setattr(Path, "replace", blocked_at_first)
    monkeypatch.setattr(results_file.time, "sleep", lambda _: None)
    file.finish(True, TIMING)
    assert load_results(path).complete


def full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_an_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = ResultsFile(path, {})
    monkeypatch.setattr(Path, "replace", full_disk)
    with pytest.raises(OSError, match="No space left"):
        file.finish(True, TIMING)


def test_a_full_disk_keeps_no_half_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = ResultsFile(path, {})
    monkeypatch.setattr(Path, "replace", full_disk)
    with suppress(OSError):
        file.finish(True, TIMING)
    assert list(path.parent.iterdir()) == [path]


def test_nothing_is_left_beside_the_file(path: Path) -> None:
    ResultsFile(path, {}).finish(True, TIMING)
    assert list(path.parent.iterdir()) == [path]


def test_a_name_that_is_no_text_can_be_written(path: Path, make_record: Callable[..., Record]) -> None:
    detail = "the name is '\udcff', expected '日本'"
    file = ResultsFile(path, {})
    file.add(make_record(verdict=Verdict(Kind.NAMES, detail)))
    file.finish(True, TIMING)
    assert load_results(path).records[0].verdict.detail == detail


def test_what_is_no_json_is_refused(path: Path) -> None:
    ResultsFile(path, {})
    path.write_text(path.read_text(encoding="utf-8")[:-5], encoding="utf-8")
    with pytest.raises(ResultsError, match=r"results\.json is not valid JSON: .*line"):
        load_results(path)


def test_another_schema_version_is_refused(path: Path) -> None:
    ResultsFile(path, {})
    edited(path, lambda document: document.update(schema=2))
    with pytest.raises(ResultsError, match=r"results\.json: schema: 1 was expected; found 2"):
        load_results(path)


def test_a_faulty_verdict_is_refused_with_its_place(path: Path, failure: Record) -> None:
    file = ResultsFile(path, {})
    file.add(failure)
    file.finish(True, TIMING)
    edited(path, lambda document: document["verdicts"][0].update(verdict="fine"))
    with pytest.raises(ResultsError, match=r"results\.json: verdicts / 0 / verdict: 'fine' is not one of"):
        load_results(path)


@pytest.mark.parametrize(("member", "words"), [("verdict", Kind), ("outcome", Outcome)])
def test_the_schema_knows_every_word(member: str, words: type[Kind] | type[Outcome]) -> None:
    schema = json.loads(Path(results_file.__file__).with_name("results.schema.json").read_text(encoding="utf-8"))
    assert schema["$defs"]["verdict"]["properties"][member]["enum"] == [word.value for word in words]


def test_the_schema_knows_every_member_of_a_record(failure: Record) -> None:
    schema = json.loads(Path(results_file.__file__).with_name("results.schema.json").read_text(encoding="utf-8"))
    assert schema["$defs"]["verdict"]["properties"].keys() == failure.as_json().keys()
