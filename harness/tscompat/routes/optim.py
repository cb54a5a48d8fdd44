"""TorchSharp's optimizer files, by both overloads, and the step after loading. May import optim_side, ulps.

Upstream: ``save_state_dict`` and ``load_state_dict`` of OptimizerHelper in Optimizers/Optimizer.cs. Which overload a
route means stands in peer/inside/optimizers.py, under the same name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tscompat import codec
from tscompat.catalogue import Case, OptimizerCase, load_bounds
from tscompat.codec import OptimizerRecord, encode_optimizer, read_optimizer, read_state_dict
from tscompat.codec.optimizer import flat_options, flat_states
from tscompat.python_side.torch_optimizers import OptimizerRun, saved_of
from tscompat.resources.whole import write_whole
from tscompat.values.compare import compare
from tscompat.values.tensors import StateDict
from tscompat.values.ulps import furthest
from tscompat.values.verdict import Kind, Verdict

from . import judging
from .route import DOTNET_TO_PYTHON, PYTHON_TO_DOTNET, Job, Route

CHECKS = ("bytes", "options", "bits", "step", "count")
"""TorchSharp's file against the oracle's; the options and the state that were loaded; the parameters and the counts of
steps after one step more."""


class OptimizerJob:
    """A job's files beside its artifact, and the call that fills them."""

    def __init__(self, job: Job) -> None:
        assert job.case.training is not None
        self.job = job
        self.training: OptimizerCase = job.case.training
        self.gradients = [entry for entry in job.entries if entry.name.startswith("gradient.")]
        self.again = job.artifact.with_suffix(".again")
        self.memory, self.parameters = (
            (job.artifact.with_suffix(f".{what}-before"), job.artifact.with_suffix(f".{what}-after"))
            for what in ("memory", "parameters")
        )
        self._errors: Mapping[str, Any] = {}

    def run(self, given: StateDict, device: str = "cpu") -> OptimizerRun:
        """The case's optimizer in torch, over these parameters and gradients."""
        return OptimizerRun(self.training, self.job.case.layout, given, device)

    def trained(self, device: str) -> OptimizerRun:
        """The same in the middle of the training, about to be saved."""
        run = self.run(self.job.entries, device)
        for number in range(self.training.steps):
            run.step(number)
        return run

    def train(
        self,
        device: str,
        record: OptimizerRecord,
        given: StateDict,
        *,
        before: Sequence[int],
        load: Path | None,
        save: Path,
    ) -> None:
        """Have the peer do its part. ``record`` says what to build."""
        write_whole(self.job.inputs, codec.encode_state_dict(given))
        groups = zip(record.groups, self.training.groups, strict=True)
        answer = self.job.ask(
            "train",
            device,
            layout=self.job.case.layout,
            training={
                "optimizer": record.name,
                "groups": [(options, group.parameters) for options, group in groups],
                "before": list(before),
                "load": "" if load is None else str(load),
                "target": self.training.target,
                "save": str(save),
                "after": self.training.steps,
                "memory": list(map(str, self.memory)),
                "parameters": list(map(str, self.parameters)),
            },
        )
        self._errors = answer["errors"]

    def refused(self, *stages: str) -> Verdict | None:
        """The verdict if TorchSharp threw an exception in the beginning or in one of these stages."""
        errors = [self._errors[stage] for stage in ("begin", *stages) if stage in self._errors]
        return judging.refused({"error": errors[0]}, self.job) if errors else None

    def step(self, run: OptimizerRun) -> Mapping[str, Verdict]:
        """Make the last step in torch too, and hold .NET's parameters and counts against it."""
        refused = self.refused("step")
        if refused:
            return {"step": refused, "count": refused}
        run.step(self.training.steps)
        ours, theirs = (_counts(record) for record in (run.record(), read_optimizer(self.memory[1])))
        return {
            "step": within(run.parameters(), read_state_dict(self.parameters[1])),
            "count": judging.first(compare(ours, theirs), judging.VALUES),
        }


PythonHalf = Callable[[Job, OptimizerRun], Verdict | None]
"""Python's half of a overload: writes the run's optimizer to the artifact, or loads it from there into the run.

Returns the verdict of all checks if that cannot be done.
"""
BytesCheck = Callable[[OptimizerJob, OptimizerRecord], Mapping[str, Verdict]]
"""The check of a file's bytes against the record that it is due to hold; none where nobody says what they must be."""


def write_dat(job: Job, run: OptimizerRun) -> None:
    """The oracle writes TorchSharp's file."""
    write_whole(job.artifact, encode_optimizer(run.record()))


def read_dat(job: Job, run: OptimizerRun) -> Verdict | None:
    """The oracle reads TorchSharp's file."""
    try:
        run.load(saved_of(read_optimizer(job.artifact), run.sizes))
    except (codec.FormatError, ValueError) as error:
        return Verdict(Kind.BYTES, f"unreadable: {error.args[0]}")


