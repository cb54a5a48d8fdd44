"""format.ksy, compiled with npm's kaitai-struct-compiler, reads and refuses what the codec does: `nox -s kaitai`."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import Buffer

from drawn import optimizers, state_dicts, tensors
from examples import EXAMPLES, Example
from tscompat.codec import (
    FormatError,
    decode_optimizer,
    decode_state_dict,
    decode_tensor,
    encode_optimizer,
    encode_state_dict,
    encode_tensor,
)
from tscompat.codec.optimizer import LAYOUTS
from tscompat.golden.manifest import HASHES_ONLY, Format, golden_folder, read_corpus
from tscompat.values.tensors import Tensor

HERE = Path(__file__).parent
NOT_IN_KAITAI = {"entry.duplicate"}
KAITAI: Any = importlib.import_module("kaitaistruct")  # which has no types
REFUSES = (KAITAI.KaitaiStructError, EOFError, UnicodeDecodeError, IndexError)
"""What Kaitai's parser raises for a file that it refuses."""
Contents: TypeAlias = tuple[Any, ...]


@pytest.fixture(scope="session")
def parser(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The class that Kaitai Struct makes of format.ksy."""
    folder = tmp_path_factory.mktemp("kaitai")
    npm, node = shutil.which("npm"), shutil.which("node")
    assert npm, "npm is not on the PATH: install Node.js, which brings it"
    assert node
    subprocess.run([npm, "install", "--silent", "kaitai-struct-compiler@0.11", "js-yaml@4"], cwd=folder, check=True)
    shutil.copy(HERE / "compile.mjs", folder)
    subprocess.run([node, "compile.mjs", str(HERE.parents[1] / "format.ksy"), "."], cwd=folder, check=True)
    spec = importlib.util.spec_from_file_location("torchsharp_dat", folder / "torchsharp_dat.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.TorchsharpDat


def kaitais(parser: Any, kind: str, data: bytes) -> Contents:
    """What Kaitai's parser reads. Raises what it raises for a file that it refuses."""
    made: Any = {"state-dict": parser, "tensor": parser.TensorFile, "optimizer": parser.Optimizer}[kind]
    parsed = made.from_bytes(data)
    match kind:
        case "state-dict":
            return tuple((entry.name, of_kaitai(entry.tensor)) for entry in parsed.entries)
        case "tensor":
            return of_kaitai(parsed.tensor)
        case _:
            layout = LAYOUTS[parsed.name]
            groups = [
                tuple(
                    value_of(getattr(group if field in ("initial_lr", "lr") else group.rest, field))
                    for field in layout.options
                )
                for group in parsed.groups
            ]
            states = [
                tuple(value_of(getattr(state.fields, field)) for field in layout.state) for state in parsed.states
            ]
            return parsed.name, tuple(groups), tuple(states)


def value_of(field: Any) -> Any:
    """A number, a bool, a tensor, or None for an optional tensor that is not there."""
    if hasattr(field, "there"):
        return of_kaitai(field.tensor) if field.there.value else None
    if hasattr(field, "elements"):
        return of_kaitai(field)
    return bool(field.value) if hasattr(field, "value") else field


def of_kaitai(tensor: Any) -> Contents:
    return tensor.dtype.value, tuple(dim.size.value for dim in tensor.dims), tensor.elements


def of_codec(tensor: Tensor) -> Contents:
    return tensor.dtype.code, tensor.shape, bytes(tensor.data)


def codecs(kind: str, data: bytes) -> Contents:
    """What the codec reads. Raises FormatError."""
    match kind:
        case "state-dict":
            return tuple((name, of_codec(tensor)) for name, tensor in decode_state_dict(data))
        case "tensor":
            return of_codec(decode_tensor(data))
        case _:
            found = decode_optimizer(data)
            rows = [[tuple(map(plain, row.values())) for row in rows] for rows in (found.groups, found.states)]
            return found.name, *map(tuple, rows)


def plain(value: Any) -> Any:
    return of_codec(value) if isinstance(value, Tensor) else value


def agree(parser: Any, kind: str, data: bytes) -> None:
    """Both read the same, or both refuse the file."""
    try:
        expected = codecs(kind, data)
    except FormatError as error:
        if error.clause not in NOT_IN_KAITAI:
            with pytest.raises(REFUSES):
                kaitais(parser, kind, data)
    else:
        assert repr(kaitais(parser, kind, data)) == repr(expected)  # NaN too


@pytest.mark.parametrize("example", EXAMPLES, ids=[each.clause for each in EXAMPLES])
def test_an_example_of_the_specification(parser: Any, example: Example) -> None:
    agree(parser, example.kind, example.data)


KINDS = {Format.DAT: "state-dict", Format.TENSOR: "tensor", Format.OPTIMIZER: "optimizer"}
GOLDEN = [
    pytest.param(
        KINDS[each.format],
        folder / each.file,
        id=f"{folder.name}/{each.file}",
    )
    for folder, manifest in read_corpus(golden_folder()).items()
    for each in manifest.files
    if each.format in KINDS and manifest.writer not in HASHES_ONLY
]


@pytest.mark.parametrize(("kind", "file"), GOLDEN)
def test_a_golden_file(parser: Any, kind: str, file: Path) -> None:
    agree(parser, kind, file.read_bytes())


def joined(parts: Iterable[Buffer]) -> bytes:
    return b"".join(parts)


DRAWN: Mapping[str, tuple[st.SearchStrategy[Any], Callable[[Any], Iterable[Buffer]]]] = {
    "state-dict": (state_dicts, encode_state_dict),
    "tensor": (tensors(), encode_tensor),
    "optimizer": (optimizers, encode_optimizer),
}


@pytest.mark.parametrize("kind", DRAWN)
@settings(max_examples=100)
@given(data=st.data())
def test_a_drawn_file(parser: Any, kind: str, data: st.DataObject) -> None:
    strategy, encode = DRAWN[kind]
    agree(parser, kind, joined(encode(data.draw(strategy))))


@pytest.mark.parametrize("kind", DRAWN)
@settings(max_examples=200)
@given(data=st.data())
def test_a_damaged_file(parser: Any, kind: str, data: st.DataObject) -> None:
    strategy, encode = DRAWN[kind]
    whole = bytearray(joined(encode(data.draw(strategy))))
    whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    agree(parser, kind, bytes(whole[: data.draw(st.integers(0, len(whole)))]))
