"""What the page's script gets."""

from __future__ import annotations

import base64
import gzip
from pathlib import Path

import msgspec
import pytest

from records import ENVIRONMENT, FAILURE, a_record
from results.made import BOTH, CAUSE, DIVERGENCE, NOT_RUN, RESULTS, changed, of_new
from tscompat.codec import encode_state_dict
from tscompat.report import data
from tscompat.report.data import Changed, Column, Data, data_of, packed
from tscompat.resources.folders import data_folder
from tscompat.results.comparison import Baseline, compare
from tscompat.results.file import Results
from tscompat.results.record import Record
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, Tensor
from tscompat.values.verdict import Kind, Verdict
from tscompat.verdicts.divergences import Judgement, Outcome
from tscompat.verdicts.entries import read_entries


def made(*records: Record, results: Results = RESULTS, folder: Path = Path()) -> Data:
    return data_of(msgspec.structs.replace(results, verdicts=records), folder, {})


def words(column: Column) -> list[str]:
    return [column.values[number] for number in column.numbers]


def test_each_verdict_is_a_place_in_every_column() -> None:
    columns = made(a_record(), FAILURE, DIVERGENCE, NOT_RUN).columns
    assert words(columns["outcome"]) == ["passed", "failed", "divergence", "not-run"]
    assert words(columns["case"]) == [
        *("pattern/all/bf16", "pattern/special/bf16", "pattern/all/c32", "pattern/all/bf16")
    ]
    assert words(columns["divergence"]) == ["", "nan-payload", "no-c32", ""]
    assert columns["route"].values == ["dat"]
    assert {len(column.numbers) for column in columns.values()} == {4}


def test_the_cause_of_a_divergence_is_there_once() -> None:
    whole = made(DIVERGENCE, FAILURE)
    assert words(whole.columns["reason"]) == ["", FAILURE.reason]
    assert [(fault.name, fault.number, fault.cause) for fault in whole.faults] == [("no-c32", 1, CAUSE)]


def test_a_divergence_has_what_its_entry_states() -> None:
    name, entry = next(iter(read_entries(data_folder("cases") / "divergences").items()))
    known = a_record(verdict=Verdict(Kind.BITS, "…"), judgement=Judgement(Outcome.DIVERGENCE, name, entry.cause))
    (fault,) = data_of(changed(known), Path(), {name: entry}).faults
    assert (fault.upstream, fault.versions) == (entry.upstream, sorted(entry.versions))
    assert fault.pieces
    assert fault.pieces[0][1].endswith(entry.reproduction.pieces[0][1].strip())


def test_differences_files_and_commands_belong_to_their_verdict() -> None:
    whole = made(a_record(), FAILURE)
    assert whole.difference == [-1, 0]
    assert whole.differences == [FAILURE.difference]
    assert (whole.files, whole.again) == ({1: list(FAILURE.files)}, {1: FAILURE.rerun})


def test_several_environments_have_names() -> None:
    record = a_record()
    whole = made(record, of_new(record), results=BOTH)
    assert words(whole.columns["environment"]) == ["TorchSharp 0.107.0", "TorchSharp 0.108.0-dev"]


def test_one_environment_needs_no_name() -> None:
    assert words(made(a_record()).columns["environment"]) == [""]


def test_each_environment_has_its_command() -> None:
    new = msgspec.structs.replace(ENVIRONMENT, device="cuda", again="tscompat run --native DIR")
    both = changed(environments={each.key: each for each in (ENVIRONMENT, new)})
    assert {*data_of(both, Path(), {}).commands.values()} == {"tscompat run", "tscompat run --native DIR"}


def kept(folder: Path, record: Record) -> Record:
    """The record with two kept files that differ in one byte."""
    files: list[str] = []
    for name, byte in (("expected.dat", b"\1"), ("actual.dat", b"\2")):
        files.append(f"{record.check}/{name}")
        (folder / files[-1]).parent.mkdir(exist_ok=True)
        tensor = Tensor(BY_NAME["u8"], (1,), byte)
        (folder / files[-1]).write_bytes(b"".join(encode_state_dict([Entry("w", tensor)])))
    return msgspec.structs.replace(record, files=tuple(files))


def test_kept_files_are_annotated(tmp_path: Path) -> None:
    whole = made(a_record(), kept(tmp_path, FAILURE), folder=tmp_path)
    assert [line.bytes for line in whole.annotated[1].found if line.different] == [("02",)]


@pytest.mark.parametrize(("check", "shown"), [("bytes", [0]), ("bits", [])])
def test_a_file_that_cannot_be_read_to_its_end_has_fields_where_bytes_are_compared(
    tmp_path: Path, check: str, shown: list[int]
) -> None:
    record = kept(tmp_path, a_record(check=check))
    (tmp_path / record.files[1]).write_bytes(b"PK\3\4")
    assert list(made(record, folder=tmp_path).annotated) == shown


def test_files_that_are_gone_are_not_annotated(tmp_path: Path) -> None:
    assert made(FAILURE, folder=tmp_path).annotated == {}


def test_of_thousands_of_failures_the_first_are_annotated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "MOST_ANNOTATED", 1)
    records = [kept(tmp_path, a_record(check=check)) for check in ("bits", "bytes")]
    assert list(made(*records, folder=tmp_path).annotated) == [0]


def test_the_packed_data_is_json_in_letters() -> None:
    whole = made(a_record(), FAILURE, DIVERGENCE)
    text = packed(whole)
    assert text.isascii()
    assert not set("<>&'\"") & set(text)
    assert msgspec.json.decode(gzip.decompress(base64.b64decode(text)), type=Data) == whole


def test_changes_have_what_each_run_found() -> None:
    before, now = a_record(verdict=Verdict(Kind.PASS, "near")), a_record(case="pattern/new/bf16")
    old, new = changed(before), changed(now)
    changes = list(compare(Baseline.of(old, ""), Baseline.of(new, "")))
    assert data.changed(changes, old, new) == [
        Changed("new", now.id, "", "passed, pass"),
        Changed("gone", before.id, "passed, pass: near", ""),
    ]
    assert data.changed(changes, None, new)[1] == Changed("gone", before.id, "passed, pass", "")
