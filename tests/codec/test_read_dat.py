"""The reader of docs/read_dat.py, which people copy: it reads and refuses what the codec does."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawn import state_dicts
from tscompat.codec import FormatError, decode_state_dict, encode_state_dict, read_state_dict
from tscompat.golden.manifest import golden_folder
from tscompat.values.tensors import StateDict

FILE = Path(__file__).parents[2] / "docs" / "read_dat.py"


def loaded() -> Any:
    spec = importlib.util.spec_from_file_location("read_dat", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


READER = loaded()


def of(entries: StateDict) -> list[tuple[str, str, list[int], bytes]]:
    return [(name, tensor.dtype.torch, list(tensor.shape), bytes(tensor.data)) for name, tensor in entries]


def test_it_has_no_more_than_60_lines() -> None:
    assert len(FILE.read_text(encoding="utf-8").splitlines()) <= 60


GOLDEN = sorted(golden_folder().glob("*/dat/**/*.dat"))


@pytest.mark.parametrize("file", GOLDEN, ids=[file.relative_to(golden_folder()).as_posix() for file in GOLDEN])
def test_it_reads_a_golden_file(file: Path) -> None:
    assert READER.read(file.read_bytes()) == of(read_state_dict(file))


@given(state_dicts)
def test_it_reads_what_the_codec_writes(entries: StateDict) -> None:
    whole = b"".join(encode_state_dict(entries))
    assert READER.read(whole) == of(decode_state_dict(whole))


@given(state_dicts, st.data())
def test_it_reads_or_refuses_a_damaged_file_as_the_codec_does(entries: StateDict, data: st.DataObject) -> None:
    whole = bytearray(b"".join(encode_state_dict(entries)))
    whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        expected = of(decode_state_dict(bytes(whole)))
    except FormatError:
        with pytest.raises(ValueError, match=r"byte|codec can't decode"):
            READER.read(bytes(whole))
    else:
        assert READER.read(bytes(whole)) == expected
