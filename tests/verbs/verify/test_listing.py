"""A listing that C# wrote, or a file that the class saved, gives the class's state dict."""

from __future__ import annotations

from pathlib import Path

import pytest

from tscompat.files.item import ModelFileError
from tscompat.verbs.verify.document import Entry
from tscompat.verbs.verify.listing import entries
from verbs.items import entry, write


def listing(folder: Path, text: str) -> Path:
    (folder / "listing.txt").write_bytes(text.encode())
    return folder / "listing.txt"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_listing(tmp_path: Path, end: str, mark: str) -> None:
    lines = ["fc.weight\tFloat32\t8 4", "steps\tInt64\t", "half\tBFloat16\t3", ""]
    assert entries(listing(tmp_path, mark + end.join(lines))) == [
        Entry(name="fc.weight", dtype="float32", shape=(8, 4)),
        Entry(name="steps", dtype="int64", shape=()),
        Entry(name="half", dtype="bfloat16", shape=(3,)),
    ]


def test_a_name_with_other_ends_of_lines(tmp_path: Path) -> None:
    (found,) = entries(listing(tmp_path, "a\u2028b\x0bc\tFloat32\t1\n"))
    assert found.name == "a\u2028b\x0bc"


@pytest.mark.parametrize("line", ["a\tFloat32\tx", "a\tFloat31\t1", "a\tFloat32", "a b c", "a\tFloat32\t-1"])
def test_a_line_that_is_none(tmp_path: Path, line: str) -> None:
    with pytest.raises(ModelFileError, match=r"line 2 is .*: expected a name, a dtype of TorchSharp and the sizes"):
        entries(listing(tmp_path, f"a\tFloat32\t1\n{line}\n"))


def test_a_file_that_the_class_saved(tmp_path: Path) -> None:
    file = write(tmp_path / "a.dat", entry("w", [[1, 2]]), entry("n", [1], "i64"))
    assert entries(file) == [
        Entry(name="w", dtype="float32", shape=(1, 2)),
        Entry(name="n", dtype="int64", shape=(1,)),
    ]


def test_what_is_neither(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"listing\.txt"):
        entries(listing(tmp_path, "no listing at all"))
