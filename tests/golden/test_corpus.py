"""How the golden corpus is written anew, and what is said of the changes."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import msgspec
import pytest
import torch

from tscompat.catalogue import load_catalogue
from tscompat.codec import encode_state_dict, read_state_dict
from tscompat.dotnet_side.client import WithoutDotnet
from tscompat.dotnet_side.process import PeerKeeper
from tscompat.golden import jobs
from tscompat.golden.corpus import Writers, changes, replace, write_corpus, writers
from tscompat.golden.jobs import selected
from tscompat.golden.manifest import Format, GoldenError, Writer, golden_folder, read_corpus, write_manifest
from tscompat.python_side import torch_tensors
from tscompat.python_side.scripts import Script

WRITERS = Writers(dict.fromkeys(Writer, "9"), {"python": "3"})
NAMES = ("TorchSharp", "libtorch", "TorchSharp.PyBridge", "torch", "safetensors")
FOLDER = "torch-2.13"
PICKLE = "pickle/role/both/f32.pth"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of one folder of the corpus."""
    shutil.copytree(golden_folder() / FOLDER, tmp_path / "root" / FOLDER)
    return tmp_path / "root"


@pytest.fixture
def chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a cases.toml that a test writes."""
    monkeypatch.setattr(jobs, "golden_folder", lambda: tmp_path)
    return tmp_path


def test_patterns_choose_cases_each_once(chosen: Path) -> None:
    (chosen / "cases.toml").write_text('dat = ["role/both/f32", "role/*/f32"]\npickle = ["shape/0-d/f32"]')
    found = [(form, case.id) for form, case in selected(load_catalogue())]
    assert found[0] == (Format.DAT, "role/both/f32")
    assert found[-1] == (Format.PICKLE, "shape/0-d/f32")
    assert len(found) == len(set(found)) > 3


def test_a_pattern_without_a_case_is_refused(chosen: Path) -> None:
    (chosen / "cases.toml").write_text('dat = ["role/none/*"]')
    with pytest.raises(GoldenError, match=r"cases\.toml: dat: no case matches 'role/none/\*'"):
        list(selected(load_catalogue()))


def test_each_writer_writes_what_it_can(chosen: Path, keeper: PeerKeeper, tmp_path: Path) -> None:
    (chosen / "cases.toml").write_text(
        'dat = ["shape/0-d/u8"]\npickle = ["role/both/c32"]\nsafetensors = ["role/both/c64"]'
    )
    not_golden = write_corpus(tmp_path / "new", load_catalogue(), WRITERS, keeper, tmp_path)
    assert {file: reason.split(":")[0] for file, reason in not_golden.items()} == {
        "PyBridge-9/pickle/role/both/c32.pth": "refused",
        "PyBridge-9/safetensors/role/both/c64.safetensors": "refused",
    }
    corpus = {folder.name: manifest for folder, manifest in read_corpus(tmp_path / "new").items()}
    assert {name: [each.file for each in manifest.files] for name, manifest in corpus.items()} == {
        "TorchSharp-9": ["dat/shape/0-d/u8.dat"],
        "oracle-9": ["dat/shape/0-d/u8.dat"],
        "safetensors-9": ["safetensors/role/both/c64.safetensors"],
        "torch-9": ["pickle/role/both/c32.pth"],
    }
    assert {manifest.beside["python"] for manifest in corpus.values()} == {"3"}


def a_script(write: Callable[[dict[str, Any], BinaryIO], None]) -> Script:
    """A double of exportsd.py with this function for state dicts."""
    module: Any = SimpleNamespace(save_state_dict=write)
    return Script(Path("exportsd.py"), "", module)


def test_of_a_script_that_writes_the_oracle_s_bytes_the_manifest_is_kept_alone(chosen: Path, tmp_path: Path) -> None:
    def write(state: dict[str, Any], stream: BinaryIO) -> None:
        stream.write(b"".join(encode_state_dict(torch_tensors.export(state))))
        stream.write(b"more" if state["parameter"].dtype == torch.float64 else b"")

    (chosen / "cases.toml").write_text('dat = ["role/both/f32", "role/both/f64"]')
    new = tmp_path / "new"
    not_golden = write_corpus(new, load_catalogue(), WRITERS, WithoutDotnet(), tmp_path, a_script(write))
    assert not_golden.pop("exportsd-9/dat/role/both/f64.dat") == "the oracle writes other bytes"
    assert [path.name for path in (new / "exportsd-9").rglob("*")] == ["manifest.json"]
    by_writer = {manifest.writer: manifest.by_file for manifest in read_corpus(new).values()}
    file = "dat/role/both/f32.dat"
    assert by_writer[Writer.EXPORTSD] == {file: by_writer[Writer.ORACLE][file]}


def test_what_a_script_refuses_is_not_golden_and_the_reason_is_given(chosen: Path, tmp_path: Path) -> None:
    def write(state: dict[str, Any], stream: BinaryIO) -> None:
        raise KeyError("no")

    (chosen / "cases.toml").write_text('dat = ["role/both/f32"]')
    not_golden = write_corpus(tmp_path / "new", load_catalogue(), WRITERS, WithoutDotnet(), tmp_path, a_script(write))
    assert not_golden["exportsd-9/dat/role/both/f32.dat"] == "KeyError: 'no'"


def test_the_version_of_a_script_is_the_beginning_of_its_hash() -> None:
    running = [f"{name} 1" for name in NAMES]
    assert Writer.EXPORTSD not in writers(running).versions
    found = writers([f"exportsd sha256:{'0123456789' * 6}abcd", *running])
    assert found.versions[Writer.EXPORTSD] == "012345678901"


def test_the_manifest_of_a_dat_file_lists_its_entries_in_the_order_of_the_file(
    chosen: Path, keeper: PeerKeeper, tmp_path: Path
) -> None:
    """TorchSharp writes them in another order than the case has (dat-nested-order)."""
    (chosen / "cases.toml").write_text('dat = ["order/nested/f32"]')
    assert write_corpus(tmp_path / "new", load_catalogue(), WRITERS, keeper, tmp_path) == {}
    for folder, manifest in read_corpus(tmp_path / "new").items():
        (file,) = manifest.files
        assert [each.name for each in file.tensors] == [name for name, _ in read_state_dict(folder / file.file)]
    orders = {manifest.files[0].tensors for manifest in read_corpus(tmp_path / "new").values()}
    assert len(orders) == 2


def test_the_same_corpus_has_no_changes(root: Path) -> None:
    assert list(changes(root, root)) == []


def test_a_folder_of_another_version_stays(root: Path, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    assert list(changes(root, tmp_path / "new")) == []
    replace(root, tmp_path / "new", print)
    assert [folder.name for folder in read_corpus(root)] == [FOLDER]


def rewritten(root: Path, file: str, **fields: object) -> None:
    """Change what the manifest states of a file."""
    (manifest,) = read_corpus(root).values()
    files = tuple(msgspec.structs.replace(each, **fields) if each.file == file else each for each in manifest.files)
    write_manifest(root / FOLDER, msgspec.structs.replace(manifest, files=files))


def test_new_and_lost_files_are_named(root: Path, tmp_path: Path) -> None:
    new = shutil.copytree(root, tmp_path / "new")
    (manifest,) = read_corpus(new).values()
    lost = manifest.files[0]
    (new / FOLDER / lost.file).unlink()
    write_manifest(new / FOLDER, msgspec.structs.replace(manifest, files=manifest.files[1:]))
    assert list(changes(root, new)) == [f"{FOLDER}/{lost.file}: goes"]
    assert list(changes(new, root)) == [f"{FOLDER}/{lost.file}: new"]


def test_changed_bits_are_named(root: Path, tmp_path: Path) -> None:
    new = shutil.copytree(root, tmp_path / "new")
    rewritten(new, PICKLE, tensors=())
    assert list(changes(root, new)) == [f"{FOLDER}/{PICKLE}: the case's bits have changed"]


def test_another_order_is_named(root: Path, tmp_path: Path) -> None:
    new = shutil.copytree(root, tmp_path / "new")
    (manifest,) = read_corpus(new).values()
    rewritten(new, PICKLE, tensors=manifest.by_file[PICKLE].tensors[::-1])
    words = "the manifest lists its tensors in another order"
    assert list(changes(root, new)) == [f"{FOLDER}/{PICKLE}: {words}"]


def with_other_bytes(folder: Path, file: str) -> None:
    """Append a byte to a file, and put its new hash into the manifest."""
    path, manifest = folder / file, folder / "manifest.json"
    old = hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_bytes(path.read_bytes() + b"\0")
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace(old, hashlib.sha256(path.read_bytes()).hexdigest()), encoding="utf-8")


def test_other_bytes_of_a_zip_archive_are_no_change_and_the_old_ones_stay(root: Path, tmp_path: Path) -> None:
    new, before = shutil.copytree(root, tmp_path / "new"), read_corpus(root)
    with_other_bytes(new / FOLDER, PICKLE)
    assert list(changes(root, new)) == []
    replace(root, new, print)
    assert read_corpus(root) == before


def test_other_bytes_of_a_fixed_format_are_named_and_written(tmp_path: Path) -> None:
    root, file = tmp_path / "root", "safetensors/role/both/f32.safetensors"
    shutil.copytree(golden_folder() / "safetensors-0.8", root / "safetensors-0.8")
    new = shutil.copytree(root, tmp_path / "new")
    with_other_bytes(new / "safetensors-0.8", file)
    assert list(changes(root, new)) == [f"safetensors-0.8/{file}: safetensors writes other bytes for the same bits"]
    after = (new / "safetensors-0.8" / file).read_bytes()
    replace(root, new, print)
    assert (root / "safetensors-0.8" / file).read_bytes() == after
    read_corpus(root)
