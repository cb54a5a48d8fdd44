"""An optimizer's state goes to TorchSharp's file and back with the same bits; what does not fit is refused."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from files.by_hand.archives import Member, tarred
from files.by_hand.models import torch_tar
from samples import random_entry
from tscompat.codec import encode_optimizer, encode_state_dict, read_optimizer
from tscompat.codec.optimizer import LAYOUTS, flat_options, flat_states
from tscompat.python_side.torch_optimizers import name_in_torch, record_of
from tscompat.resources.whole import write_whole
from tscompat.values.compare import compare
from tscompat.values.dtypes import BY_NAME, FOREIGN
from tscompat.values.tensors import StateDict, Tensor
from tscompat.verbs.convert import ModelFileError, is_optimizer_file, prepare_optimizer

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    **{name_in_torch(name): (name_in_torch(name), {}) for name in LAYOUTS},
    "SGD-momentum": ("SGD", {"momentum": 0.9, "nesterov": True}),
    "RMSprop-centered": ("RMSprop", {"momentum": 0.9, "centered": True}),
    "Adam-amsgrad": ("Adam", {"amsgrad": True, "betas": (0.5, 0.75)}),
    "AdamW-amsgrad": ("AdamW", {"amsgrad": True, "maximize": True}),
    "Rprop-options": ("Rprop", {"etas": (0.25, 2.0), "step_sizes": (0.125, 8.0)}),
}


def built(name: str, groups: list[int], **options: Any) -> torch.optim.Optimizer:
    shapes = [(3, 4), (5,), (2, 1, 2), ()]
    parameters = iter([torch.nn.Parameter(torch.ones(shape)) for shape in shapes])
    sized = [{"params": [next(parameters) for _ in range(size)]} for size in groups]
    return getattr(torch.optim, name)(sized, **options)


def stepped(name: str, groups: list[int] | None = None, **options: Any) -> torch.optim.Optimizer:
    """An optimizer of this class after two steps with random gradients."""
    optimizer = built(name, groups or [4], **options)
    generator = torch.Generator().manual_seed(1)
    for _ in range(2):
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimizer.step()
    return optimizer


def saved(path: Path, state: object) -> Path:
    torch.save(state, path)
    return path


def convert(source: Path, target: Path, **options: Any) -> list[str]:
    said: list[str] = []
    prepare_optimizer(source, target, tell=said.append, **options).write(lambda written: None)
    return said


def flatten(name: str, state: Mapping[str, Any]) -> StateDict:
    record = record_of(name, dict(state))
    return [*flat_options(record), *flat_states(record)]


@pytest.mark.parametrize("case", CASES)
def test_there_and_back_and_into_an_optimizer(case: str, tmp_path: Path) -> None:
    name, options = CASES[case]
    original = stepped(name, **options).state_dict()
    convert(saved(tmp_path / "a.pth", original), tmp_path / "b.dat", name=name)
    convert(tmp_path / "b.dat", tmp_path / "c.pth")
    other = built(name, [4])
    other.load_state_dict(torch.load(tmp_path / "c.pth", weights_only=True))
    assert compare(flatten(name, original), flatten(name, other.state_dict())) == []


def test_the_file_is_the_oracles(tmp_path: Path) -> None:
    original = stepped("Adam").state_dict()
    convert(saved(tmp_path / "a.pth", original), tmp_path / "b.dat", name="Adam")
    assert (tmp_path / "b.dat").read_bytes() == b"".join(map(bytes, encode_optimizer(record_of("Adam", original))))


def test_groups_come_back_as_they_were(tmp_path: Path) -> None:
    original = stepped("SGD", [1, 0, 3], momentum=0.9).state_dict()
    convert(saved(tmp_path / "a.pth", original), tmp_path / "b.dat", name="SGD")
    convert(tmp_path / "b.dat", tmp_path / "c.pth", groups="1,0,3")
    assert torch.load(tmp_path / "c.pth", weights_only=True)["param_groups"] == original["param_groups"]


def test_the_parameters_of_each_group_are_counted(tmp_path: Path) -> None:
    source = saved(tmp_path / "a.pth", stepped("SGD", [1, 0, 3], momentum=0.9).state_dict())
    assert prepare_optimizer(source, tmp_path / "b.dat", name="SGD", tell=print).sizes == [1, 0, 3]


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ("", "2 groups and 4 parameters, without the number that each group has: give it, as --groups 2,3"),
        ("4", "2 groups and 4 parameters; --groups 4 means 1 groups and 4 parameters"),
        ("1,4", "2 groups and 4 parameters; --groups 1,4 means 2 groups and 5 parameters"),
        ("1;3", "--groups 1;3: expected how many"),
        ("5,-1", "--groups 5,-1: expected how many"),
    ],
)
def test_groups_that_are_not_said_or_do_not_fit(groups: str, said: str, tmp_path: Path) -> None:
    convert(saved(tmp_path / "a.pth", stepped("SGD", [1, 3]).state_dict()), tmp_path / "b.dat", name="SGD")
    with pytest.raises(ModelFileError, match=said):
        convert(tmp_path / "b.dat", tmp_path / "c.pth", groups=groups)


@pytest.mark.parametrize("key", ["", "optimizer_state_dict", "optimizer_state_dict.inner"])
def test_it_is_found_in_a_checkpoint(key: str, tmp_path: Path) -> None:
    original = {
        "optimizer_state_dict": {"inner": stepped("Adam").state_dict()},
        "model": {"w": torch.ones(3)},
        "epoch": 3,
    }
    convert(saved(tmp_path / "a.ckpt", original), tmp_path / "b.dat", name="Adam", key=key)
    assert read_optimizer(tmp_path / "b.dat").name == "Adam"


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_it_is_found_in_a_plain_pickle(protocol: int, tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(stepped("Adam").state_dict(), protocol))
    convert(tmp_path / "a.pkl", tmp_path / "b.dat", name="Adam")
    assert read_optimizer(tmp_path / "b.dat").name == "Adam"


class Pickler(pickle.Pickler):
    """Writes arrays as torch 0.1 wrote tensors: by the number that ``torch_tar`` gives to the first."""

    def persistent_id(self, obj: object) -> int | None:
        return 100 if isinstance(obj, np.ndarray) else None


def test_it_is_found_in_a_tar_of_torch_0_1(tmp_path: Path) -> None:
    original, buffer = stepped("SGD", momentum=0.9).state_dict(), np.arange(3, dtype="<f4")
    original["state"] = {0: {"momentum_buffer": buffer}}
    original["param_groups"][0]["params"] = [0]
    document = io.BytesIO()
    Pickler(document, 2).dump(original)
    archive = torch_tar({"buffer": buffer})[:-1024] + tarred([Member("pickle", document.getvalue())])
    (tmp_path / "a.pth").write_bytes(archive)
    convert(tmp_path / "a.pth", tmp_path / "b.dat", name="SGD")
    found = read_optimizer(tmp_path / "b.dat").states[0]["momentum_buffer"]
    assert isinstance(found, Tensor)
    assert bytes(found.data) == buffer.tobytes()


def test_of_two_one_has_to_be_chosen(tmp_path: Path) -> None:
    original = {"g": stepped("Adam").state_dict(), "d": stepped("Adam").state_dict()}
    with pytest.raises(ModelFileError, match=r"several optimizers' state dicts here; .*: --key g \(2\), --key d \(2\)"):
        convert(saved(tmp_path / "a.pth", original), tmp_path / "b.dat", name="Adam")


def test_no_optimizer_in_a_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"no optimizer's state dict here; the keys are 'w' \(tensor\)"):
        convert(saved(tmp_path / "a.pth", {"w": torch.ones(3)}), tmp_path / "b.dat", name="Adam")


@pytest.mark.parametrize(
    ("name", "as_name", "said"),
    [
        (
            "Adam",
            "SGD",
            r"not the state of SGD.*\n.* another class: amsgrad, betas, .*\n.* has no momentum, dampening",
        ),
        ("SGD", "Adam", r"not the state of Adam.*\n.* of another class: .*momentum.*\n.* has no betas, eps"),
        ("Adam", "RAdam", r"not the state of RAdam.*\n.* of another class: amsgrad"),
        ("RAdam", "Adamax", r"not the state of Adamax.*\n.* of another class: decoupled_weight_decay"),
        ("RAdam", "Adam", r"not the state of Adam.*\n.* has no amsgrad"),
        ("Adamax", "RAdam", r"as RAdam: parameter 0: TorchSharp's RAdam keeps no exp_inf"),
        ("AdamW", "Adam", r"as Adam: TorchSharp's Adam has no decoupled_weight_decay, and it is True here"),
        ("Adam", "AdamW", r"as AdamW: TorchSharp's AdamW has no decoupled_weight_decay, and it is False here"),
        ("Adam", "LBFGS", r"--optimizer LBFGS: TorchSharp saves no optimizer 'LBFGS'; expected one of SGD, .*"),
    ],
)
def test_a_class_that_it_is_not(name: str, as_name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=said):
        convert(saved(tmp_path / "a.pth", stepped(name).state_dict()), tmp_path / "b.dat", name=as_name)
    assert not (tmp_path / "b.dat").exists()


def test_parameters_that_were_never_stepped_are_named(tmp_path: Path) -> None:
    original = stepped("Adam").state_dict()
    del original["state"][1], original["state"][3]
    with pytest.raises(ModelFileError, match="2 parameters were never stepped, number 1 first"):
        convert(saved(tmp_path / "a.pth", original), tmp_path / "b.dat", name="Adam")


class Frozen(torch.nn.Module):
    """A model with buffers, of which some parameters get no gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm, self.head = torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2), torch.nn.Linear(2, 5)
        self.stem.requires_grad_(False)


