"""What a C# class computes beside PyTorch's model: each fault of tests/dotnet is one finding, and Right has none."""

from __future__ import annotations

from pathlib import Path

import pytest

from dotnet_ports import SOURCES
from tscompat.dotnet_side.cache import Publish
from tscompat.files.item import ModelFileError
from tscompat.verbs.parity import Attribute, Layer, Own, Parity, parity, recipe_of

PORTS = SOURCES / "ports.py"
IMAGE = ["2x3x6x6:f32"]
STATES = ["3x5x6:f32", "1x3x8:f32", "1x3x8:f32"]


def compared(ports: Path, name: str, make: str = "make", arguments: str = "[]", inputs: list[str] = IMAGE) -> Parity:
    return parity(f"{PORTS}:{make}", Own(ports, f"Ports.{name}", arguments), inputs)


def layer(found: Parity, name: str, call: int = 1) -> Layer:
    return next(each for each in found.layers if (each.name, each.call) == (name, call))


@pytest.mark.parametrize("name", ["Right", "OtherOrder"])
def test_a_right_port_has_no_finding(name: str, ports: Path, publish: Publish) -> None:
    found = compared(ports, name)
    assert (found.outcome, found.findings) == ("agrees", ())
    assert {each.outcome for each in found.layers} <= {"equal", "rounding"}


def test_another_eps(ports: Path, publish: Publish) -> None:
    found = compared(ports, "WrongEps")
    (finding,) = found.findings
    assert (finding.what, finding.name, finding.attributes) == (
        "layer",
        "norm",
        (Attribute(name="eps", python="1e-05", dotnet="0.01"),),
    )
    assert found.sentence.startswith(
        "first difference: 'norm': eps 1e-05 in Python, 0.01 in .NET; everything before is "
    )
    assert (found.outcome, layer(found, "fc2").outcome) == ("differs", "equal")


def test_an_activation_that_was_left_out(ports: Path, publish: Publish) -> None:
    found = compared(ports, "ActivationLeftOut")
    (finding,) = found.findings
    assert (found.outcome, finding.what, finding.name) == ("differs", "between", "")
    assert found.sentence.startswith("the layers agree alone, and together they do not: the difference is between them")


def test_a_renamed_layer_is_compared_under_its_other_name(ports: Path, publish: Publish) -> None:
    own = Own(ports, "Ports.RenamedLayer")
    found = parity(f"{PORTS}:make", own, IMAGE, rename=[(r"^fc1\.", "hidden.")])
    assert (found.outcome, found.only_python, layer(found, "fc1").dotnet) == ("agrees", (), "TorchSharp.Modules.Linear")


def test_options_that_name_tensors_rename_their_layer(ports: Path, publish: Publish) -> None:
    rename = [(r"^fc1\.(weight|bias)$", r"hidden.\1")]
    found = parity(f"{PORTS}:make", Own(ports, "Ports.RenamedLayer"), IMAGE, rename=rename)
    assert (found.outcome, layer(found, "fc1").dotnet) == ("agrees", "TorchSharp.Modules.Linear")


@pytest.mark.parametrize(
    ("rename", "sentence"),
    [
        (("(", "x"), r"--rename \(=x: wrong as a regular expression"),
        (("fc1", "fc2"), "several tensors would have one name"),
        (("nope", "x"), "no name matches"),
    ],
)
def test_options_that_are_a_mistake(rename: tuple[str, str], sentence: str, ports: Path, publish: Publish) -> None:
    with pytest.raises(ModelFileError, match=sentence):
        parity(f"{PORTS}:make", Own(ports, "Ports.Right"), IMAGE, rename=[rename])


@pytest.mark.parametrize("name", ["RenamedLayer", "MissingBuffer", "TransposedLinear"])
def test_weights_that_do_not_load(name: str, ports: Path, publish: Publish) -> None:
    with pytest.raises(
        ModelFileError, match=r"does not load the weights: .* tscompat verify shows what does not fit; the options"
    ):
        compared(ports, name)


def test_weights_of_another_type(ports: Path, tmp_path: Path, publish: Publish) -> None:
    (tmp_path / "wide.py").write_text(f"{PORTS.read_text()}\n\ndef wide():\n    return make().double()\n")
    with pytest.raises(ModelFileError, match=r"Python's model has float64, .*: return model\.float\(\)"):
        parity(f"{tmp_path / 'wide.py'}:wide", Own(ports, "Ports.Right"), ["2x3x6x6:f64"])


def test_states_pairs_and_a_layer_that_is_called_twice(ports: Path, publish: Publish) -> None:
    found = compared(ports, "Recurrent", "make_recurrent", inputs=STATES)
    assert (found.outcome, found.findings) == ("agrees", ())
    assert [(each.name, each.call) for each in found.layers] == [
        *(("lstm", 1), ("shared", 1), ("drop", 1), ("shared", 2), ("attention", 1), ("", 1)),
    ]
    assert {each.outcome for each in found.layers} <= {"equal", "rounding"}
    assert [len(layer(found, name).outputs) for name in ("lstm", "attention", "")] == [3, 1, 2]


