"""Hostile files, made from their rows.

What a file is made of is one of: ``file`` (parts, one after the other), ``pickle`` (with ``into``, what it lies in),
``zip`` (members), ``archive`` and ``tar`` (members in place of those of torch's archive, or beside them), ``export``
(parts of the description of its weights, with ``members``), ``base`` (a whole file), ``folder`` (a table of files).
``edits`` change the bytes.

A member has ``name``, ``of`` (parts), ``method``; ``as``, its name where it is another than that of the member that it
replaces; ``absent``, if it only removes that one; ``times``; ``packed`` (parts, as they lie there); ``local`` and
``hidden`` as in ``Member``; and the keys of ``_STATED``, for what its headers state.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

from files.by_hand.archives import Member, tarred, zipped
from files.by_hand.templates import numbered
from files.hostile.bases import BASES, CONTAINERS, EXPORT, EXPORT_CONFIG, TAR, ZIP, pickle
from files.hostile.parts import from_hex, part, parts
from files.hostile.rows import Row

_STATED = ("size", "packed_size", "crc", "flags", "extra", "at", "sum", "type", "link")


def write(row: Row, folder: Path) -> Path:
    """Write the row's file, or its folder, below ``folder``, and return the path to read."""
    if "folder" not in row:
        return _place(row, folder / row.get("name", "model.pth"))
    for name, each in row["folder"].items():
        (folder / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        _place(each, folder / "in" / name)
    return folder / "in" / row.get("open", "")


def _place(row: Row, path: Path) -> Path:
    """Put a file there, or what is none."""
    if "link" in row:
        path.symlink_to(row["link"])
    elif row.get("fifo"):
        os.mkfifo(path)
    elif row.get("socket"):
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(path))
    elif row.get("directory"):
        path.mkdir()
    else:
        path.write_bytes(made(row))
        if "sparse" in row:
            os.truncate(path, row["sparse"])
    return path


def made(row: Row) -> bytes:
    """The bytes of a file."""
    data = _unedited(row)
    for edit in row.get("edits", ()):
        data = _edited(data, edit)
    return data


def _unedited(row: Row) -> bytes:
    if "pickle" in row:
        return CONTAINERS[row.get("into", "zip")](pickle(row["pickle"]))
    if "zip" in row:
        return zipped(_members(row["zip"]))
    if "archive" in row:
        end = row.get("end", {})
        return zipped(_members(row["archive"], ZIP, "model/"), {**end, "comment": parts(end.get("comment", []))})
    if "tar" in row:
        return tarred(_members(row["tar"], TAR))
    if "export" in row:
        config = Member(EXPORT_CONFIG, parts(row["export"]))
        return zipped(_members(row.get("members", ()), [config if m.name == EXPORT_CONFIG else m for m in EXPORT]))
    return BASES[row["base"]] if "base" in row else parts(row["file"])


def _edited(data: bytes, edit: Row) -> bytes:
    """``cut`` to so many bytes; or ``put`` parts at byte ``at``, or where ``find`` is and ``after`` so many bytes.

    They replace as many bytes, or ``drop``.
    """
    if "cut" in edit:
        return data[: edit["cut"]]
    at = data.index(part(edit["find"])) + edit.get("after", 0) if "find" in edit else edit.get("at", len(data))
    at = at if at >= 0 else len(data) + at
    put = parts(edit.get("put", []))
    return data[:at] + put + data[at + edit.get("drop", len(put)) :]


def _members(given: Sequence[Row], usual: Sequence[Member] = (), prefix: str = "") -> list[Member]:
    """The usual members whose names are not among the given ones, and the given ones; ``prefix`` is their folder."""
    names = {prefix + row["name"] for row in given}
    kept = [member for member in usual if member.name not in names]
    return [*kept, *(_member(row, prefix) for row in _unrolled(given) if not row.get("absent"))]


def _unrolled(given: Sequence[Row]) -> Iterator[Row]:
    for row in given:
        yield from (numbered(row, number) for number in range(row["times"])) if "times" in row else (row,)


def _member(row: Row, prefix: str) -> Member:
    return Member(
        row.get("as", prefix + row["name"]),
        parts(row.get("of", [])),
        row.get("method", "stored"),
        parts(row["packed"]) if "packed" in row else None,
        {key: from_hex(row[key]) if key == "extra" else row[key] for key in _STATED if key in row},
        row.get("local", {}),
        row.get("hidden", False),
    )