def half_stepped(model: torch.nn.Module, **options: Any) -> torch.optim.Optimizer:
    optimizer: Any = torch.optim.Adam(model.parameters(), **options)  # its methods are only partly typed
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    return optimizer


def test_the_model_beside_has_the_shapes_of_what_was_never_stepped(tmp_path: Path) -> None:
    model = Frozen()
    document = {"model": model.state_dict(), "optimizer": half_stepped(model).state_dict()}
    convert(saved(tmp_path / "a.pth", document), tmp_path / "b.dat", name="Adam")
    found = [state["exp_avg"] for state in read_optimizer(tmp_path / "b.dat").states]
    shapes = [each.shape for each in found if isinstance(each, Tensor)]
    assert shapes == [tuple(parameter.shape) for parameter in model.parameters()]


def test_the_model_beside_has_the_dtype_of_what_was_never_stepped(tmp_path: Path) -> None:
    model = Frozen().double()
    document = {"model": model.state_dict(), "optimizer": half_stepped(model).state_dict()}
    convert(saved(tmp_path / "a.pth", document), tmp_path / "b.dat", name="Adam")
    found = [state["exp_avg"] for state in read_optimizer(tmp_path / "b.dat").states]
    assert {each.dtype.name for each in found if isinstance(each, Tensor)} == {"f64"}