def test_layers_with_their_batch_first(ports: Path, publish: Publish) -> None:
    found = parity(f"{PORTS}:Turned", Own(ports, "Ports.Turned"), ["3x5x8:f32"], backward=True)
    assert (found.outcome, found.findings) == ("agrees", ())
    assert {layer(found, name).outcome for name in ("attention", "layer")} <= {"equal", "rounding"}
    assert found.sentence.endswith("; so are 17 gradients")


def test_a_layer_with_its_batch_first_that_differs(ports: Path, publish: Publish) -> None:
    found = parity(f"{PORTS}:Turned", Own(ports, "Ports.Turned", "[true]"), ["3x5x8:f32"])
    assert [(each.what, each.name) for each in found.findings] == [("layer", "layer")]


PAIR = ["2x3x6:f32", "mask=2x3x8:f32", "1x2x8:f32,1x2x8:f32"]


def test_a_pair_as_an_argument_and_one_by_its_name(ports: Path, publish: Publish) -> None:
    found = parity(
        f"{PORTS}:Stateful",
        Own(ports, "Ports.Stateful"),
        PAIR,
        backward=True,
        recipe=recipe_of(2, "SGD,lr=0.1", "mse_loss"),
    )
    assert (found.outcome, found.findings) == ("agrees", ())
    assert [each.name for each in found.gradients or ()][:4] == [f"input.{number}" for number in range(4)]


def test_a_call_that_was_left_out(ports: Path, publish: Publish) -> None:
    found = compared(ports, "Recurrent", "make_recurrent", "[true]", STATES)
    assert [(each.what, each.name) for each in found.findings] == [("between", "")]


def test_layers_of_many_kinds_have_no_attribute_that_differs(ports: Path, publish: Publish) -> None:
    found = compared(ports, "Zoo", "make_zoo", inputs=["2x3x16x16:f32"])
    assert (found.outcome, found.findings, len(found.layers)) == ("agrees", (), 16)


def test_an_attribute_that_this_input_does_not_show(ports: Path, publish: Publish) -> None:
    found = compared(ports, "Zoo", "make_zoo", "[0.2]", ["2x3x16x16:f32"])
    (finding,) = found.findings
    assert (found.outcome, finding.what, finding.name) == ("agrees", "attribute", "norm")
    assert finding.attributes == (Attribute(name="momentum", python="0.1", dotnet="0.2"),)


@pytest.mark.parametrize(
    ("model", "inputs"),
    [
        ("Mlp", "4x20:f32"),
        ("Mnist", "3x1x28x28:f32"),
        ("Autoencoder", "3x1x28x28:f32"),
        ("Gpt", "2x16:i64:96"),
        ("LstmClassifier", "3x12:i64:100"),
        ("Unet", "4x1x32x32:f32"),
        ("Vit", "2x3x32x32:f32"),
    ],
)
def test_the_suites_own_models_have_no_finding(model: str, inputs: str, tmp_path: Path, publish: Publish) -> None:
    name = {"LstmClassifier": "lstm-classifier"}.get(model, model.lower())
    source = "from tscompat.python_side.models import ARCHITECTURES\ndef make():\n    return ARCHITECTURES[%r]()\n"
    (tmp_path / "models.py").write_text(source % name, encoding="utf-8")
    own = Own(publish.folder / "Peer.dll", f"TorchSharpCompat.Models.{model}")
    found = parity(f"{tmp_path / 'models.py'}:make", own, [inputs])
    assert (found.outcome, found.findings) == ("agrees", ())


# gradients and trainings


def test_gradients_agree(ports: Path, publish: Publish) -> None:
    found = parity(f"{PORTS}:make", Own(ports, "Ports.Right"), IMAGE, backward=True)
    assert (found.outcome, found.findings) == ("agrees", ())
    names = [each.name for each in found.gradients or ()]
    assert (names[0], len(names)) == ("input.0", 11)
    assert {each.outcome for each in found.gradients or ()} <= {"equal", "rounding"}


def test_a_gradient_that_ends_is_found_where_it_is_nearest_to_the_output(ports: Path, publish: Publish) -> None:
    found = parity(f"{PORTS}:make", Own(ports, "Ports.Right", "[5, true]"), IMAGE, backward=True)
    (finding,) = found.findings
    assert (found.outcome, finding.what, finding.name) == ("differs", "gradient", "norm.weight")
    assert finding.detail == ".NET has no gradient of it; so do 8 more"


