"""One state dict is found wherever it is; of several, or none, the keys are named."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tscompat.files.checkpoint import MODEL, Kind, find
from tscompat.files.item import ConvertError

STATE = {"w": torch.ones(2), "b": torch.zeros(1)}
SGD = {"state": {}, "param_groups": [{"lr": 0.001, "momentum": 0, "params": [0]}]}
"""What ``torch.optim.SGD.state_dict()`` gives, and the keys that tell it."""


def heard(document: object, key: str = "", kind: Kind = MODEL) -> tuple[Any, list[str]]:
    said: list[str] = []
    return find(document, key, said.append, kind), said


@pytest.mark.parametrize(
    ("document", "key"),
    [
        (STATE, ""),
        ({"state_dict": STATE, "epoch": 3, "best": torch.tensor(1.0), "optimizer": SGD}, ""),
        ({"a": {"b": {"c": STATE}}}, ""),
        ({"model": STATE, "ema": STATE | {"more": torch.ones(1)}}, "model"),
        ({"ema": {"model": STATE}, "model": {"w": torch.ones(1)}}, "ema.model"),
        ({"ema": {"model": STATE}, "model": {"w": torch.ones(1)}}, "ema"),
        ({"ema.model": STATE, "model": {"w": torch.ones(1)}}, "ema.model"),
        ({"a.b": {"c.d": STATE}, "a": {"b": {"w": torch.ones(1)}}}, "a.b.c.d"),
    ],
)
def test_the_state_dict_is_found(document: dict[str, Any], key: str) -> None:
    assert heard(document, key)[0] is STATE


def test_what_was_chosen_and_what_was_left_is_told() -> None:
    assert heard({"epoch": 3, "net": STATE, "lr": 0.1})[1] == [
        "taken: the state dict at the key 'net'; left: epoch, lr"
    ]


def test_a_state_dict_with_something_else_in_it_is_taken_whole() -> None:
    assert "version" in heard(STATE | {"version": 3})[0]


def test_a_few_tensors_among_other_things_are_taken_where_there_is_nothing_better() -> None:
    assert "w" in heard({"w": torch.ones(1), "lr": 0.1, "epoch": 3})[0]


@pytest.mark.parametrize(
    ("document", "key", "said"),
    [
        ([STATE], "", "expected a state dict, found a value of type list"),
        ({}, "", "no state dict here; the keys are none"),
        ({"epoch": 3}, "", r"no state dict here; the keys are 'epoch' \(int\)"),
        (SGD, "", "the state of an optimizer"),
        ({"model": STATE, "optimizer": SGD}, "optimizer", "the state of an optimizer"),
        (
            {"model": STATE, "ema": {"model": STATE}},
            "",
            r"several state dicts here; choose one \(of so many entries\): --key model \(2\), --key ema.model \(2\)",
        ),
        (
            {"model": STATE, "epoch": 3},
            "epoch",
            r"state dict at the key 'epoch', found a value of type int; choose one .*: --key model \(2\)",
        ),
        ({"model": STATE}, "nope", "at the key 'nope', found nothing; choose one .*: --key model"),
    ],
)
def test_what_is_refused(document: object, key: str, said: str) -> None:
    with pytest.raises(ConvertError, match=said):
        heard(document, key)


def test_a_long_list_of_keys_is_cut() -> None:
    with pytest.raises(ConvertError, match="and 28 more"):
        heard({f"model{number}": STATE for number in range(40)})