def test_a_model_whose_order_is_another_shows_no_shapes(tmp_path: Path) -> None:
    model = Frozen()
    state = dict(reversed(model.state_dict().items()))
    document = {"model": state, "optimizer": half_stepped(model).state_dict()}
    with pytest.raises(ModelFileError, match="nothing in the file shows their shapes"):
        convert(saved(tmp_path / "a.pth", document), tmp_path / "b.dat", name="Adam")


def test_the_class_that_it_is_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"this is not the state of SGD: it fits .*Adam"):
        convert(saved(tmp_path / "a.pth", stepped("Adam").state_dict()), tmp_path / "b.dat", name="SGD")


def test_without_tensors_in_a_state_no_step_is_needed(tmp_path: Path) -> None:
    convert(saved(tmp_path / "a.pth", built("SGD", [4]).state_dict()), tmp_path / "b.dat", name="SGD")
    assert read_optimizer(tmp_path / "b.dat").states == [{"momentum_buffer": None}] * 4


def test_the_file_of_an_old_version_has_the_options_that_torch_adds(tmp_path: Path) -> None:
    original = stepped("AdamW").state_dict()
    full = flatten("AdamW", original)
    for option in ("maximize", "foreach", "capturable", "differentiable", "fused", "decoupled_weight_decay"):
        del original["param_groups"][0][option]
    convert(saved(tmp_path / "a.pth", original), tmp_path / "b.dat", name="AdamW")
    record = read_optimizer(tmp_path / "b.dat")
    assert compare(full, [*flat_options(record), *flat_states(record)]) == []


def test_what_a_scheduler_left_in_a_group_is_told(tmp_path: Path) -> None:
    optimizer = stepped("Adam")
    torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.125, total_steps=9)
    said = convert(saved(tmp_path / "a.pth", optimizer.state_dict()), tmp_path / "b.dat", name="Adam")
    assert said == [
        "not converted: base_momentum, max_lr, max_momentum, min_lr (of the parameter groups), "
        "which are no options of Adam"
    ]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"exp_avg": torch.eye(2).to_sparse()}, "exp_avg of parameter 2: a sparse_coo tensor: make it dense"),
        (
            {"exp_avg": torch.empty(2, dtype=getattr(torch, FOREIGN[0].torch))},
            f"exp_avg of parameter 2: {FOREIGN[0].torch} has no code in a .dat",
        ),
        ({"exp_avg": 0.5}, "exp_avg of parameter 2: of type float, and not a tensor"),
        ({"step": torch.ones(2)}, "step of parameter 2: of type tensor; expected one number"),
        ({"step": torch.tensor(1j)}, "step of parameter 2: of type tensor; expected one number"),
        ({"step": 1j}, "step of parameter 2: of type complex; expected one number"),
        ({"step": float("nan")}, "step of parameter 2: nan; expected a whole number"),
        ({"step": 0.5}, "step of parameter 2: 0.5; expected a whole number"),
        ({"step": torch.tensor(1.5)}, "step of parameter 2: 1.5; expected a whole number"),
        ({"step": 2**5000}, "step of parameter 2: inf; expected a whole number"),
        ({"step": 1e30}, "cannot be converted as Adam: state 2: step"),
        ({"exp_avg": None}, "cannot be converted as Adam: parameter 2: its state has no exp_avg"),
    ],
)
def test_a_state_that_is_odd(state: Mapping[str, Any], said: str, tmp_path: Path) -> None:
    original = stepped("Adam").state_dict()
    original["state"][2] |= state
    with pytest.raises(ModelFileError, match=said):
        convert(saved(tmp_path / "a.pth", original), tmp_path / "b.dat", name="Adam")


