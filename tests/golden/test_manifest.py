"""The manifests of the golden corpus, and damage that is noticed before anything is read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tscompat.golden.manifest import (
    Format,
    GoldenError,
    GoldenTensor,
    Writer,
    differing,
    golden_folder,
    path_of,
    read_corpus,
    schema_text,
    write_manifest,
)
from tscompat.resources.folders import data_folder

FOLDER = "safetensors-0.8"
FILE = "safetensors/role/both/f32.safetensors"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A corpus of one folder."""
    shutil.copytree(golden_folder() / FOLDER, tmp_path / FOLDER)
    return tmp_path


def test_the_published_schema_is_the_one_that_the_classes_give() -> None:
    published = (data_folder("cases") / "golden.schema.json").read_text(encoding="utf-8")
    assert published == schema_text(), "write it again: python -m tscompat.golden.manifest"


def test_the_corpus_is_whole_and_has_every_writer_and_every_format() -> None:
    corpus = read_corpus(golden_folder())
    assert {each.writer for each in corpus.values()} == {*Writer}
    assert {file.format for each in corpus.values() for file in each.files} == {*Format}


def test_of_a_script_there_are_hashes_of_each_format_that_it_writes() -> None:
    by_writer = {manifest.writer: manifest for manifest in read_corpus(golden_folder()).values()}
    assert {each.format for each in by_writer[Writer.EXPORTSD].files} == {Format.DAT, Format.TENSOR, Format.OPTIMIZER}


@pytest.fixture
def hashes(root: Path) -> Path:
    """The folder of hashes, in a corpus that has the oracle's files too."""
    (folder,) = golden_folder().glob("exportsd-*")
    for each in (folder, golden_folder() / "oracle-1"):
        shutil.copytree(each, root / each.name)
    return root / folder.name


def test_where_the_bytes_lie_of_which_only_the_hash_is_kept(hashes: Path) -> None:
    corpus = read_corpus(hashes.parent)
    file = corpus[hashes].files[0]
    assert path_of(corpus, hashes, file) == hashes.parent / "oracle-1" / file.file
    assert path_of(corpus, hashes.parent / "oracle-1", file) == hashes.parent / "oracle-1" / file.file


def test_a_file_of_which_only_the_hash_is_kept_may_not_be_there(hashes: Path) -> None:
    file = hashes / "dat/role/both/f32.dat"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"")
    assert damaged(hashes.parent) == f"{file} is there, and may not be: of exportsd only hashes are kept"


def test_a_hash_that_is_not_of_a_file_of_the_oracle_is_named(hashes: Path) -> None:
    document = json.loads((hashes / "manifest.json").read_text(encoding="utf-8"))
    first, *others = document["files"]
    rewrite(hashes, files=[first | {"sha256": 64 * "0"}, *others])
    name = f"{first['format']}/{first['case']}.dat"
    assert damaged(hashes.parent) == f"{hashes / 'manifest.json'}: {name}: no file of the oracle is the same"


def test_the_corpus_is_a_few_hundred_files_of_a_few_megabytes() -> None:
    sizes = [path.stat().st_size for path in golden_folder().rglob("*") if path.is_file()]
    assert 300 < len(sizes) < 1000
    assert sum(sizes) < 5_000_000


def test_a_folder_that_is_dropped_in_is_read(root: Path) -> None:
    (root / FOLDER).rename(root / "safetensors-0.9")
    rewrite(root / "safetensors-0.9", version="0.9")
    shutil.copytree(golden_folder() / FOLDER, root / FOLDER)
    assert [folder.name for folder in read_corpus(root)] == [FOLDER, "safetensors-0.9"]


def test_what_is_written_is_what_is_read(root: Path) -> None:
    path, before = root / FOLDER / "manifest.json", read_corpus(root)
    text = path.read_text(encoding="utf-8")
    write_manifest(root / FOLDER, before[root / FOLDER])
    assert (path.read_text(encoding="utf-8"), read_corpus(root)) == (text, before)


def rewrite(folder: Path, **fields: Any) -> None:
    """Change fields of a manifest."""
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | fields), encoding="utf-8")


