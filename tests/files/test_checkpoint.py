"""The one state dict of a checkpoint is found at any key; if there are several or none, the error names keys."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from samples import described
from tscompat.files import nested
from tscompat.files.checkpoint import MODEL, OPTIMIZER, Kind, find
from tscompat.files.item import ModelFileError
from tscompat.files.nested import tensor_in

STATE = {"w": torch.ones(2), "b": torch.zeros(1)}
SGD: dict[str, Any] = {"state": {}, "param_groups": [{"lr": 0.001, "momentum": 0, "params": [0]}]}
"""What ``torch.optim.SGD.state_dict()`` returns, with the keys by which it is recognized."""


SMALL = {"mean": torch.zeros(1), "std": torch.ones(1)}


SHARED = [torch.ones(2)]
"""Fewer elements than STATE has, unless they are counted twice."""


def other() -> dict[str, torch.Tensor]:
    """A state dict with the names and shapes of STATE."""
    return {name: tensor.clone() for name, tensor in STATE.items()}


def heard(document: object, key: str = "", kind: Kind = MODEL) -> tuple[Any, list[str]]:
    said: list[str] = []
    return find(described(document), key, said.append, kind), said


def shapes(found: Any) -> dict[str, tuple[int, ...]]:
    return {name: tensor.shape for name, value in found.items() if (tensor := tensor_in(value))}


IS_STATE = {"w": (2,), "b": (1,)}


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
        ({"models": [{"w": torch.ones(1)}, STATE]}, "models.1"),
        ({"models": ({"nets": [STATE]}, {"w": torch.ones(1)})}, "models.0.nets.0"),
        ({"models": {0: {"w": torch.ones(1)}, 1: STATE}}, "models.1"),
        ({"models": [STATE]}, ""),
        (STATE | {"inner": {"v": torch.ones(3)}}, ""),
        ({"net": STATE, "adam": {"state": {0: {"exp_avg": torch.ones(9)}}, "param_groups": []}}, ""),
        ({"net": STATE, "x": SHARED, "y": SHARED}, ""),
    ],
)
def test_the_state_dict_is_found(document: dict[str, Any], key: str) -> None:
    assert shapes(heard(document, key)[0]) == IS_STATE


def test_what_was_chosen_and_what_was_left_is_told() -> None:
    assert heard({"epoch": 3, "net": STATE, "lr": 0.1})[1] == [
        "reading the state dict at the key 'net'; left: epoch, lr"
    ]


def test_a_state_dict_with_something_else_in_it_is_taken_whole() -> None:
    assert "version" in heard(STATE | {"version": 3})[0]


def test_a_few_tensors_among_other_things_are_taken_where_there_is_nothing_better() -> None:
    assert "w" in heard({"w": torch.ones(1), "lr": 0.1, "epoch": 3})[0]


@pytest.mark.parametrize(
    ("document", "key", "said"),
    [
        (torch.ones(1), "", "expected a state dict, found a value of type tensor"),
        ([("w", torch.ones(1)), ("b", torch.ones(1), torch.ones(1))], "", "no state dict here"),
        ({}, "", "no state dict here; the keys are none"),
        ({"epoch": 3}, "", r"no state dict here; the keys are 'epoch' \(int\)"),
        (SGD, "", "the state of an optimizer"),
        ({"model": STATE, "optimizer": SGD}, "optimizer", "the state of an optimizer"),
        (
            {"model": STATE, "ema": {"model": other()}},
            "",
            r"several state dicts here; choose one \(entries in brackets\): --key model \(2\), --key ema.model \(2\)",
        ),
        (
            {"model": STATE, "epoch": 3},
            "epoch",
            r"state dict at the key 'epoch', found a value of type int; choose one .*: --key model \(2\)",
        ),
        ({"model": STATE}, "nope", "at the key 'nope', found nothing; choose one .*: --key model"),
        ({"models": [STATE, other()]}, "models", r"several state dicts here; choose one .*: --key models.0 \(2\)"),
    ],
)
def test_what_is_refused(document: object, key: str, said: str) -> None:
    with pytest.raises(ModelFileError, match=said):
        heard(document, key)


def test_a_long_list_of_keys_is_cut() -> None:
    with pytest.raises(ModelFileError, match="and 28 more"):
        heard({f"model{number}": other() for number in range(40)})


@pytest.mark.parametrize(
    ("document", "offered"),
    [
        ({"models": [STATE, STATE]}, r"--key models.0 \(2\), --key models.1 \(2\), --key stats \(2\)"),
        ({"models": (STATE,)}, r"--key models.0 \(2\), --key stats \(2\)"),
        (
            {"a": {"models": [[STATE], {"b": STATE}]}},
            r"--key a.models.0.0 \(2\), --key a.models.1.b \(2\), --key stats",
        ),
        ({"a": {"b": {"c": {"d": {"e": {"f": STATE}}}}}}, r"--key a.b.c.d.e.f \(2\), --key stats"),
    ],
)
def test_state_dicts_in_lists_and_deeper_down_are_offered(document: dict[str, Any], offered: str) -> None:
    with pytest.raises(ModelFileError, match=f"several state dicts here; choose one .*: {offered}"):
        heard(document | {"stats": SMALL})


@pytest.mark.parametrize(
    "document",
    [
        {"weights": [torch.ones(2), torch.ones(1)]},
        {"weights": [("w", torch.ones(2)), ("b", torch.ones(1))]},
        {"layers": [[torch.ones(1)], [torch.ones(1)], [torch.ones(1)]]},
    ],
)
def test_a_state_dict_beside_more_tensors_is_not_taken(document: dict[str, Any]) -> None:
    with pytest.raises(
        ModelFileError, match=r"at the key 'stats' has 2 elements, and 3 more are .* give --key stats if"
    ):
        heard(document | {"stats": SMALL})


def test_a_state_dict_beside_more_tensors_is_taken_by_its_key() -> None:
    assert heard({"weights": list(STATE.values()), "stats": SMALL}, "stats")[0].keys() == SMALL.keys()


@pytest.mark.parametrize(
    "beside",
    [
        {"ema": {"decay": 0.9, "shadow_params": list(STATE.values())}},
        {"rng": torch.get_rng_state(), "cuda_rng": [torch.zeros(16, dtype=torch.uint8)] * 8},
        {"optimizer": {"master": [torch.ones(9)]}, "optimizers": [SGD], "schedulers": [{"last_lr": [0.1]}]},
        {"fit": {"optimizer": {"master": [torch.ones(9)]}}},
        {"history": [0.1, 0.2], "hyper": {"a": {"b": {"c": {"d": {"e": [1, (2, 3)]}}}}}, "best": torch.tensor(1.0)},
    ],
)
def test_what_else_a_training_keeps_is_left(beside: dict[str, Any]) -> None:
    assert shapes(heard({"model": STATE} | beside)[0]) == IS_STATE


def test_the_state_of_an_optimizer_is_found_in_a_list() -> None:
    assert heard({"model": STATE, "optimizer_states": [SGD]}, kind=OPTIMIZER)[0] == SGD


def test_a_document_that_holds_itself_is_read_once() -> None:
    document: dict[str, Any] = {"stats": SMALL}
    document["again"] = document
    assert heard(document)[0].keys() == SMALL.keys()


def test_one_state_dict_at_two_keys_is_one() -> None:
    assert heard({"model": STATE, "ema": {"model": STATE}})[1][0].startswith(
        "reading the state dict at the key 'model'"
    )


def test_all_keys_of_one_state_dict_are_offered() -> None:
    with pytest.raises(ModelFileError, match=r"--key models.0 \(2\), --key models.1 \(2\), --key stats \(2\)"):
        heard({"models": [STATE, STATE], "stats": SMALL})


@pytest.mark.parametrize(
    "document",
    [
        {"model_state_dict": STATE, "loss": torch.tensor(0.25)},
        {"model_state_dict": STATE, "loss": torch.tensor([0.25])},
        {"state_dict": STATE, "callbacks": {"Checkpoint{'monitor': 'loss'}": {"kth_value": torch.tensor(0.25)}}},
    ],
)
def test_a_score_beside_the_weights_is_no_model(document: dict[str, Any]) -> None:
    assert shapes(heard(document)[0]) == IS_STATE


def test_scores_of_checkpoints_are_no_model_by_their_key_either() -> None:
    document = {"state_dict": STATE, "best": {"a.ckpt": torch.tensor(0.25), "b.ckpt": torch.tensor(0.5)}}
    with pytest.raises(ModelFileError, match=r"scores of a.ckpt, b.ckpt, and no model; .*: --key state_dict"):
        heard(document, "best")


def test_numbers_by_names_of_no_checkpoints_are_taken_by_their_key() -> None:
    document = {"state_dict": STATE, "small": {"scale": torch.tensor(0.25), "shift": torch.tensor(0.5)}}
    assert [*heard(document, "small")[0]] == ["scale", "shift"]


def test_the_search_for_tensors_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nested, "_MOST_SEARCHED", 10)
    with pytest.raises(ModelFileError, match="too many objects share others"):
        nested.Searched().holds_tensors([0] * 11)


class TrainingArguments:
    """As transformers has it: its name is what is known of it."""


SAVED_BESIDE = [
    (TrainingArguments(), "the arguments of a training"),
    ({"last_epoch": 3, "_step_count": 4, "_last_lr": [0.1]}, "the state of a scheduler of learning rates"),
    ({"scale": 65536.0, "growth_factor": 2.0, "_growth_tracker": 0}, "the state of a gradient scaler"),
    ({"python": (3, (1, 2)), "numpy": ("MT19937", 1), "random_state": 1}, "the states of random generators"),
]


@pytest.mark.parametrize(("document", "words"), SAVED_BESIDE, ids=[words for _, words in SAVED_BESIDE])
def test_what_training_saves_beside_a_model_is_named(document: object, words: str) -> None:
    with pytest.raises(ModelFileError, match=f"no state dict here; this is {words}: give the model's checkpoint"):
        heard(document)


def test_the_states_of_random_generators_are_no_model() -> None:
    with pytest.raises(ModelFileError, match="states of random generators"):
        heard({"cpu": torch.get_rng_state(), "cuda": torch.zeros(16, dtype=torch.uint8)})


@pytest.mark.parametrize(
    ("document", "names"),
    [
        ([torch.ones(1), torch.ones(2)], ["0", "1"]),
        ([("w", torch.ones(1)), ("b", torch.ones(2))], ["w", "b"]),
        ([("w", torch.ones(1)), torch.ones(2)], ["0", "1"]),
        ({"w": torch.ones(3, dtype=torch.uint8)}, ["w"]),
        ({"w": torch.ones(0)}, ["w"]),
    ],
)
def test_tensors_without_a_better_state_dict_are_taken(document: Any, names: list[str]) -> None:
    assert [*heard(document)[0]] == names


def test_a_dict_with_more_elements_than_one_in_it_is_taken() -> None:
    assert [*heard({"w": torch.ones(9), "inner": SMALL})[0]] == ["w", "inner"]


def test_a_number_that_has_the_name_of_a_file_may_be_all_of_a_model() -> None:
    assert [*heard({"a.pt": torch.tensor(1.0)})[0]] == ["a.pt"]


class Attributes(dict[Any, Any]):
    """A dict whose attributes are its entries, as EasyDict and transformers' ModelOutput are."""

    def __setattr__(self, name: str, value: object) -> None:
        self[name] = value


