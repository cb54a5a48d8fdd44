"""A load whose names TorchSharp refuses is made again without strict, by every overload that loads into a module."""

from __future__ import annotations

from typing import Any

import pytest

from doubles import FakePeer, MakeJob, transfer, with_peer
from honest_peer import HonestPeer
from tscompat.catalogue import Tensors
from tscompat.dotnet_side.client import WithoutDotnet
from tscompat.dotnet_side.messages import AnyAnswer, AnyCall, Bag, Load, Loaded, NativeModule, Placement, Save, Thrown
from tscompat.routes import ROUTES, Job, dotnet_half
from tscompat.routes.dotnet_half import RefusedLoad
from tscompat.routes.route import PYTHON_TO_DOTNET
from tscompat.values.verdict import Kind

TIED = "tied/flat/f32"
"""TorchSharp has one entry for the two names of a parameter: a strict load is refused."""
INTO_MODULES = [
    name
    for name, route in ROUTES.items()
    if Tensors in route.subjects
    and PYTHON_TO_DOTNET in route.directions
    and name.startswith(("dat", "pybridge"))
    # neither library gets as far as the names: safetensors refuses to write this case, PyBridge to read an old pickle
    and "safetensors" not in name
    and name != "pybridge-legacy"
]
OTHER_NAMES = Thrown("System.ArgumentException", "Mismatched state_dict sizes: expected 2, but found 3 entries.")


@pytest.mark.parametrize("route", INTO_MODULES)
def test_the_entries_that_both_have_are_compared_by_every_overload(real_job: MakeJob, route: str) -> None:
    verdict = transfer(real_job(TIED, route), route, PYTHON_TO_DOTNET).verdicts["bits"]
    assert verdict.kind is Kind.REFUSED
    assert verdict.detail.endswith("; without strict: missing 'decoder.weight'; the other 2 are equal")


def test_safetensors_are_loaded_without_strict_too(real_job: MakeJob) -> None:
    job = real_job("layer/crossentropyloss/weight-child/f32", "pybridge-safetensors")
    verdict = transfer(job, "pybridge-safetensors", PYTHON_TO_DOTNET).verdicts["bits"]
    assert verdict.kind is Kind.REFUSED
    assert verdict.detail.endswith(
        "; without strict: missing 'layer.weight'; unexpected 'layer.<weight>k__BackingField'; there are no others"
    )


def calls(job: Job[Any], *, lax: bool = True) -> list[bool]:
    """Whether each load that the peer was asked for is strict."""
    assert isinstance(job.peer, FakePeer)
    dotnet_half.load(job, dotnet_half.module(job), lax=lax)
    return [call.strict for call in job.peer.calls if isinstance(call, Load)]


@pytest.mark.parametrize(
    ("message", "strict"),
    [
        (OTHER_NAMES.message, [True, False]),
        ("Mismatched module state names: the target modules does not have 'w'", [True, False]),
        ("The loaded state_dict is not identical to the target dictionary.", [True, False]),
        ("The specified state dict is not identical to the target dictionary.", [True, False]),
        ("Bytes() called on non-contiguous tensor.", [True]),
    ],
)
def test_a_load_is_made_again_where_the_names_are_refused(make_job: MakeJob, message: str, strict: list[bool]) -> None:
    job = with_peer(make_job(TIED, "dat"), lambda call: Thrown("System.Exception", message))
    assert calls(job) == strict


def test_a_damaged_file_is_not_loaded_again(make_job: MakeJob) -> None:
    assert calls(with_peer(make_job(TIED, "dat"), lambda call: OTHER_NAMES), lax=False) == [True]


def test_a_load_that_is_not_refused_is_made_once(make_job: MakeJob) -> None:
    loaded = Loaded(differences=(), missing=(), unexpected=(), digest="", quantizer=None)
    assert calls(with_peer(make_job(TIED, "dat"), lambda call: loaded)) == [True]


def test_both_answers_are_given(make_job: MakeJob) -> None:
    loaded = Loaded(differences=(), missing=(), unexpected=(), digest="", quantizer=None)

    def answer(call: AnyCall) -> AnyAnswer:
        assert isinstance(call, Load)
        return OTHER_NAMES if call.strict else loaded

    job = with_peer(make_job(TIED, "dat"), answer)
    assert dotnet_half.load(job, dotnet_half.module(job)) == RefusedLoad(OTHER_NAMES, loaded)


