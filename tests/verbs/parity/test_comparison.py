"""How outputs are compared: bit for bit, by what rounding explains, or by their size where no reference can be had."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tscompat.dotnet_side.messages import Thrown
from tscompat.python_side.arguments import Argument
from tscompat.python_side.passes import CannotRun, Pass, References, steady_passes
from tscompat.values.tensors import StateDict
from tscompat.verbs.parity.comparison import layer
from verbs.items import entry

HALF = 2**-24
"""Half of an ULP of 1 in float32."""


class WithTable(nn.Module):
    """Keeps a tensor that is no buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 3)
        self.table = torch.eye(3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x) @ self.table


def outcome(ours: list[float], theirs: StateDict | Thrown | None, why: str = "") -> tuple[str, str]:
    """Of a pass whose references cannot be computed."""

    def none(one: Pass) -> dict[str, object]:
        raise CannotRun("it has no float64")

    one = Pass("fc", 1, (1,), {}, {}, [], [entry("0", ours)], why, ((), {}))
    found = layer(one, theirs, none, "Linear", "Linear")  # pyright: ignore[reportArgumentType]
    return found.outcome, found.detail


def test_the_same_bits() -> None:
    assert outcome([1, 2], [entry("0", [1, 2])]) == ("equal", "")


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [([1, 1 + 1000 * HALF], "rounding"), ([1, 1 + 1100 * HALF], "differs"), ([1, float("nan")], "differs")],
)
def test_without_a_reference_the_size_decides(theirs: list[float], expected: str) -> None:
    assert outcome([1, 1], [entry("0", theirs)])[0] == expected


def test_without_a_reference_another_type_differs() -> None:
    assert outcome([1, 1], [entry("0", [1, 1], "f64")])[0] == "differs"


def test_a_missing_output() -> None:
    assert outcome([1], []) == ("differs", "0 outputs in .NET, 1 in Python")


def test_what_dotnet_throws() -> None:
    assert outcome([1], Thrown("System.Exception", "no\nmore")) == ("fails", "System.Exception: no")


def test_what_cannot_be_given_to_dotnet_is_no_failure() -> None:
    assert outcome([1], Thrown("", "no forward takes it")) == ("not-compared", "no forward takes it")


def test_a_tensor_that_is_a_plain_attribute_is_widened() -> None:
    model = WithTable().eval()
    made = steady_passes(model, [torch.ones(2, 3)], [Argument()])
    assert [*References(model).of(made[-1])] == ["0"]


def test_what_cannot_be_copied_has_no_reference() -> None:
    model = nn.Sequential(nn.Linear(3, 3)).eval()
    model.generator = (number for number in range(3))  # pyright: ignore[reportAttributeAccessIssue, reportArgumentType]
    made = steady_passes(model, [torch.ones(2, 3)], [Argument()])
    with pytest.raises(CannotRun, match="the model cannot be copied in float64: TypeError"):
        References(model).of(made[-1])
