"""Verdicts of the routes by torch.jit and torch.save: what a pass must show, and what a lying peer cannot fake."""

from __future__ import annotations

import zipfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from doubles import MakeJob, kinds, transfer, with_peer
from honest_peer import HonestPeer
from tscompat.catalogue import Model, load_catalogue, make_inputs
from tscompat.codec import encode_state_dict, read_state_dict
from tscompat.dotnet_side.digest import digest
from tscompat.dotnet_side.errors import PeerBroken
from tscompat.dotnet_side.messages import AnyAnswer, AnyCall, Done, Load, Loaded, RunProgram, Save, Thrown
from tscompat.python_side.models import programs
from tscompat.python_side.torch_tensors import poison
from tscompat.resources.whole import write_whole
from tscompat.routes import ROUTES, dotnet_half
from tscompat.routes.route import DOTNET_TO_PYTHON, PYTHON_TO_DOTNET
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, Quantizer, Tensor
from tscompat.values.verdict import PASS, Kind

BAG = "role/both/bf16"
MODEL = "layer/linear/default/f32"


@pytest.mark.parametrize("direction", [PYTHON_TO_DOTNET, DOTNET_TO_PYTHON])
@pytest.mark.parametrize("case", [BAG, MODEL])
def test_the_real_peer_passes(real_job: MakeJob, case: str, direction: str) -> None:
    assert set(kinds(real_job(case, "torchscript"), "torchscript", direction).values()) == {Kind.PASS}


@pytest.mark.parametrize("direction", [PYTHON_TO_DOTNET, DOTNET_TO_PYTHON])
def test_a_single_tensor_goes_as_a_script(real_job: MakeJob, direction: str) -> None:
    job = real_job("pattern/random/bf16", "torch-save-script")
    assert kinds(job, "torch-save-script", direction) == {"bits": Kind.PASS}


def test_a_peer_that_reports_no_difference_without_reading_is_found_out(make_job: MakeJob) -> None:
    job = make_job(BAG, "torchscript")
    lying = with_peer(job, lambda call: Loaded(differences=(), missing=(), unexpected=(), digest="", quantizer=None))
    with pytest.raises(PeerBroken, match="its digest is not that of the case's bits"):
        transfer(lying, "torchscript", PYTHON_TO_DOTNET)


def test_a_peer_that_saves_nothing_leaves_the_other_bits(make_job: MakeJob) -> None:
    idle = with_peer(make_job(BAG, "torchscript"), lambda call: Done())
    assert kinds(idle, "torchscript", DOTNET_TO_PYTHON) == {"bits": Kind.BITS}


def test_a_buffer_that_is_saved_as_a_parameter_is_seen(make_job: MakeJob) -> None:
    job = make_job(BAG, "torchscript")
    swapped = replace(job.subject, specs=tuple(replace(spec, buffer=not spec.buffer) for spec in job.specs))

    def save(call: AnyCall) -> AnyAnswer:
        programs.save_script(job.artifact, swapped, job.entries, [])
        return Done()

    verdict = transfer(with_peer(job, save), "torchscript", DOTNET_TO_PYTHON).verdicts["bits"]
    assert (verdict.kind, verdict.detail) == (
        Kind.NAMES,
        "'parameter' is a parameter in Python, a buffer in .NET; 2 entries differ so",
    )


def test_a_quantizer_that_another_takes_the_place_of_is_seen(make_job: MakeJob) -> None:
    job = make_job("quantized/per-tensor/qi8", "torchscript")
    other = replace(job.subject, quantizer=Quantizer(0.5, 1))

    def save(call: AnyCall) -> AnyAnswer:
        programs.save_script(job.artifact, other, job.entries, [])
        return Done()

    verdicts = transfer(with_peer(job, save), "torchscript", DOTNET_TO_PYTHON).verdicts
    assert verdicts["bits"] is PASS
    assert verdicts["quantizer"].detail == "scale 0.25 and zero point 3 became scale 0.5 and zero point 1"


def test_a_file_that_python_cannot_read_is_a_difference_of_bytes(make_job: MakeJob) -> None:
    def save(call: AnyCall) -> AnyAnswer:
        assert isinstance(call, Save)
        Path(call.artifact).write_bytes(b"PK")
        return Done()

    spoiled = with_peer(make_job(BAG, "torchscript"), save)
    assert kinds(spoiled, "torchscript", DOTNET_TO_PYTHON) == {"bits": Kind.BYTES}


