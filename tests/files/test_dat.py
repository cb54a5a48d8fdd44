"""TorchSharp's files are known by parsing them to their end; where two kinds fit, the person decides."""

from __future__ import annotations

from pathlib import Path

import pytest

from tscompat.codec import OptimizerRecord, encode_optimizer
from tscompat.codec.optimizer import LAYOUTS
from tscompat.files import dat
from tscompat.files.dat import ROWS
from tscompat.files.item import Item, ModelFileError
from tscompat.files.kinds import FORMS, known, read
from tscompat.files.source import Source

STATE_DICT = b"\x01\x06weight\x06\x02\x02\x03" + bytes(range(24))
TENSOR = b"\x06\x02\x02\x03" + bytes(range(24))
OPTIONS = {name: kind == "bool" if kind == "bool" else 0.5 for name, kind in LAYOUTS["SGD"].options.items()}


def source(data: bytes, name: str = "a.dat") -> Source:
    return Source(Path(name), memoryview(data))


@pytest.mark.parametrize(
    ("data", "expected"),
    [(STATE_DICT, ["dat"]), (TENSOR, ["dat-tensor"]), (STATE_DICT[:-1], []), (TENSOR + b"\0", []), (b"", [])],
)
def test_what_parses_to_its_end_is_claimed(data: bytes, expected: list[str]) -> None:
    assert [row.name for row in ROWS if row.claims(source(data))] == expected


def test_the_number_of_entries_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dat, "MOST_ENTRIES", 0)
    with pytest.raises(ModelFileError, match="1 entries"):
        FORMS["dat"].read(source(STATE_DICT), "", print)


@pytest.mark.parametrize("name", ["mnist.model.bin", "torchsharp", "a.weights", "a.DAT"])
def test_the_name_does_not_matter(name: str, tmp_path: Path) -> None:
    said: list[str] = []
    (tmp_path / name).write_bytes(STATE_DICT)
    model = read(tmp_path / name, "", said.append)
    assert ([each.name for each in model.contents], said) == (["weight"], [])


def test_a_suffix_that_says_otherwise_is_noted(tmp_path: Path) -> None:
    said: list[str] = []
    (tmp_path / "a.safetensors").write_bytes(STATE_DICT)
    read(tmp_path / "a.safetensors", "", said.append)
    assert said == [
        "a.safetensors: the suffix means safetensors, the content is a state dict of TorchSharp: read as that"
    ]


def test_a_single_tensor_has_no_name(tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_bytes(TENSOR)
    model = read(tmp_path / "a.dat", "", print)
    (item,) = model.contents
    assert isinstance(item, Item)
    assert (model.single, item.name, item.offset, bytes(item.read())) == (True, "", 4, bytes(range(24)))


def test_the_offset_is_where_the_elements_are(tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_bytes(STATE_DICT)
    (item,) = read(tmp_path / "a.dat", "", print).contents
    assert isinstance(item, Item)
    assert item.offset == 12


def test_of_two_kinds_the_person_decides(tmp_path: Path) -> None:
    # One entry named "\\x0b", uint8, of 8 elements; or int8, of 11 elements, three of which are that header.
    data = b"\x01\x01\x0b\x00\x01\x08" + bytes(8)
    assert [row.name for row in ROWS if row.claims(source(data))] == ["dat", "dat-tensor"]
    (tmp_path / "a.dat").write_bytes(data)
    with pytest.raises(
        ModelFileError,
        match=r"a\.dat: may be a state dict of TorchSharp or a single tensor of TorchSharp: say which one it is, with "
        "--from-format dat or --from-format dat-tensor",
    ):
        read(tmp_path / "a.dat", "", print)
    names = [
        [each.name for each in read(tmp_path / "a.dat", "", print, form).contents] for form in ("dat", "dat-tensor")
    ]
    assert names == [["\x0b"], [""]]


def test_a_format_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ModelFileError, match="--from-format keras: there is no such format: expected one of torch, "):
        known(source(STATE_DICT), "keras")


OURS = ["safetensors", "npy", "npz", "dat", "dat-tensor", "dat-optimizer"]


@pytest.mark.parametrize("form", OURS)
@pytest.mark.parametrize("data", [b"", b"garbage" * 9, b"PK\x03\x04"])
def test_a_format_that_the_file_has_not_is_refused(form: str, data: bytes) -> None:
    with pytest.raises(ModelFileError, match=rf"a\.dat: cannot be read as {FORMS[form].words}: "):
        FORMS[form].read(source(data), "", print)


def test_an_optimizer_is_flat_for_who_looks_into_it(tmp_path: Path) -> None:
    with (tmp_path / "a.dat").open("wb") as file:
        for piece in encode_optimizer(OptimizerRecord("SGD", [OPTIONS], [])):
            file.write(piece)
    model = read(tmp_path / "a.dat", "", print)
    assert (model.kind, model.about, len(model.contents) > 0) == ("an optimizer of TorchSharp", {"class": "SGD"}, True)
