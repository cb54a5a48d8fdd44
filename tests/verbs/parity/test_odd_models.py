"""Models that are no pure functions, or return something else than tensors: none of them is called equal."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tscompat.dotnet_side.cache import Publish
from tscompat.files.item import ModelFileError
from tscompat.python_side.arguments import Argument
from tscompat.python_side.descent import cotangents, gradients, trained
from tscompat.python_side.passes import CannotRun, load_model, passes
from tscompat.python_side.torch_tensors import from_torch
from tscompat.values.tensors import Entry
from tscompat.verbs.parity import Own, Parity, parity, recipe_of

HEAD = """
import sys
from dataclasses import dataclass
import torch
from torch import nn
F = nn.functional


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.last = None

    def forward(self, x):
        {forward}


@dataclass
class Output:
    y: torch.Tensor


class Own:
    def __init__(self, y):
        self.y = y


def make():
    torch.manual_seed(0)
    return Net()
"""
INPUT = ["2x4:f32"]


def compared(folder: Path, own: Own, forward: str, inputs: list[str] = INPUT, more: str = "", **options: Any) -> Parity:
    (folder / "net.py").write_text(HEAD.format(forward=forward) + more, encoding="utf-8")
    return parity(f"{folder / 'net.py'}:make", own, inputs, **options)


@pytest.fixture
def more(ports: Path) -> Own:
    """A class that computes one linear layer."""
    return Own(ports, "Ports.Odd.More", "[4, 4]")


def odd(ports: Path, order: str) -> Own:
    return Own(ports, "Ports.Odd", f'[{{"order": "{order}"}}]')


RIGHT = 'y = self.fc(x); return {"mean": y, "scale": y.exp()}'


def test_outputs_of_a_dict_are_compared_by_their_keys(tmp_path: Path, ports: Path, publish: Publish) -> None:
    assert compared(tmp_path, odd(ports, "Right"), RIGHT).outcome == "agrees"


def test_outputs_under_each_others_keys(tmp_path: Path, ports: Path, publish: Publish) -> None:
    found = compared(tmp_path, odd(ports, "Swapped"), RIGHT)
    assert (found.outcome, [each.what for each in found.findings]) == ("differs", ["between"])


@pytest.mark.parametrize(("scale", "outcome"), [("1.0", "agrees"), ("1.001", "differs")])
def test_small_numbers_beside_large_ones(
    scale: str, outcome: str, tmp_path: Path, ports: Path, publish: Publish
) -> None:
    own = Own(ports, "Ports.Detector", f"[{scale}]")
    forward = "y = self.fc(x); return torch.cat([y * 10000, y], 1)"
    assert compared(tmp_path, own, forward).outcome == outcome


TIES = """

class Tied(Net):
    def __init__(self):
        super().__init__()
        self.head = {head}

    def forward(self, x):
        return self.head(self.fc(x).relu())
"""


SAME = "nn.Linear(4, 4); self.head.load_state_dict(self.fc.state_dict())"


@pytest.mark.parametrize(
    ("head", "tied", "where"),
    [
        ("self.fc", "true", ""),
        ("nn.Linear(4, 4)", "false", ""),
        ("self.fc", "false", "in Python and not in .NET"),
        (SAME, "true", "in .NET and not in Python"),
    ],
)
def test_what_is_tied_on_one_side_only(
    head: str, tied: str, where: str, tmp_path: Path, ports: Path, publish: Publish
) -> None:
    (tmp_path / "net.py").write_text(HEAD.format(forward="return x") + TIES.format(head=head), encoding="utf-8")
    found = parity(f"{tmp_path / 'net.py'}:Tied", Own(ports, "Ports.Tied", f"[{tied}]"), INPUT)
    names = ["weight", "bias"] if where else []
    notes = [f"tied {where}: fc.{each}, head.{each}: in a training they part" for each in names]
    assert (found.outcome, [*found.notes]) == ("agrees", notes)


PADDED = """

