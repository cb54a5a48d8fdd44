"""What is computed on CUDA, held to the bounds of the device. Here the CPU computes in the device's place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from doubles import MakeJob, changing, transfer
from honest_peer import HonestPeer
from tscompat.catalogue import load_bounds, load_catalogue
from tscompat.codec import encode_state_dict, read_state_dict
from tscompat.dotnet_side.messages import Forward
from tscompat.python_side import torch_tensors
from tscompat.python_side.models import native
from tscompat.resources.whole import write_whole
from tscompat.routes import verdict_ids
from tscompat.routes.route import PYTHON_TO_DOTNET
from tscompat.values.tensors import Entry, StateDict
from tscompat.values.verdict import Kind, Verdict

LSTM, LINEAR = "layer/lstm/default/f32", "layer/linear/default/f32"


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The devices on which Python was to compute; it computes on the CPU."""
    devices: list[str] = []
    honest = native.forward

    def on_the_cpu(*arguments: Any) -> StateDict:
        devices.extend(arguments[4:])
        return honest(*arguments[:4])

    monkeypatch.setattr(native, "forward", on_the_cpu)
    return devices


def verdicts(
    make_job: MakeJob, case_id: str, device: str, scale: float, when: Callable[[Forward], bool] = lambda call: True
) -> dict[str, Verdict]:
    """The verdicts where .NET's outputs of the calls of ``when`` are ``scale`` times as large as Python's."""

    def scaled(call: Any) -> None:
        if isinstance(call, Forward) and when(call):
            entries = read_state_dict(Path(call.outputs))
            tensors = [(name, torch_tensors.to_torch(tensor) * scale) for name, tensor in entries]
            made = [Entry(name, torch_tensors.from_torch(tensor)) for name, tensor in tensors]
            write_whole(Path(call.outputs), encode_state_dict(made))

    job = replace(make_job(case_id, "forward", HonestPeer(load_catalogue()[case_id].subject)), reader_device=device)
    return dict(transfer(changing(job, scaled), "forward", PYTHON_TO_DOTNET).verdicts)


def test_every_case_is_tried_on_both_devices() -> None:
    ids = [each for each in verdict_ids(load_catalogue()) if each.route == "forward"]
    there = {device: {(each.case, each.check) for each in ids if each.device == device} for device in ("cpu", "cuda")}
    assert there["cpu"] == there["cuda"]
    assert {each.device for each in ids} == {"cpu", "cuda"}


def test_python_computes_on_the_same_device(make_job: MakeJob, asked: list[str]) -> None:
    assert {each.kind for each in verdicts(make_job, LINEAR, "cuda", 1).values()} == {Kind.PASS}
    assert set(asked) >= {"cuda"}


@pytest.mark.parametrize(
    ("case_id", "device", "kind"),
    [(LSTM, "cpu", Kind.BITS), (LSTM, "cuda", Kind.PASS), (LINEAR, "cuda", Kind.BITS)],
)
def test_a_layer_that_rounds_more_there_has_a_wider_bound_there(
    make_job: MakeJob, case_id: str, device: str, kind: Kind
) -> None:
    assert verdicts(make_job, case_id, device, 1 + 2.0**-19)["forward"].kind is kind


@pytest.mark.parametrize(("scale", "kind"), [(1 + 2.0**-23, Kind.PASS), (1.01, Kind.BITS)])
def test_after_a_load_rounding_must_explain_other_bits(make_job: MakeJob, scale: float, kind: Kind) -> None:
    assert verdicts(make_job, LINEAR, "cuda", scale, lambda call: call.load)["loaded"].kind is kind
    assert verdicts(make_job, LINEAR, "cpu", scale, lambda call: call.load)["loaded"].kind is Kind.BITS


@pytest.mark.parametrize(
    ("dtype", "device", "kind"),
    [("bf16", "cuda", Kind.NOT_RUN), ("f32", "cuda", Kind.PASS), ("bf16", "cpu", Kind.PASS)],
)
def test_narrow_dtypes_predict_nothing_there(make_job: MakeJob, dtype: str, device: str, kind: Kind) -> None:
    assert verdicts(make_job, f"arch/mnist-trained/{dtype}", device, 1)["predictions"].kind is kind


def test_the_last_row_that_fits_holds_and_each_row_fits_a_case() -> None:
    from fnmatch import filter as matching

    cases = {each.case for each in verdict_ids(load_catalogue()) if each.route == "forward"}
    rows = load_bounds("cuda")
    assert next(iter(rows)) == "*"
    assert [pattern for pattern in rows if not matching(cases, pattern)] == []