class Pair(tuple[Any, ...]):
    """A tuple that takes attributes."""


class Rebuilt:
    """An object that is made from tensors, and gets others as attributes."""

    def __init__(self, *parts: torch.Tensor) -> None:
        self.parts = parts
        self.w = torch.ones(3)

    def __reduce__(self) -> Any:
        return Rebuilt, self.parts, {"w": self.w}


def _pair() -> Pair:
    made = Pair((torch.ones(5), torch.ones(3)))
    made.w = torch.ones(4)  # pyright: ignore[reportAttributeAccessIssue]
    return made


LOST: dict[str, Any] = {
    "keys that are no names": Attributes({b"a": torch.ones(3), "w": torch.ones(2)}),
    "a number and the same as a text": Attributes({0: torch.ones(2), "0": torch.ones(3), "w": torch.ones(4)}),
    "a tuple with an attribute": _pair(),
    "arguments beside attributes": Rebuilt(torch.ones(50), torch.ones(3)),
    "below a key": {"state_dict": Attributes({1.5: torch.ones(3), "w": torch.ones(2)})},
}


@pytest.mark.parametrize("what", LOST)
def test_an_object_whose_tensors_have_no_names_is_refused(what: str) -> None:
    with pytest.raises(ModelFileError, match="keeps tensors that have no name here, or one that another has"):
        heard(LOST[what])