class Tokens(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(10, 4, padding_idx=0)

    def forward(self, x):
        return self.embedding(x)
"""


def test_a_row_for_padding_is_seen_by_its_gradient(tmp_path: Path, ports: Path, publish: Publish) -> None:
    """TorchSharp's layer does not keep the number, so it cannot be compared as an attribute."""
    (tmp_path / "net.py").write_text(HEAD.format(forward="return x") + PADDED, encoding="utf-8")
    found = parity(f"{tmp_path / 'net.py'}:Tokens", Own(ports, "Ports.Tokens"), ["3x9:i64"], backward=True)
    assert [(each.what, each.name) for each in found.findings] == [("gradient", "embedding.weight")]


def test_outputs_in_a_dataclass(tmp_path: Path, more: Own, publish: Publish) -> None:
    assert compared(tmp_path, more, "return Output(self.fc(x))").outcome == "agrees"
    assert compared(tmp_path, more, "return Output(self.fc(x).relu())").outcome == "differs"


def test_more_outputs_in_dotnet_are_stated(tmp_path: Path, more: Own, publish: Publish) -> None:
    notes = compared(tmp_path, more, "return self.fc(x)").notes
    assert notes == (".NET returns 1 outputs more than Python: they are not compared",)


def test_an_argument_that_was_left_out_before_one_that_was_given(tmp_path: Path, ports: Path, publish: Publish) -> None:
    code = "\n".join(
        [
            "",
            "class Masked(nn.Module):",
            "    def __init__(self):",
            "        super().__init__()",
            "        self.attention = nn.MultiheadAttention(8, 2)",
            "    def forward(self, x, mask):",
            "        return self.attention(x, x, x, attn_mask=mask, need_weights=False)[0]",
            "def make():",
            "    return Masked()",
        ]
    )
    found = compared(tmp_path, Own(ports, "Ports.Masked"), "return x", ["3x2x8:f32", "3x3:f32"], code)
    assert (found.outcome, found.findings) == ("agrees", ())


WRONG = {
    "random": ("return self.fc(F.dropout(x))", "the whole model computes something else in a second pass"),
    "with a state": (
        "y = self.fc(x) + (0 if self.last is None else self.last); self.last = y; return y",
        "it draws random numbers in eval mode .* or keeps a state",
    ),
    "no tensor": ("return Own(self.fc(x))", "the model returns no tensor"),
    "only NaN": ("return self.fc(x) * float('nan')", "all outputs are NaN or infinite"),
    "exit": ("sys.exit(0)", "a pass in Python fails: SystemExit"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_nothing_can_be_compared_with(what: str, tmp_path: Path, more: Own) -> None:
    forward, sentence = WRONG[what]
    with pytest.raises(ModelFileError, match=sentence):
        compared(tmp_path, more, forward)


FILES = {
    "exit.py": ("import sys\nsys.exit(0)\n", "SystemExit"),
    "text.txt": ("no python\n", "SyntaxError"),
    "script.py": (
        "import torch\ndef make(): return torch.jit.script(torch.nn.Linear(4, 4))\n",
        "a pass in Python fails",
    ),
    "meta.py": ("import torch\ndef make(): return torch.nn.Linear(4, 4, device='meta')\n", "meta device"),
    "quantized.py": (
        "import torch\ndef make():\n    model = torch.nn.Sequential(torch.nn.Linear(4, 4))\n"
        "    return torch.ao.quantization.quantize_dynamic(model)\n",
        "and no tensor|not all of it",
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FILES)
def test_files_that_give_no_model(name: str, tmp_path: Path, more: Own) -> None:
    source, sentence = FILES[name]
    (tmp_path / name).write_text(source, encoding="utf-8")
    with pytest.raises(ModelFileError, match=sentence):
        parity(f"{tmp_path / name}:make", more, INPUT)


def test_what_the_file_prints_is_no_output(
    tmp_path: Path, more: Own, publish: Publish, capsys: pytest.CaptureFixture[str]
) -> None:
    compared(tmp_path, more, "print('in forward'); return self.fc(x)", more="print('at import')")
    out, err = capsys.readouterr()
    assert (out, "at import" in err, "in forward" in err) == ("", True, True)
    assert str(tmp_path) not in sys.path


def test_a_generic_class(tmp_path: Path, ports: Path, publish: Publish) -> None:
    with pytest.raises(ModelFileError, match=r"Ports\.Generic`1 is generic: give a class that can be built"):
        compared(tmp_path, Own(ports, "Ports.Generic`1"), "return self.fc(x)")


# gradients and trainings

RECIPE = recipe_of(3, "SGD,lr=0.1", "mse_loss")


def test_a_gradient_that_only_dotnet_has(tmp_path: Path, more: Own, publish: Publish) -> None:
    found = compared(tmp_path, more, "self.fc.weight.requires_grad_(False); return self.fc(x), x", backward=True)
    assert [(each.what, each.name, each.detail) for each in found.findings] == [
        ("gradient", "fc.weight", "Python has no gradient of it")
    ]


TRAININGS: dict[str, tuple[str, str]] = {
    "random numbers while it trains": (
        "return self.fc(F.dropout(x, 0.5, self.training)), x",
        r"a second training in Python gives something else \(.*\): the model draws random numbers",
    ),
    "no training": (
        "assert not self.training, 'only eval'; return self.fc(x), x",
        "a training in Python fails: AssertionError: only eval",
    ),
}


@pytest.mark.parametrize("what", TRAININGS)
def test_a_training_that_nothing_can_be_compared_with(what: str, tmp_path: Path, more: Own, publish: Publish) -> None:
    forward, sentence = TRAININGS[what]
    with pytest.raises(ModelFileError, match=sentence):
        compared(tmp_path, more, forward, recipe=RECIPE)


@pytest.mark.parametrize(
    "layer", ["nn.LSTM(4, 4, num_layers=2, dropout=0.5)", "nn.MultiheadAttention(4, 2, dropout=0.1)"]
)
def test_a_dropout_inside_of_a_layer_is_not_trained(layer: str, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(f"from torch import nn\n\ndef make():\n    return nn.Sequential({layer})\n")
    model = load_model(f"{tmp_path / 'net.py'}:make")
    with pytest.raises(CannotRun, match=r"'0' has a dropout inside, .*: give dropout=0 in both constructors"):
        trained(model, RECIPE, [], [])


def test_an_input_that_is_changed_in_place(tmp_path: Path, ports: Path, publish: Publish) -> None:
    found = compared(tmp_path, Own(ports, "Ports.InPlace"), "return self.fc(x.mul_(2))", backward=True)
    assert (found.outcome, [each.name for each in found.gradients or ()]) == (
        "agrees",
        ["input.0", "fc.weight", "fc.bias"],
    )


@pytest.mark.parametrize(
    ("forward", "sentence"),
    [
        ("return self.fc(x).argmax(1), x.long()", "no output is of a floating type, so there are no gradients"),
        (
            "with torch.no_grad(): return self.fc(x), x.detach()",
            "a pass backward in Python fails: RuntimeError: element 0",
        ),
    ],
)
def test_no_gradients(forward: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(HEAD.format(forward=forward), encoding="utf-8")
    model = load_model(f"{tmp_path / 'net.py'}:make")
    inputs = [torch.ones(2, 4)]
    whole = passes(model, inputs, [Argument()])[-1]
    given = [Entry("input.0", from_torch(inputs[0])), *cotangents(whole.outputs)]
    with pytest.raises(CannotRun, match=sentence):
        gradients(model, given, [Argument()])


ORDERED = """

class Ordered(Net):
    def forward(self, x, mask=None, pos=None):
        y = self.fc(x if pos is None else x + pos)
        return y if mask is None else y * mask
"""


@pytest.mark.parametrize("given", [["pos=2x4:f32"], ["2x4:f32", "2x4:f32"], ["mask=2x4:f32"]])
def test_arguments_go_by_their_names(given: list[str], tmp_path: Path, ports: Path, publish: Publish) -> None:
    (tmp_path / "net.py").write_text(HEAD.format(forward="return x") + ORDERED, encoding="utf-8")
    found = parity(f"{tmp_path / 'net.py'}:Ordered", Own(ports, "Ports.Ordered"), [*INPUT, *given])
    assert (found.outcome, found.findings) == ("agrees", ())


def test_a_training_that_diverges_is_noted(tmp_path: Path, ports: Path, publish: Publish) -> None:
    (tmp_path / "net.py").write_text(HEAD.format(forward="return x") + TIES.format(head="self.fc"), encoding="utf-8")
    recipe = recipe_of(3, "SGD,lr=1e30", "mse_loss")
    found = parity(f"{tmp_path / 'net.py'}:Tied", Own(ports, "Ports.Tied", "[true]"), INPUT, recipe=recipe)
    assert found.notes == ("from step 2 on, Python's losses are not finite",)


def test_the_whole_is_run_before_its_layers(tmp_path: Path, ports: Path, publish: Publish) -> None:
    found = compared(tmp_path, Own(ports, "Ports.Once"), "return self.fc(x)")
    assert found.layers[-1].outcome in ("equal", "rounding")


def test_gradients_beside_an_integer_output(tmp_path: Path, ports: Path, publish: Publish) -> None:
    forward = "y = self.fc(x); return y.argmax(1), y"
    found = compared(tmp_path, Own(ports, "Ports.Indexed"), forward, backward=True)
    assert (found.outcome, len(found.gradients or ())) == ("agrees", 3)
