"""Rows as aligned columns."""

from __future__ import annotations

from rich.cells import cell_len

from tscompat.cli.columns import columns

HEAD = ["name", "", "bytes"]
ROWS = [["fc.weight", "", "7"], ["名前", "", "1,000"]]


def test_columns_are_aligned_and_empty_ones_left_out() -> None:
    assert list(columns(HEAD, ROWS, {2}, None)) == [
        "name       bytes",
        "─────────  ─────",
        "fc.weight      7",
        "名前       1,000",
    ]


def test_a_name_that_is_too_wide_is_cut_in_the_middle() -> None:
    lines = list(columns(HEAD, [["名" * 30, "", "7"]], {2}, 24))
    assert (max(map(cell_len, lines)), "名…名" in lines[2]) == (24, True)


def test_a_name_keeps_some_room_where_there_is_none() -> None:
    assert list(columns(HEAD, [["a" * 30, "", "7"]], {2}, 5))[2] == "aaaaaa…aaaaa      7"