@pytest.mark.parametrize(
    ("optimizer", "loss"), [("Adam,lr=1e-3", "cross_entropy"), ("SGD,lr=0.1,momentum=0.9,nesterov=true", "mse_loss")]
)
def test_a_training_agrees(optimizer: str, loss: str, ports: Path, publish: Publish) -> None:
    own, recipe = Own(ports, "Ports.Right"), recipe_of(4, optimizer, loss)
    found = parity(f"{PORTS}:make", own, ["4x3x6x6:f32"], recipe=recipe)
    assert (found.outcome, found.findings) == ("agrees", ())
    assert found.training is not None
    assert (found.training.steps, len(found.training.python), found.training.python) == (
        4,
        4,
        pytest.approx(found.training.dotnet, rel=1e-5),
    )


def test_a_training_draws_nothing(ports: Path, publish: Publish) -> None:
    own, recipe = Own(ports, "Ports.Recurrent"), recipe_of(2, "SGD,lr=0.1", "mse_loss")
    found = parity(f"{PORTS}:make_recurrent", own, STATES, recipe=recipe)
    assert (found.outcome, found.notes) == (
        "agrees",
        ("training: 1 dropout layers draw nothing on both sides (p = 0)",),
    )


def test_another_momentum_is_found_by_a_training(ports: Path, publish: Publish) -> None:
    own, recipe = Own(ports, "Ports.Zoo", "[0.2]"), recipe_of(2, "SGD,lr=0.1", "mse_loss")
    found = parity(f"{PORTS}:make_zoo", own, ["2x3x16x16:f32"], recipe=recipe)
    (finding,) = found.findings
    assert (found.outcome, finding.what, finding.name, finding.call) == ("differs", "training", "norm.running_mean", 1)
    assert finding.attributes == (Attribute(name="momentum", python="0.1", dotnet="0.2"),)


def test_where_outputs_differ_nothing_is_trained(ports: Path, publish: Publish) -> None:
    own, recipe = Own(ports, "Ports.WrongEps"), recipe_of(2, "SGD", "mse_loss")
    found = parity(f"{PORTS}:make", own, IMAGE, backward=True, recipe=recipe)
    assert (found.gradients, found.training, [each.what for each in found.findings]) == (None, None, ["layer"])
    assert found.notes == ("gradients and trainings are not compared, because the outputs differ",)


@pytest.mark.parametrize(
    ("steps", "optimizer", "loss", "sentence"),
    [
        (0, "Adam", "mse_loss", "--train 0: expected a number of steps"),
        (1, "Adam,lr", "mse_loss", "--optimizer Adam,lr: expected CLASS,OPTION=NUMBER"),
        (1, "Adam,lr=x", "mse_loss", "expected CLASS,OPTION=NUMBER"),
        (1, "Adam", "l1_loss", "--loss l1_loss: expected one of cross_entropy, mse_loss"),
    ],
)
def test_a_recipe_that_is_none(steps: int, optimizer: str, loss: str, sentence: str) -> None:
    with pytest.raises(ModelFileError, match=sentence):
        recipe_of(steps, optimizer, loss)


@pytest.mark.parametrize(
    ("optimizer", "loss", "sentence"),
    [
        ("Wrong", "mse_loss", "--optimizer Wrong: "),
        ("Adam,wrong=1", "mse_loss", "--optimizer Adam: "),
        ("LBFGS", "mse_loss", "--optimizer LBFGS: "),
    ],
)
def test_an_optimizer_that_one_side_lacks(
    optimizer: str, loss: str, sentence: str, ports: Path, publish: Publish
) -> None:
    with pytest.raises(ModelFileError, match=sentence):
        parity(f"{PORTS}:make", Own(ports, "Ports.Right"), IMAGE, recipe=recipe_of(1, optimizer, loss))


WRONG = {
    "no function": (f"{PORTS}:none", "Right", IMAGE, "there is no function 'none': it has Net"),
    "no file": ("none.py:make", "Right", IMAGE, r"expected FILE\.py:FUNCTION"),
    "no model": (f"{PORTS}:no_model", "Right", IMAGE, r"found a value of type int; expected a torch\.nn\.Module"),
    "another input": (f"{PORTS}:make", "Right", ["2x4x6x6:f32"], "a pass in Python fails: RuntimeError"),
    "no such class": (f"{PORTS}:make", "Wrong", IMAGE, r"has no module 'Ports\.Wrong'"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_compared(what: str, ports: Path, publish: Publish) -> None:
    python, name, inputs, sentence = WRONG[what]
    with pytest.raises(ModelFileError, match=sentence):
        parity(python, Own(ports, f"Ports.{name}"), inputs)


def test_without_dotnet(ports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ModelFileError, match="TorchSharp cannot be asked: there is no dotnet on PATH"):
        compared(ports, "Right")