def test_an_object_with_all_its_tensors_by_name_is_read() -> None:
    found, _ = heard(Attributes({"w": torch.ones(2), "b": torch.ones(1), "note": "x"}))
    assert shapes(found) == IS_STATE


def test_bytes_are_weights_unless_they_have_the_size_of_a_random_state() -> None:
    document = {"state_dict": {"w": torch.ones(30, dtype=torch.uint8)}, "best": {"acc": torch.ones(2)}}
    with pytest.raises(ModelFileError, match=r"several state dicts here; .*--key state_dict .*--key best"):
        heard(document)


@pytest.mark.parametrize("key", ["", "model"])
def test_pairs_in_a_dict_have_the_names_of_the_dict(key: str) -> None:
    """paddle.save keeps a name of its own beside each tensor."""
    pairs = {name: (f"linear_0.{name}_0", tensor) for name, tensor in STATE.items()}
    found, _ = heard({"model": pairs, "epoch": 3} if key else pairs)
    assert shapes(found) == IS_STATE


def test_pairs_by_a_key() -> None:
    found, _ = heard({"model": {"w": ("linear_0.w_0", torch.ones(2))}, "other": STATE}, "model")
    assert shapes(found) == {"w": (2,)}


def test_parameters_beside_the_state_dict_are_not_left() -> None:
    document = {"backbone": STATE, "head.weight": torch.ones(1), "loss": torch.tensor(1.0)}
    with pytest.raises(ModelFileError, match=r"parameters are beside .* 'backbone', head\.weight: give --key backbone"):
        heard(document)
    assert shapes(heard(document, "backbone")[0]) == IS_STATE