def test_a_model_that_computes_something_else_is_found_out(make_job: MakeJob) -> None:
    job = make_job(MODEL, "torchscript")

    def answer(call: AnyCall) -> AnyAnswer:
        if isinstance(call, RunProgram):
            write_whole(Path(call.outputs), encode_state_dict([Entry("0", Tensor(BY_NAME["f32"], (2, 3), bytes(24)))]))
            return Done()
        return Loaded(differences=(), missing=(), unexpected=(), digest=digest(job.entries), quantizer=None)

    found = kinds(with_peer(job, answer), "torchscript", PYTHON_TO_DOTNET)
    assert found == {"bits": Kind.PASS, "forward": Kind.BITS}


def test_what_pytorch_refuses_is_an_unreadable_file(make_job: MakeJob) -> None:
    job = make_job("pattern/random/f32", "torch-save")

    def save(call: AnyCall) -> AnyAnswer:
        assert isinstance(call, Save)
        programs.save_archive(Path(call.artifact), job.entries[0].tensor)
        return Done()

    verdict = transfer(with_peer(job, save), "torch-save", DOTNET_TO_PYTHON).verdicts["bits"]
    assert (verdict.kind, verdict.detail[:26]) == (Kind.BYTES, "unreadable: RuntimeError: ")


@pytest.mark.parametrize("direction", [PYTHON_TO_DOTNET, DOTNET_TO_PYTHON])
def test_a_script_that_pytorch_cannot_write_is_refused(
    make_job: MakeJob, direction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("expected int at position 0")

    monkeypatch.setattr(programs, "save_script", refuse)
    verdicts = transfer(make_job(MODEL, "torchscript"), "torchscript", direction).verdicts
    assert {(each.kind, each.detail) for each in verdicts.values()} == {
        (Kind.REFUSED, "Python's writer: RuntimeError: expected int at position 0")
    }


def test_a_model_without_inputs_is_not_claimed() -> None:
    models = ((case, case.subject) for case in load_catalogue().values())
    without = next(case for case, subject in models if isinstance(subject, Model) and not subject.inputs)
    assert ROUTES["torchscript"].checks_of(without, PYTHON_TO_DOTNET) == ()


@pytest.mark.parametrize(("version", "loads"), [(0, False), (1, True), (3, True), (10, True), (11, False)])
def test_both_sides_read_the_same_versions_of_the_file_format(
    real_job: MakeJob, tmp_path: Path, version: int, loads: bool
) -> None:
    """caffe2/serialize/versions.h allows 1 to 10. Both sides write 3 unless an operator needs a later version."""
    job = real_job(BAG, "torchscript")
    programs.save_script(tmp_path / "written.pt", job.subject, job.entries, [])
    with zipfile.ZipFile(tmp_path / "written.pt") as written, zipfile.ZipFile(job.artifact, "w") as changed:
        assert written.read("written/version") == b"3\n"
        for item in written.infolist():
            changed.writestr(
                item.filename, f"{version}\n" if item.filename == "written/version" else written.read(item)
            )
    found = {"Python": False, ".NET": not isinstance(dotnet_half.load(job, None), Thrown)}
    with suppress(RuntimeError):
        programs.load_script(job.artifact)
        found["Python"] = True
    assert found == {"Python": loads, ".NET": loads}


@pytest.mark.parametrize("direction", [PYTHON_TO_DOTNET, DOTNET_TO_PYTHON])
@pytest.mark.parametrize(("case", "route"), [(MODEL, "torchscript"), ("pattern/random/bf16", "torch-save-script")])
def test_a_transfer_gives_the_file_that_was_written(make_job: MakeJob, case: str, route: str, direction: str) -> None:
    job = make_job(case, route)
    artifact = transfer(job, route, direction).artifact
    assert (artifact, artifact.exists()) == (job.artifact, True)


@pytest.mark.parametrize("direction", [PYTHON_TO_DOTNET, DOTNET_TO_PYTHON])
@pytest.mark.parametrize(("case", "route"), [(MODEL, "torchscript"), ("pattern/random/bf16", "torch-save-script")])
def test_a_refusal_gives_the_artifact_too(make_job: MakeJob, case: str, route: str, direction: str) -> None:
    job = make_job(case, route)
    refusing = with_peer(job, lambda call: Thrown("System.Exception", "no"))
    assert transfer(refusing, route, direction).artifact == job.artifact


def test_an_unreadable_script_has_no_verdicts_of_its_own(make_job: MakeJob) -> None:
    def save(call: AnyCall) -> AnyAnswer:
        assert isinstance(call, Save)
        Path(call.artifact).write_bytes(b"PK")
        return Done()

    job = make_job(MODEL, "torchscript")
    found = transfer(with_peer(job, save), "torchscript", DOTNET_TO_PYTHON)
    assert found.verdicts == dict.fromkeys(("bits", "forward", "quantizer"), found.verdicts["bits"])
    assert found.verdicts["bits"].detail.startswith("unreadable: RuntimeError: ")
    assert found.artifact == job.artifact


def test_an_unreadable_tensor_gives_the_artifact_too(make_job: MakeJob) -> None:
    def save(call: AnyCall) -> AnyAnswer:
        assert isinstance(call, Save)
        Path(call.artifact).write_bytes(b"PK")
        return Done()

    job = make_job("pattern/random/f32", "torch-save-script")
    assert transfer(with_peer(job, save), "torch-save-script", DOTNET_TO_PYTHON).artifact == job.artifact


def test_a_saved_model_of_other_bits_computes_something_else(make_job: MakeJob) -> None:
    """Nothing was saved: the script has the complement of the bits."""
    idle = with_peer(make_job(MODEL, "torchscript"), lambda call: Done())
    assert kinds(idle, "torchscript", DOTNET_TO_PYTHON) == {"bits": Kind.BITS, "forward": Kind.BITS}


def test_a_saved_tensor_of_other_bits_is_a_difference(make_job: MakeJob) -> None:
    job = make_job("pattern/random/f32", "torch-save-script")

    def save(call: AnyCall) -> AnyAnswer:
        assert isinstance(call, Save)
        programs.save_archive(Path(call.artifact), poison(job.entries[0].tensor))
        return Done()

    assert kinds(with_peer(job, save), "torch-save-script", DOTNET_TO_PYTHON) == {"bits": Kind.BITS}


def test_a_program_is_asked_for_with_the_files_of_the_job(make_job: MakeJob) -> None:
    job = make_job(MODEL, "torchscript")
    transfer(job, "torchscript", PYTHON_TO_DOTNET)
    assert isinstance(job.peer, HonestPeer)
    load, run = job.peer.calls
    assert isinstance(load, Load)
    assert isinstance(run, RunProgram)
    assert (load.artifact, load.module) == (str(job.artifact), None)
    assert (run.overload, run.artifact, run.inputs, run.outputs) == (
        "script-path",
        str(job.artifact),
        str(job.inputs),
        str(job.outputs),
    )
    assert digest(read_state_dict(job.inputs)) == digest(make_inputs(job.case.id, job.subject))


def test_a_save_is_asked_for_without_a_module(make_job: MakeJob) -> None:
    for case, route in ((MODEL, "torchscript"), ("pattern/random/bf16", "torch-save-script")):
        job = make_job(case, route)
        transfer(job, route, DOTNET_TO_PYTHON)
        assert isinstance(job.peer, HonestPeer)
        (call,) = job.peer.calls
        assert isinstance(call, Save)
        assert call.module is None


@pytest.mark.parametrize(
    ("case_id", "route", "direction", "checks"),
    [
        (MODEL, "torchscript", PYTHON_TO_DOTNET, ("bits", "forward")),
        (BAG, "torchscript", PYTHON_TO_DOTNET, ("bits",)),
        (BAG, "torchscript", DOTNET_TO_PYTHON, ("bits",)),
        ("quantized/per-tensor/qi8", "torchscript", PYTHON_TO_DOTNET, ("bits", "quantizer")),
        ("quantized/per-tensor/qi8", "torchscript", DOTNET_TO_PYTHON, ("bits", "quantizer")),
        ("layout/source/transposed/f32", "torchscript", PYTHON_TO_DOTNET, ("bits",)),
        ("layout/source/transposed/f32", "torchscript", DOTNET_TO_PYTHON, ()),
        ("pattern/random/bf16", "torch-save", PYTHON_TO_DOTNET, ("bits",)),
    ],
)
def test_a_script_has_these_checks(case_id: str, route: str, direction: str, checks: tuple[str, ...]) -> None:
    assert ROUTES[route].checks_of(load_catalogue()[case_id], direction) == checks
