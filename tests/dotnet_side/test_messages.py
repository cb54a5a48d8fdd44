"""The messages at the border: each comes back as it was, and an unknown or a missing field is refused."""

from __future__ import annotations

import json
from typing import Any, cast, get_args

import msgspec
import pytest

from tscompat.dotnet_side import messages
from tscompat.dotnet_side.messages import (
    AnyAnswer,
    AnyCall,
    Bag,
    Done,
    Fault,
    LoadedInto,
    NativeModule,
    ParameterGroup,
    Placement,
    Ready,
    Refusal,
    Reply,
    SchemaEntry,
    SchemaFound,
    Thrown,
    answers,
    decode_call,
    decode_reply,
    encode,
)
from tscompat.values.compare import Difference
from tscompat.values.text import escaped
from tscompat.values.verdict import FirstDifference

PLACEMENT = Placement(device="cpu", layout="contiguous", scale=0.25, zero_point=3)
BAG = Bag(buffers=(1,), tied={"b": "a"}, transient=("t",), nested=True, reversed=False, varied=False)
NATIVE = NativeModule("layer", "{}", "bf16")
OWN = messages.OwnModule("App.dll", "My.Net", "[10, true]")
CALLS: list[AnyCall] = [
    messages.Save("o", "e", "a", BAG, PLACEMENT, 3),
    messages.Load("o", "e", "a", NATIVE, PLACEMENT, identity=True, strict=False),
    messages.Schema(NATIVE),
    messages.Forward(True, "f32", "e", NATIVE, "i", "o", train=True, device="cpu"),
    messages.LoadInto("o", "e", "a", BAG, "path", strict=True, skip=("x",), report=False),
    messages.Probe("p", "e", "a", BAG, PLACEMENT),
    messages.UseOptimizer(
        *("o", "Adam", (ParameterGroup({"lr": 0.5, "amsgrad": True}, 2),), "i", (0, 1), None, "fresh", "s", (2, 3)),
        *(("m0", "m1"), ("p0", "p1", "p2"), PLACEMENT),
    ),
    messages.RunProgram("o", "a", "i", "out", PLACEMENT),
    messages.Train("e", NATIVE, "b", "Adam", {"lr": 0.5, "amsgrad": True}, "mse_loss", 20, "o", "cpu", None),
    messages.LoadHostile("r", "e", "w", "a"),
    messages.Parts(OWN),
    messages.RunParts(
        "e", OWN, (messages.PartRun("fc", (1, 0, 2), ("x", "m", "s"), {"causal": True}, {"scale": 0.5}),), "i", "o"
    ),
    messages.Backward("e", OWN, messages.PartRun("", (1,), ("x",), {}, {}), "i", "o"),
]
DIFFERENCE = Difference("bits", "element [0]", FirstDifference("w", "element", 4, "0x00 (0)", "0x01 (1)"))
ANSWERS: list[AnyAnswer] = [
    Done(),
    messages.Loaded((DIFFERENCE,), ("v",), ("w",), "digest", (0.25, 3)),
    SchemaFound((SchemaEntry("w", 6, (2, 3), buffer=False),)),
    LoadedInto(Thrown("System.Exception", "no"), None, {"w": "digest"}, {"w": True}),
    messages.HostileLoaded(None, {"w": "digest"}, ("w",), 1 << 40, True, Thrown("System.Exception", "no"), {}),
    messages.PartsFound((messages.Part("fc", "TorchSharp.Modules.Linear", {"in_features": "3"}),), (("a", "b"),)),
    messages.PartsRan({1: Thrown("System.Exception", "no")}),
    messages.Observed("the same bits"),
    messages.Unable("not here"),
    messages.OptimizerUsed({"begin": Thrown("System.Exception", "no")}),
    Thrown("System.Exception", "no"),
    Ready({"dotnet": "8"}),
    Refusal("unknown"),
    Fault("Traceback"),
]


def test_there_is_an_example_of_each_call_and_each_answer() -> None:
    assert {type(call) for call in CALLS} == set(get_args(AnyCall))
    assert {type(answer) for answer in ANSWERS} == set(get_args(AnyAnswer))


@pytest.mark.parametrize("call", CALLS, ids=lambda call: type(call).__name__)
def test_a_call_comes_back_as_it_was(call: AnyCall) -> None:
    assert decode_call(encode(call)) == call


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: type(answer).__name__)
def test_a_reply_comes_back_as_it_was(answer: AnyAnswer) -> None:
    assert decode_reply(encode(Reply(answer, 0.5))) == Reply(answer, 0.5)


def fields(message: Any) -> list[str]:
    """The fields of a message on the wire, and those of its parts as ``part.field``."""
    found: list[str] = []
    written: dict[str, Any] = json.loads(encode(message))
    for name, value in written.items():
        found.append(name)
        if str(value).startswith("{") and "lr" not in str(value):
            found += [f"{name}.{inner}" for inner in cast("dict[str, Any]", value)]
    return found


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (call, name)
        for call in CALLS
        for name in fields(call)
        if name not in ("module.tied", "groups") and not name.endswith((".type", "tied.b"))
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_call_without_one_of_its_fields_is_refused(call: AnyCall, field: str) -> None:
    document: dict[str, Any] = json.loads(encode(call))
    *path, leaf = field.split(".")
    owner = document[path[0]] if path else document
    del owner[leaf]
    with pytest.raises(msgspec.ValidationError):
        decode_call(json.dumps(document).encode())


@pytest.mark.parametrize("call", CALLS, ids=lambda call: type(call).__name__)
def test_a_call_with_a_field_more_is_refused(call: AnyCall) -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field `shape`"):
        decode_call(json.dumps({**json.loads(encode(call)), "shape": []}).encode())


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: type(answer).__name__)
def test_a_reply_with_a_field_more_is_refused(answer: AnyAnswer) -> None:
    document = json.loads(encode(Reply(answer, 0.5)))
    document["answer"]["shape"] = []
    with pytest.raises(msgspec.ValidationError, match="unknown field `shape`"):
        decode_reply(json.dumps(document).encode())


def test_an_unknown_call_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="Invalid value 'lood'"):
        decode_call(b'{"call": "lood"}')


@pytest.mark.parametrize(
    ("call", "answer", "fits"),
    [
        (CALLS[0], Done(), True),
        (CALLS[0], messages.Observed("x"), False),
        (CALLS[5], messages.Observed("x"), True),
        (CALLS[5], messages.Unable("x"), True),
        (CALLS[5], Done(), False),
    ],
)
def test_an_answer_is_of_the_type_that_the_call_names(call: AnyCall, answer: AnyAnswer, fits: bool) -> None:
    assert answers(call, answer) is fits


def test_what_is_no_unicode_text_can_be_sent() -> None:
    words = escaped("a\udcffb")
    assert decode_reply(encode(Reply(Thrown("T", words), 0.0))).answer == Thrown("T", "a\\udcffb")
