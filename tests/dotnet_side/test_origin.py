"""Whose fault an exception of .NET is: TorchSharp's is an answer, one of our own code stops the run. The real peer."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tscompat.codec import encode_state_dict
from tscompat.dotnet_side.errors import PeerBroken
from tscompat.dotnet_side.messages import (
    Bag,
    Forward,
    Load,
    LoadedInto,
    LoadInto,
    NativeModule,
    Placement,
    Save,
    Schema,
    Thrown,
)
from tscompat.dotnet_side.process import PeerKeeper
from tscompat.resources.whole import write_whole
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, tensor_of

CPU = Placement(device="cpu", layout="contiguous", scale=1.0, zero_point=0)
BAG = Bag(buffers=(), tied={}, transient=(), nested=False, reversed=False, varied=False)
MLP = NativeModule("arch", "mlp", "f32")


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A state dict of two entries."""
    tensor = tensor_of(BY_NAME["f32"], (2, 3), bytes(24))
    write_whole(tmp_path / "two.dat", encode_state_dict([Entry("first", tensor), Entry("second", tensor)]))
    return str(tmp_path / "two.dat")


@pytest.fixture
def load(file: str) -> LoadInto:
    """A load that succeeds."""
    return LoadInto(
        overload="load",
        expected=file,
        artifact=file,
        module=BAG,
        given_as="path",
        strict=True,
        skip=(),
        report=False,
    )


OURS: dict[str, tuple[dict[str, object], str]] = {
    "unknown-overload": ({"overload": "lod"}, "KeyNotFoundException.*unknown overload lod"),
    "unknown-overload-of-a-stream": ({"overload": "lod", "given_as": "stream"}, "KeyNotFoundException.*overload lod"),
    "unknown-way-to-give-it": ({"given_as": "pipe"}, "KeyNotFoundException.*givenAs is pipe"),
    "file-that-we-open": ({"given_as": "stream", "artifact": "gone.dat"}, "FileNotFoundException.*gone.dat"),
}


@pytest.mark.parametrize(("change", "words"), OURS.values(), ids=OURS)
def test_our_own_fault_in_a_load_is_no_refusal(
    keeper: PeerKeeper, load: LoadInto, change: dict[str, object], words: str
) -> None:
    with pytest.raises(PeerBroken, match=f"(?s)our own code in the peer failed: .*{words}"):
        keeper.ask(msgspec.structs.replace(load, **change))


@pytest.mark.parametrize(
    ("kind", "description"), [("arch", "mlpp"), ("layer", "{}"), ("layer", "no JSON"), ("layer", '{"module": "Linea"}')]
)
def test_our_own_fault_in_building_a_module_is_no_refusal(keeper: PeerKeeper, kind: str, description: str) -> None:
    call = msgspec.structs.replace(MLP, kind=kind, description=description)
    with pytest.raises(PeerBroken, match="our own code in the peer failed: "):
        keeper.ask(Schema(call))


def test_our_own_fault_in_a_forward_is_no_refusal(keeper: PeerKeeper, file: str, tmp_path: Path) -> None:
    outputs = str(tmp_path / "outputs")
    call = Forward(False, MLP.dtype, file, MLP, inputs=file, outputs=outputs, train=False, device="cpu")
    with pytest.raises(PeerBroken, match=r"(?s)our own code in the peer failed: .*1 inputs too many"):
        keeper.ask(call)


def test_a_file_that_we_cannot_make_is_no_refusal(keeper: PeerKeeper, file: str) -> None:
    with pytest.raises(PeerBroken, match=r"(?s)our own code in the peer failed: .*DirectoryNotFoundException"):
        keeper.ask(Save("module-stream", file, str(Path(file, "no-folder")), BAG, CPU, flip=None))


THEIRS: dict[str, tuple[dict[str, object], str]] = {
    "a-file-that-TorchSharp-opens": ({"artifact": "gone.dat"}, "System.IO.FileNotFoundException"),
    "a-stream-of-ours-that-cannot-seek": ({"given_as": "one-way", "skip": ("first",)}, "System.NotSupportedException"),
    "a-file-that-PyBridge-cannot-read": ({"overload": "pybridge-load-safetensors"}, "System."),
}


@pytest.mark.parametrize(("change", "type_name"), THEIRS.values(), ids=THEIRS)
def test_what_torchsharp_throws_is_a_refusal(
    keeper: PeerKeeper, load: LoadInto, change: dict[str, object], type_name: str
) -> None:
    call = msgspec.structs.replace(load, **change)
    for _ in range(60):  # .NET compiles a method anew, with inlining, after 30 calls
        answer = keeper.ask(call)
        assert isinstance(answer, LoadedInto)
        assert answer.refused
        assert answer.refused.type_name.startswith(type_name)


@pytest.mark.parametrize("overload", ["tensor-into", "tensor-new", "tensor-ref", "script-path", "exported-program"])
def test_what_torchsharp_throws_behind_our_own_function_is_a_refusal(
    keeper: PeerKeeper, load: LoadInto, overload: str, tmp_path: Path
) -> None:
    spoiled = tmp_path / "spoiled"
    spoiled.write_bytes(b"\x2a")  # a dtype that there is not; no script, no package
    for _ in range(60):
        answer = keeper.ask(Load(overload, load.expected, str(spoiled), None, CPU, identity=False, strict=True))
        assert isinstance(answer, Thrown)
