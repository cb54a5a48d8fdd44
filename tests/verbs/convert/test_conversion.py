"""Conversions between all formats keep the bits; what a target cannot hold is refused before a byte is written."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from samples import ALL, READ, convert, random_entry, to_torch
from tscompat.codec import encode_state_dict, read_state_dict
from tscompat.resources.whole import write_whole
from tscompat.values.compare import compare
from tscompat.values.dtypes import BY_NAME, FOREIGN, DType
from tscompat.values.tensors import Entry, StateDict, tensor_of
from tscompat.verbs.convert import ModelFileError, prepare

F32 = BY_NAME["f32"]
EVERYWHERE = [dtype for name, dtype in BY_NAME.items() if name not in ("c32", "c128", "qi8", "qu8", "qi32")]
"""The dtypes that every target format holds."""

WITHOUT = {
    ".dat": {dtype.name for dtype in FOREIGN},
    ".safetensors": {"c32", "c128", "qi8", "qu8", "qi32"},
    ".pth": set[str](),
}
"""The dtypes that a target does not hold."""


@st.composite
def state_dicts(draw: st.DrawFn) -> StateDict:
    text = st.text(st.characters(exclude_categories=["Cs"])).filter(lambda name: name != "__metadata__")
    names = draw(st.lists(text, min_size=1, max_size=5, unique=True))
    entries: StateDict = []
    for name in names:
        dtype = draw(st.sampled_from(EVERYWHERE))
        shape = tuple(draw(st.lists(st.integers(0, 3), max_size=3)))
        size = dtype.itemsize * int(np.prod(shape, dtype=int))
        element = st.integers(0, 1 if dtype.name == "bool" else 255)
        data = bytes(draw(st.lists(element, min_size=size, max_size=size)))
        entries.append(Entry(name, tensor_of(dtype, shape, data)))
    assume(len(entries) == 1 or any(tensor.shape != (0,) for _, tensor in entries))  # as ZeRO-3 leaves a model
    return entries


@settings(max_examples=40, deadline=None)
@given(state_dicts())
def test_around_all_formats_and_back(entries: StateDict) -> None:
    with TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        write_whole(folder / "a.dat", encode_state_dict(entries))
        # Of one entry, a .dat may also be a single tensor; and a safetensors, a .dat.
        convert(folder / "a.dat", folder / "b.safetensors", form="dat")
        convert(folder / "b.safetensors", folder / "c.pth", form="safetensors")
        convert(folder / "c.pth", folder / "d.dat")
        found = read_state_dict(folder / "d.dat")
        assert [each for each in compare(entries, found) if each.kind != "order"] == []


@pytest.mark.parametrize("target", WITHOUT)
@pytest.mark.parametrize("dtype", ALL, ids=lambda dtype: dtype.name)
def test_every_dtype_arrives_or_is_refused(dtype: DType, target: str, tmp_path: Path) -> None:
    entries = [random_entry("weight", dtype)]
    torch.save(to_torch(entries), tmp_path / "a.pth")
    if dtype.name in WITHOUT[target]:
        with pytest.raises(ModelFileError, match=f"'weight': {dtype.torch}"):
            convert(tmp_path / "a.pth", tmp_path / f"b{target}")
    else:
        convert(tmp_path / "a.pth", tmp_path / f"b{target}")
        assert compare(entries, READ[target](tmp_path / f"b{target}")) == []


@pytest.mark.parametrize("target", WITHOUT)
def test_order_is_kept_where_the_elements_are_of_one_size(target: str, tmp_path: Path) -> None:
    entries = [random_entry(name, F32) for name in "badc"]
    torch.save(to_torch(entries), tmp_path / "a.pth")
    convert(tmp_path / "a.pth", tmp_path / f"b{target}")
    assert "".join(name for name, _ in READ[target](tmp_path / f"b{target}")) == "badc"


@pytest.mark.parametrize(
    ("tensor", "fault"),
    [
        (torch.eye(2).to_sparse(), "a sparse_coo tensor: make it dense"),
        (torch.ones(2, device="meta"), "a tensor on the meta device"),
        (torch.quantize_per_tensor(torch.ones(2), 0.5, 3, torch.qint8), "qint8 with scale 0.5 and zero point 3"),
        (
            torch.quantize_per_channel(torch.ones(2, 2), torch.ones(2), torch.zeros(2), 0, torch.qint8),
            "quantized by torch.per_channel_affine",
        ),
        (torch.empty(2, dtype=torch.bits8), "of torch.bits8"),
        ({"inner": torch.ones(1)}, "a dict with tensors in it"),
    ],
)
def test_what_is_refused_by_name(tensor: object, fault: str, tmp_path: Path) -> None:
    torch.save({"fine": torch.ones(1), "odd": tensor}, tmp_path / "a.pth")
    with pytest.raises(ModelFileError, match=f"'odd': {fault}"):
        convert(tmp_path / "a.pth", tmp_path / "b.dat")
    assert not (tmp_path / "b.dat").exists()


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")  # torch warns of its own storages
def test_a_quantizer_travels_where_there_is_a_place_for_it(tmp_path: Path) -> None:
    expected = torch.quantize_per_tensor(torch.tensor([1.0, 2.0]), 0.5, 3, torch.quint8)
    torch.save({"w": expected}, tmp_path / "a.pth")
    convert(tmp_path / "a.pth", tmp_path / "b.pth")
    found = torch.load(tmp_path / "b.pth", weights_only=True)["w"]
    assert (found.q_scale(), found.q_zero_point(), torch.equal(found.int_repr(), expected.int_repr())) == (0.5, 3, True)


def test_a_name_that_means_something_else_is_refused(tmp_path: Path) -> None:
    torch.save({"__metadata__": torch.ones(1)}, tmp_path / "a.pth")
    with pytest.raises(ModelFileError, match="'__metadata__': the name means something else in safetensors"):
        convert(tmp_path / "a.pth", tmp_path / "b.safetensors")


def test_what_is_skipped_is_not_refused(tmp_path: Path) -> None:
    torch.save({"w": torch.ones(1), "epoch": 3, "s.a": torch.eye(2).to_sparse(), "l[0]": 1}, tmp_path / "a.pth")
    convert(tmp_path / "a.pth", tmp_path / "b.dat", skip=["epoch", "s.*", "l[0]"])
    assert [name for name, _ in read_state_dict(tmp_path / "b.dat")] == ["w"]


@pytest.mark.parametrize(("skip", "kept"), [("a[0].w", ["a0.w", "k"]), ("a?.w", ["a[0].w", "k"]), ("a*", ["k"])])
def test_a_name_that_is_there_is_no_pattern(skip: str, kept: list[str], tmp_path: Path) -> None:
    torch.save({name: torch.ones(1) for name in ("a[0].w", "a0.w", "k")}, tmp_path / "a.pth")
    notes: list[str] = []
    made = prepare(tmp_path / "a.pth", tmp_path / "b.dat", skip=[skip], tell=notes.append)
    left = [name for name in ("a0.w", "a[0].w", "k") if name not in kept]
    assert ([each.name for each in made.items], notes[:1]) == (
        sorted(kept, key=lambda name: name != "a[0].w"),
        [f"--skip {skip}: left out: {', '.join(left)}"],
    )


def test_a_pattern_of_capitals_is_none_of_small_letters(tmp_path: Path) -> None:
    torch.save({"a.w": torch.ones(1), "A.w": torch.ones(1)}, tmp_path / "a.pth")
    convert(tmp_path / "a.pth", tmp_path / "b.dat", skip=["A.*"])
    assert [name for name, _ in read_state_dict(tmp_path / "b.dat")] == ["a.w"]


@pytest.mark.parametrize(("skip", "said"), [("nope", "no tensor's name matches"), ("*", "no tensors left")])
def test_a_skip_that_is_a_mistake(skip: str, said: str, tmp_path: Path) -> None:
    torch.save({"w": torch.ones(1)}, tmp_path / "a.pth")
    with pytest.raises(ModelFileError, match=said):
        convert(tmp_path / "a.pth", tmp_path / "b.dat", skip=[skip])


def test_of_many_faults_ten_are_shown(tmp_path: Path) -> None:
    foreign = torch.empty(1, dtype=getattr(torch, FOREIGN[0].torch))
    torch.save({f"n{number}": foreign for number in range(30)}, tmp_path / "a.pth")
    with pytest.raises(ModelFileError) as refused:
        convert(tmp_path / "a.pth", tmp_path / "b.dat")
    assert str(refused.value).splitlines()[-1].strip() == "... and 20 more"


def tied(tmp_path: Path) -> Path:
    shared = torch.arange(4.0)
    torch.save({"a": shared, "b": shared, "part": shared[:2], "c": torch.ones(4)}, tmp_path / "tied.pth")
    return tmp_path / "tied.pth"


@pytest.mark.parametrize("target", [".dat", ".safetensors"])
def test_each_name_of_a_tied_tensor_gets_its_copy(target: str, tmp_path: Path) -> None:
    said = convert(tied(tmp_path), tmp_path / f"b{target}")
    found = {name: bytes(tensor.data) for name, tensor in READ[target](tmp_path / f"b{target}")}
    assert (said, found["a"]) == (
        ["tied: a, b are one tensor in the source; the target gets a copy for each name"],
        found["b"],
    )


def test_tied_tensors_stay_tied_in_a_pickle(tmp_path: Path) -> None:
    assert convert(tied(tmp_path), tmp_path / "b.pth") == []
    found = torch.load(tmp_path / "b.pth", weights_only=True)
    addresses = {name: tensor.data_ptr() for name, tensor in found.items()}
    assert addresses["a"] == addresses["b"] != addresses["part"]


@pytest.mark.parametrize(("target", "spooled"), [("b.dat", 0), ("b.pth", 4000)])
def test_the_room_for_a_pickle_is_that_of_the_spool_file_too(target: str, spooled: int, tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", w=np.zeros(1000, np.float32))
    conversion = prepare(tmp_path / "a.npz", tmp_path / target, tell=print)
    assert conversion.room - conversion.size == spooled


def test_views_are_resolved(tmp_path: Path) -> None:
    views = {
        "transposed": torch.arange(6.0).reshape(2, 3).T,
        "sliced": torch.arange(6.0)[::2],
        "expanded": torch.ones(1, 3).expand(2, 3),
        "conj": torch.tensor([1 + 2j]).conj(),
    }
    torch.save(views, tmp_path / "a.pth")
    convert(tmp_path / "a.pth", tmp_path / "b.dat")
    convert(tmp_path / "b.dat", tmp_path / "c.pth")
    found = torch.load(tmp_path / "c.pth", weights_only=True)
    assert all(torch.equal(found[name], view) for name, view in views.items())


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        ("none.pth", "b.dat", "there is no such file or folder"),
        ("a.pth", "b.onnx", "'.onnx' cannot be written: expected .dat, .safetensors, .pth"),
        ("a.pth", "b", "'no suffix' cannot be written"),
        ("a.pth", "a.pth", "this is the source, or lies in the source folder"),
        ("a.pth", "folder.dat", "this is a folder"),
        ("a.pth", "no/b.dat", "make it first"),
    ],
)
def test_what_cannot_be_prepared(source: str, target: str, said: str, tmp_path: Path) -> None:
    torch.save({"w": torch.ones(1)}, tmp_path / "a.pth")
    (tmp_path / "folder.dat").mkdir()
    with pytest.raises(ModelFileError, match=said):
        prepare(tmp_path / source, tmp_path / target, force=True, tell=print)


def test_two_tensors_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    for number in (1, 2):
        torch.save({"a": torch.ones(number)}, tmp_path / "shards" / f"model-{number}-of-2.pth")
    with pytest.raises(ModelFileError, match="'a': 2 tensors have this name"):
        convert(tmp_path / "shards", tmp_path / "a.dat")