def saved_again(optimizer_job: OptimizerJob, record: OptimizerRecord) -> Mapping[str, Verdict]:
    """What TorchSharp saves of what it has loaded."""
    refused = optimizer_job.refused("save")
    return {"bytes": refused or judging.same_file(codec.encode_optimizer(record), optimizer_job.again)}


def written(optimizer_job: OptimizerJob, record: OptimizerRecord) -> Mapping[str, Verdict]:
    """The file of the writer."""
    return {"bytes": judging.same_file(codec.encode_optimizer(record), optimizer_job.job.artifact)}


def python_to_dotnet(write: PythonHalf, oracle: BytesCheck, job: Job) -> Mapping[str, Verdict]:
    """torch in the middle of a training, its file loaded and saved again by TorchSharp; both go on."""
    optimizer_job = OptimizerJob(job)
    run = optimizer_job.trained(job.writer_device)
    record = run.record()
    unwritten = write(job, run)
    if unwritten:
        return dict.fromkeys(CHECKS, unwritten)
    optimizer_job.train(
        job.reader_device,
        poisoned(record),
        [*run.parameters(), *optimizer_job.gradients],
        before=[0] if optimizer_job.training.target == "used" else [],
        load=job.artifact,
        save=optimizer_job.again,
    )
    refused = optimizer_job.refused()
    if refused:
        return {**dict.fromkeys(CHECKS, refused), **oracle(optimizer_job, record)}
    return {
        **oracle(optimizer_job, record),
        **_loaded(record, read_optimizer(optimizer_job.memory[0])),
        **optimizer_job.step(run),
    }


def dotnet_to_python(read: PythonHalf, oracle: BytesCheck, job: Job) -> Mapping[str, Verdict]:
    """TorchSharp in the middle of a training, its file loaded into torch's optimizer; both go on."""
    optimizer_job = OptimizerJob(job)
    start = optimizer_job.run(job.entries).record()
    steps = range(optimizer_job.training.steps)
    optimizer_job.train(job.writer_device, start, job.entries, before=steps, load=None, save=job.artifact)
    refused = optimizer_job.refused("save")
    if refused:
        return dict.fromkeys(CHECKS, refused)
    held = read_optimizer(optimizer_job.memory[0])
    run = optimizer_job.run(
        [*read_state_dict(optimizer_job.parameters[0]), *optimizer_job.gradients], job.reader_device
    )
    if optimizer_job.training.target == "used":
        run.step(0)
    unread = read(job, run)
    if unread:
        return dict.fromkeys(CHECKS, unread)
    return {
        **oracle(optimizer_job, held),
        **_loaded(held._replace(groups=start.groups), run.record()),
        **optimizer_job.step(run),
    }


def within(ours: StateDict, theirs: StateDict) -> Verdict:
    """Whether each element is as near to torch's as ``step-ulp`` of cases/dtypes.toml says."""
    unlike = judging.first(compare(ours, theirs), judging.VALUES - {Kind.BITS})
    if unlike is not judging.PASS:
        return unlike
    bounds = load_bounds("step-ulp")
    for (name, our), (_, their) in zip(ours, theirs, strict=True):
        apart, bound = furthest(our, their), bounds[our.dtype.name]
        if apart.ulps > bound:
            told = f"{name} ({our.dtype.name}) at {list(apart.at)} is {apart.ulps} ULP off, at most {bound} are allowed"
            return Verdict(Kind.BITS, told)
    return judging.PASS


def _loaded(due: OptimizerRecord, found: OptimizerRecord) -> Mapping[str, Verdict]:
    parts = {"options": flat_options, "bits": flat_states}
    return {check: judging.first(compare(flat(due), flat(found)), judging.VALUES) for check, flat in parts.items()}


def _counts(record: OptimizerRecord) -> StateDict:
    return [entry for entry in flat_states(record) if entry.name.endswith(".step")]


def poisoned(record: OptimizerRecord) -> OptimizerRecord:
    """The same with other options everywhere, so that an option that is not loaded cannot pass."""
    return record._replace(
        groups=[
            {name: not value if isinstance(value, bool) else value + 0.125 for name, value in options.items()}
            for options in record.groups
        ]
    )


def checks(names: tuple[str, ...], case: Case, direction: str) -> tuple[str, ...]:
    """Those of these names that the case has in this direction."""
    assert case.training is not None
    if case.training.target in ("scoped", "restored") and direction == DOTNET_TO_PYTHON:
        return ()  # what TorchSharp does after it has loaded
    return names[:-1] if case.training.optimizer == "SGD" else names  # which counts no steps


ROUTES = tuple(
    Route(
        name=name,
        why=why,
        directions={
            PYTHON_TO_DOTNET: partial(python_to_dotnet, write_dat, saved_again),
            DOTNET_TO_PYTHON: partial(dotnet_to_python, read_dat, written),
        },
        checks=partial(checks, CHECKS),
    )
    for name, why in (
        ("optimizer", "Optimizer.save_state_dict(path), load_state_dict(path)"),
        ("optimizer-writer", "Optimizer.save_state_dict(BinaryWriter), load_state_dict(BinaryReader)"),
    )
)