@pytest.mark.parametrize(
    ("group", "said"),
    [
        ({"lr": "fast"}, "found lr 'fast'; expected a number"),
        ({"betas": (0.5, 0.5, 0.5)}, r"found betas \(0.5, 0.5, 0.5\); expected two numbers"),
        ({"betas": 0.5}, "found betas 0.5; expected two numbers"),
        ({"eps": torch.ones(2)}, "found eps of type tensor"),
        ({"amsgrad": None}, "found amsgrad None"),
        ({"amsgrad": 0.5}, "found amsgrad 0.5; expected True or False"),
        ({"amsgrad": float("nan")}, "found amsgrad nan; expected True or False"),
        ({"initial_lr": []}, r"found initial_lr \[\]"),
        ({"params": ["w"]}, "are not as torch.optim saves them"),
        ({"params": 3}, "are not as torch.optim saves them"),
    ],
)
def test_a_group_that_is_odd(group: Mapping[str, Any], said: str, tmp_path: Path) -> None:
    original = stepped("Adam").state_dict()
    original["param_groups"][0] |= group
    with pytest.raises(ModelFileError, match=said):
        convert(saved(tmp_path / "a.pth", original), tmp_path / "b.dat", name="Adam")


@pytest.mark.parametrize("odd", [{"state": 3}, {"state": {0: {3: 4}}}, {"param_groups": {}}, {"param_groups": [3]}])
def test_a_state_dict_that_is_none(odd: Mapping[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="'state' and 'param_groups' are not as"):
        convert(saved(tmp_path / "a.pth", {**stepped("Adam").state_dict(), **odd}), tmp_path / "b.dat", name="Adam")


@pytest.mark.parametrize(
    ("source", "target", "options", "said"),
    [
        ("a.pth", "b.safetensors", {}, "not from a checkpoint of torch.save to '.safetensors'"),
        ("a.pth", "b.pth", {}, "not from a checkpoint of torch.save to '.pth'"),
        ("b.dat", "c.dat", {}, "not from an optimizer of TorchSharp to '.dat'"),
        ("..", "c.dat", {}, "this is a folder: give the file that holds the optimizer's state"),
        ("none.pth", "c.dat", {}, "none.pth: there is no such file"),
        ("a.pth", "b.dat", {}, "b.dat: exists already"),
        ("b.dat", "c.pth", {"key": "k"}, "--key is for nested checkpoints"),
        ("b.dat", "c.pth", {"name": "SGD"}, "--optimizer SGD, but the file is of Adam"),
        ("a.pth", "c.dat", {"groups": "4"}, "--groups is for TorchSharp's files"),
    ],
)
def test_what_cannot_be_prepared(source: str, target: str, options: dict[str, str], said: str, tmp_path: Path) -> None:
    convert(saved(tmp_path / "a.pth", stepped("Adam").state_dict()), tmp_path / "b.dat", name="Adam")
    with pytest.raises(ModelFileError, match=said):
        convert(tmp_path / source, tmp_path / target, **{"name": "Adam", **options})


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_file_of_torchsharps_is_recognized(name: str, tmp_path: Path) -> None:
    source = saved(tmp_path / "a.pth", stepped(name_in_torch(name)).state_dict())
    convert(source, tmp_path / "b.dat", name=name_in_torch(name))
    assert is_optimizer_file(tmp_path / "b.dat")


def test_a_state_dict_that_begins_as_an_optimizer_is_none(tmp_path: Path) -> None:
    names = ["dam".ljust(ord("A"), "."), *"xyz"]
    write_whole(tmp_path / "a.dat", encode_state_dict([random_entry(name, BY_NAME["f32"]) for name in names]))
    start = (tmp_path / "a.dat").read_bytes()[:5]
    assert (start, is_optimizer_file(tmp_path / "a.dat")) == (b"\4Adam", False)


def test_a_file_that_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_bytes(b"\4Adam and more")
    assert not is_optimizer_file(tmp_path / "a.dat")
    with pytest.raises(ModelFileError, match=r"a.dat: .*TorchSharp"):
        convert(tmp_path / "a.dat", tmp_path / "b.pth")


def test_the_format_that_is_given_decides(tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_bytes(b"anything")
    assert is_optimizer_file(tmp_path / "a.dat", "dat-optimizer")
