"""TorchSharp's optimizer files, by both overloads, and the step after loading. May import optim_side, ulps.

Upstream: ``save_state_dict`` and ``load_state_dict`` of OptimizerHelper in Optimizers/Optimizer.cs. Which overload a
route means stands in peer/inside/trainings.py, under the same name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tscompat import codec
from tscompat.catalogue import Case, Training, load_bounds
from tscompat.codec import OptimizerRecord, read_optimizer, read_state_dict, write_optimizer
from tscompat.codec.optimizer import flat_options, flat_states
from tscompat.python_side.torch_optimizers import Trainer, saved_of
from tscompat.values.compare import compare
from tscompat.values.tensors import StateDict
from tscompat.values.ulps import furthest
from tscompat.values.verdict import Kind, Verdict

from . import judging
from .route import DOTNET_TO_PYTHON, PYTHON_TO_DOTNET, Job, Route

CHECKS = ("bytes", "options", "bits", "step", "count")
"""TorchSharp's file against the oracle's; the options and the state that were loaded; the parameters and the counts of
steps after one step more."""


class Exchange:
    """A job's files beside its artifact, and the call that fills them."""

    def __init__(self, job: Job) -> None:
        assert job.case.training is not None
        self.job = job
        self.training: Training = job.case.training
        self.gradients = [entry for entry in job.entries if entry.name.startswith("gradient.")]
        self.again = job.artifact.with_suffix(".again")
        self.memory, self.parameters = (
            (job.artifact.with_suffix(f".{what}-before"), job.artifact.with_suffix(f".{what}-after"))
            for what in ("memory", "parameters")
        )
        self._errors: Mapping[str, Any] = {}

    def trainer(self, given: StateDict, device: str = "cpu") -> Trainer:
        """The case's optimizer in torch, over these parameters and gradients."""
        return Trainer(self.training, self.job.case.layout, given, device)

    def trained(self, device: str) -> Trainer:
        """The same in the middle of the training, about to be saved."""
        trainer = self.trainer(self.job.entries, device)
        for number in range(self.training.steps):
            trainer.step(number)
        return trainer

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
        codec.write_state_dict(self.job.inputs, given)
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

    def step(self, trainer: Trainer) -> Mapping[str, Verdict]:
        """Make the last step in torch too, and hold .NET's parameters and counts against it."""
        refused = self.refused("step")
        if refused:
            return {"step": refused, "count": refused}
        trainer.step(self.training.steps)
        ours, theirs = (_counts(record) for record in (trainer.record(), read_optimizer(self.memory[1])))
        return {
            "step": within(trainer.parameters(), read_state_dict(self.parameters[1])),
            "count": judging.worst(compare(ours, theirs), judging.VALUES),
        }


Hand = Callable[[Job, Trainer], Verdict | None]
"""Python's half of a road: writes the trainer's optimizer to the artifact, or loads it from there into the trainer.

Returns the verdict of all checks if that cannot be done.
"""
Oracle = Callable[[Exchange, OptimizerRecord], Mapping[str, Verdict]]
"""The check of a file's bytes against the record that it is due to hold; none where nobody says what they must be."""


def write_dat(job: Job, trainer: Trainer) -> None:
    """The oracle writes TorchSharp's file."""
    write_optimizer(job.artifact, trainer.record())


def read_dat(job: Job, trainer: Trainer) -> Verdict | None:
    """The oracle reads TorchSharp's file."""
    try:
        trainer.load(saved_of(read_optimizer(job.artifact), trainer.sizes))
    except (codec.FormatError, ValueError) as error:
        return Verdict(Kind.BYTES, f"unreadable: {error.args[0]}")


def saved_again(exchange: Exchange, record: OptimizerRecord) -> Mapping[str, Verdict]:
    """What TorchSharp saves of what it has loaded."""
    refused = exchange.refused("save")
    return {"bytes": refused or judging.same_file(codec.encode_optimizer(record), exchange.again)}


def written(exchange: Exchange, record: OptimizerRecord) -> Mapping[str, Verdict]:
    """The file of the writer."""
    return {"bytes": judging.same_file(codec.encode_optimizer(record), exchange.job.artifact)}


def python_to_dotnet(write: Hand, oracle: Oracle, job: Job) -> Mapping[str, Verdict]:
    """torch in the middle of a training, its file loaded and saved again by TorchSharp; both go on."""
    exchange = Exchange(job)
    trainer = exchange.trained(job.writer_device)
    record = trainer.record()
    unwritten = write(job, trainer)
    if unwritten:
        return dict.fromkeys(CHECKS, unwritten)
    exchange.train(
        job.reader_device,
        poisoned(record),
        [*trainer.parameters(), *exchange.gradients],
        before=[0] if exchange.training.target == "used" else [],
        load=job.artifact,
        save=exchange.again,
    )
    refused = exchange.refused()
    if refused:
        return {**dict.fromkeys(CHECKS, refused), **oracle(exchange, record)}
    return {
        **oracle(exchange, record),
        **_loaded(record, read_optimizer(exchange.memory[0])),
        **exchange.step(trainer),
    }


def dotnet_to_python(read: Hand, oracle: Oracle, job: Job) -> Mapping[str, Verdict]:
    """TorchSharp in the middle of a training, its file loaded into torch's optimizer; both go on."""
    exchange = Exchange(job)
    start = exchange.trainer(job.entries).record()
    steps = range(exchange.training.steps)
    exchange.train(job.writer_device, start, job.entries, before=steps, load=None, save=job.artifact)
    refused = exchange.refused("save")
    if refused:
        return dict.fromkeys(CHECKS, refused)
    held = read_optimizer(exchange.memory[0])
    trainer = exchange.trainer([*read_state_dict(exchange.parameters[0]), *exchange.gradients], job.reader_device)
    if exchange.training.target == "used":
        trainer.step(0)
    unread = read(job, trainer)
    if unread:
        return dict.fromkeys(CHECKS, unread)
    return {
        **oracle(exchange, held),
        **_loaded(held._replace(groups=start.groups), trainer.record()),
        **exchange.step(trainer),
    }


def within(ours: StateDict, theirs: StateDict) -> Verdict:
    """Whether each element is as near to torch's as ``step-ulp`` of cases/dtypes.toml says."""
    unlike = judging.worst(compare(ours, theirs), judging.VALUES - {Kind.BITS})
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
    return {check: judging.worst(compare(flat(due), flat(found)), judging.VALUES) for check, flat in parts.items()}


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