def test_a_folder_without_a_manifest_is_named(root: Path) -> None:
    (root / "torch-2.14").mkdir()
    assert (
        damaged(root)
        == f"{root / 'torch-2.14' / 'manifest.json'} is not there: take it from git again, or remove the folder"
    )


def test_a_folder_of_another_name_is_named(root: Path) -> None:
    (root / FOLDER).rename(root / "copy")
    assert damaged(root) == f"{root / 'copy'}: the manifest is of {FOLDER}: give the folder that name"


def test_what_is_there_twice_is_named(root: Path) -> None:
    document = json.loads((root / FOLDER / "manifest.json").read_text(encoding="utf-8"))
    rewrite(root / FOLDER, files=[document["files"][0], *document["files"]])
    assert "or a tensor of it, is there twice" in damaged(root)
    first, *others = document["files"]
    rewrite(root / FOLDER, files=[first | {"tensors": 2 * first["tensors"]}, *others])
    assert "or a tensor of it, is there twice" in damaged(root)


def test_a_format_that_the_writer_does_not_write_is_named(root: Path) -> None:
    document = json.loads((root / FOLDER / "manifest.json").read_text(encoding="utf-8"))
    first, *others = document["files"]
    rewrite(root / FOLDER, files=[*others, first | {"format": "dat"}])
    name = f"{root / FOLDER / 'manifest.json'}: dat/{first['case']}.dat"
    assert damaged(root) == f"{name}: safetensors writes only safetensors"


def damaged(root: Path) -> str:
    with pytest.raises(GoldenError) as refused:
        read_corpus(root)
    return str(refused.value)


def test_a_missing_file_is_named(root: Path) -> None:
    (root / FOLDER / FILE).unlink()
    assert damaged(root) == f"{root / FOLDER / FILE} is named by the manifest, but not there: take it from git again"


def test_a_file_of_no_manifest_is_named(root: Path) -> None:
    (root / FOLDER / "more.dat").write_bytes(b"")
    assert damaged(root) == f"{root / FOLDER / 'more.dat'} is in no manifest: remove it"


def test_a_changed_file_is_named_with_both_hashes(root: Path) -> None:
    (root / FOLDER / FILE).write_bytes(b"")
    assert damaged(root).startswith(f"{root / FOLDER / FILE}: found the hash e3b0c44298fc1c149afbf4c8996fb924")
    assert ": take it from git again" in damaged(root)


@pytest.mark.parametrize(("key", "value"), [("writer", "Torch"), ("more", 1), ("files", [])])
def test_a_manifest_that_does_not_fit_the_schema_is_refused(root: Path, key: str, value: Any) -> None:
    path = root / FOLDER / "manifest.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(document | {key: value}), encoding="utf-8")
    assert damaged(root).startswith(f"{path}: ")


def test_tensors_differ_by_all_that_a_manifest_states() -> None:
    one = GoldenTensor(name="a", dtype="f32", shape=(1,), sha256=64 * "0")
    others = [
        GoldenTensor(name="b", dtype="f64", shape=(1,), sha256=64 * "0"),
        GoldenTensor(name="b", dtype="f32", shape=(1, 1), sha256=64 * "0"),
        GoldenTensor(name="b", dtype="f32", shape=(1,), sha256=64 * "1"),
    ]
    second = GoldenTensor(name="b", dtype="f32", shape=(1,), sha256=64 * "0")
    assert differing([one, second], [second, one]) == []
    assert [differing([one, second], [one, other]) for other in others] == 3 * [["b"]]
    assert differing([one, second], [one]) == differing([one], [one, second]) == ["b"]


LEAST = {"PyBridge-1.4.4": 44, "TorchSharp-0.107.0": 240, "oracle-1": 241, "safetensors-0.8": 22, "torch-2.13": 49}


@pytest.mark.parametrize("folder", LEAST)
def test_a_folder_loses_no_file(folder: str) -> None:
    """What no other test would miss: .NET's and the libraries' files are not those of all cases."""
    assert len(read_corpus(golden_folder())[golden_folder() / folder].files) >= LEAST[folder]
