"""The door through which verbs read: optimizers of TorchSharp are read as their options and states."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from samples import random_entry
from tscompat.codec import encode_state_dict
from tscompat.files.item import Item, ModelFileError
from tscompat.resources.whole import write_whole
from tscompat.values.dtypes import BY_NAME
from tscompat.verbs.convert import prepare_optimizer
from tscompat.verbs.source import is_optimizer_file, read


@pytest.fixture
def adam(tmp_path: Path) -> Path:
    parameter = torch.nn.Parameter(torch.ones(3))
    made = torch.optim.Adam([parameter], lr=0.25)
    parameter.grad = torch.ones(3)
    made.step()  # pyright: ignore[reportUnknownMemberType]
    torch.save(made.state_dict(), tmp_path / "a.pth")
    conversion = prepare_optimizer(tmp_path / "a.pth", tmp_path / "adam.dat", name="Adam", tell=print)
    conversion.write(lambda written: None)
    return conversion.target


def test_an_optimizer_is_its_options_and_states(adam: Path) -> None:
    model = read(adam, "", print)
    shapes = {each.name: each.shape for each in model.contents if isinstance(each, Item)}
    assert (model.kind, model.about["class"], shapes["group.0.lr"], shapes["state.0.exp_avg"]) == (
        "an optimizer of TorchSharp",
        "Adam",
        (),
        (3,),
    )


def test_an_optimizer_is_known_by_its_content(adam: Path) -> None:
    assert is_optimizer_file(adam.rename(adam.with_suffix(".bin")))


def test_an_optimizer_that_is_cut_short(adam: Path) -> None:
    adam.write_bytes(adam.read_bytes()[:-1])
    with pytest.raises(ModelFileError, match=r"adam\.dat: cannot be read as an optimizer of TorchSharp: byte"):
        read(adam, "", print)


def test_an_optimizer_has_no_keys(adam: Path) -> None:
    with pytest.raises(ModelFileError, match="--key is for nested checkpoints"):
        read(adam, "a", print)


def test_a_state_dict_that_begins_like_an_optimizer_is_none(tmp_path: Path) -> None:
    names = ["dam".ljust(65, "x"), "b", "c", "d"]
    write_whole(tmp_path / "a.dat", encode_state_dict([random_entry(name, BY_NAME["u8"]) for name in names]))
    assert (tmp_path / "a.dat").read_bytes().startswith(b"\x04Adam") is not is_optimizer_file(tmp_path / "a.dat")


def test_a_folder_is_no_optimizer(tmp_path: Path) -> None:
    assert not is_optimizer_file(tmp_path)