def test_fastais_checkpoint() -> None:
    optimizer = {"state": [{"grad_avg": torch.ones(3)}], "hypers": [{"lr": 0.1}]}
    assert shapes(heard({"model": STATE, "opt": optimizer})[0]) == IS_STATE


@pytest.mark.parametrize("beside", ["hyper_parameters", "loops", "lr_schedulers"])
def test_tensors_of_lightnings_settings_are_no_model(beside: str) -> None:
    document = {"pytorch-lightning_version": "2.4.0", "state_dict": STATE, beside: {"weights": torch.ones(2)}}
    assert shapes(heard(document)[0]) == IS_STATE
    with pytest.raises(ModelFileError, match="several state dicts"):
        heard({name: value for name, value in document.items() if name != "pytorch-lightning_version"})


@pytest.mark.parametrize("document", [{"a.b": STATE, "a": {"b": other()}}, {1: STATE, "1": other(), "a": 0}])
def test_a_key_of_several_values_is_refused(document: dict[Any, Any]) -> None:
    with pytest.raises(ModelFileError, match=r"--key \S+: 2 values are there"):
        heard(document, "1" if 1 in document else "a.b")


def test_a_key_of_one_value_at_two_places_is_taken() -> None:
    assert shapes(heard({"a.b": STATE, "a": {"b": STATE}}, "a.b")[0]) == IS_STATE