def test_a_run_without_dotnet_makes_no_second_load(make_job: MakeJob) -> None:
    def answer(call: AnyCall) -> AnyAnswer:
        assert isinstance(call, Load)
        return OTHER_NAMES if call.strict else WithoutDotnet().ask(call)  # pyright: ignore

    job = with_peer(make_job(TIED, "dat"), answer)
    assert dotnet_half.load(job, dotnet_half.module(job)) == OTHER_NAMES


# What .NET is asked.

PLAIN = Placement(device="cpu", layout="contiguous", scale=1.0, zero_point=0)


def bag(
    buffers: tuple[int, ...] = (),
    tied: dict[str, str] | None = None,
    transient: tuple[str, ...] = (),
    *,
    nested: bool = False,
    reverse: bool = False,
    varied: bool = False,
) -> Bag:
    return Bag(buffers=buffers, tied=tied or {}, transient=transient, nested=nested, reversed=reverse, varied=varied)


@pytest.mark.parametrize(
    ("case_id", "expected"),
    [
        ("role/both/bf16", bag((1,))),
        ("role/parameters/f32", bag()),
        ("role/flags/f32", bag((2,), nested=True, varied=True)),
        (TIED, bag(tied={"decoder.weight": "encoder.weight"})),
        ("tied/nested/f32", bag(tied={"decoder.weight": "encoder.weight"}, nested=True)),
        ("load/transient/left-out/f32", bag((1,), transient=("t",))),
        ("load/tied/submodules/f32", bag(tied={"n.b": "m.a"}, nested=True)),
        ("guarantee/save-then-load/f32", bag()),
    ],
)
def test_a_module_of_tensors_is_described_as_the_case_has_it(make_job: MakeJob, case_id: str, expected: Bag) -> None:
    assert dotnet_half.module(make_job(case_id, "dat")) == expected


def test_a_module_can_be_registered_from_the_last_tensor_to_the_first(make_job: MakeJob) -> None:
    job = make_job("role/both/bf16", "dat")
    assert dotnet_half.module(job, reverse=True) == bag((1,), reverse=True)
    assert dotnet_half.bag(job) == bag((1,))


def test_a_module_that_dotnet_builds_is_described_by_its_name(make_job: MakeJob) -> None:
    assert dotnet_half.module(make_job("arch/mlp/f16", "dat")) == NativeModule("arch", "mlp", "f16")


def test_a_layer_is_described_for_dotnets_factory(make_job: MakeJob) -> None:
    job = make_job("layer/linear/default/bf16", "dat")
    assert dotnet_half.module(job) == NativeModule("layer", job.subject.dotnet, "bf16")


def test_a_save_is_asked_for_with_the_files_of_the_job(make_job: MakeJob) -> None:
    peer = HonestPeer()
    job = make_job("quantized/per-tensor/qi8", "dat", peer)
    dotnet_half.save(job, dotnet_half.module(job))
    quantized = Placement(device="cpu", layout="contiguous", scale=0.25, zero_point=3)
    assert peer.calls == [
        Save("module-path", str(job.expected_file), str(job.artifact), dotnet_half.module(job), quantized, flip=None)
    ]


@pytest.mark.parametrize(("case_id", "identity"), [("pattern/identity/f32", True), ("pattern/random/f32", False)])
def test_a_load_is_asked_for_with_the_files_of_the_job(make_job: MakeJob, case_id: str, identity: bool) -> None:
    peer = FakePeer(lambda call: Thrown("System.Exception", "no"))
    job = make_job(case_id, "dat", peer)
    into = dotnet_half.module(job)
    dotnet_half.load(job, into)
    dotnet_half.load(job, into, artifact=job.expected_file, layout="sliced")
    expected, artifact = str(job.expected_file), str(job.artifact)
    sliced = Placement(device="cpu", layout="sliced", scale=1.0, zero_point=0)
    assert peer.calls == [
        Load("module-path", expected, artifact, into, PLAIN, identity=identity, strict=True),
        Load("module-path", expected, expected, into, sliced, identity=identity, strict=True),
    ]
