"""The routes of TorchSharp's optimizer files, by both overloads, with one more step after loading.

May import every room above it in ARCHITECTURE.md's table. Upstream: ``save_state_dict`` and ``load_state_dict`` of
OptimizerHelper in Optimizers/Optimizer.cs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from tscompat import codec
from tscompat.catalogue import Case, OptimizerCase
from tscompat.codec import OptimizerRecord, encode_optimizer, read_optimizer, read_state_dict
from tscompat.codec.optimizer import LAYOUTS, flat_options, flat_states
from tscompat.dotnet_side import messages
from tscompat.dotnet_side.client import NotAsked
from tscompat.dotnet_side.messages import Thrown
from tscompat.dotnet_side.optimizer_call import OptimizerFiles, groups_of, poisoned
from tscompat.python_side.torch_optimizers import OptimizerRun, name_in_dotnet, saved_of
from tscompat.resources.whole import write_whole
from tscompat.values.compare import compare, first
from tscompat.values.tensors import StateDict
from tscompat.values.verdict import Kind, Verdict

from . import dotnet_half, judging
from .agreement import within_step
from .formats import UNREADABLE
from .route import DOTNET_TO_PYTHON, PYTHON_TO_DOTNET, Job, Route, Transfer

CHECKS = ("bytes", "options", "bits", "step", "count")
"""``bytes``: the file, against the oracle's. ``options`` and ``bits``: the options and the states that were loaded.
``step`` and ``count``: the parameters and the counts of steps, after one more step."""


class OptimizerJob:
    """The job of an optimizer case: its optimizer in torch, its files, and the call with which the peer writes them."""

    def __init__(self, job: Job[OptimizerCase]) -> None:
        self.job = job
        self.case = job.subject
        self.files = OptimizerFiles.beside(job.artifact)
        self.gradients = [entry for entry in job.entries if entry.name.startswith("gradient.")]
        self._answer: messages.OptimizerUsed | Thrown | NotAsked | None = None

    def run(self, given: StateDict, device: str = "cpu") -> OptimizerRun:
        """The case's optimizer in torch, over these parameters and gradients."""
        return OptimizerRun(self.case, given, device)

    def stepped(self, device: str) -> OptimizerRun:
        """The case's optimizer in torch, after the case's steps."""
        run = self.run(self.job.entries, device)
        for number in range(self.case.steps):
            run.step(number)
        return run

    def use(
        self,
        device: str,
        record: OptimizerRecord,
        given: StateDict,
        *,
        before: Sequence[int],
        load: Path | None,
        save: Path,
    ) -> None:
        """Have the peer use an optimizer with the record's options, over the parameters and gradients ``given``.

        The optimizer makes a step with each set of gradients in ``before``, loads the file ``load`` unless it is None,
        saves to ``save``, and makes one more step.
        """
        write_whole(self.files.inputs, codec.encode_state_dict(given))
        self._answer = self.job.ask(
            messages.UseOptimizer(
                overload=self.job.overload,
                optimizer=record.name,
                groups=groups_of(record, [group.parameters for group in self.case.groups]),
                inputs=str(self.files.inputs),
                before=tuple(before),
                load=None if load is None else str(load),
                target=self.case.target,
                save=str(save),
                after=self.case.steps,
                memory=(str(self.files.memory[0]), str(self.files.memory[1])),
                parameters=(str(self.files.parameters[0]), str(self.files.parameters[1])),
                placement=dotnet_half.placement(self.job, device, self.case.layout),
            )
        )

    def failed(self, *stages: str) -> Verdict | None:
        """The verdict if TorchSharp threw an exception in ``begin`` or in one of these stages, or was not asked.

        Raises ValueError before ``use``.
        """
        match self._answer:
            case messages.OptimizerUsed(thrown):
                errors = [thrown[stage] for stage in ("begin", *stages) if stage in thrown]
                return judging.failure(errors[0], self.job) if errors else None
            case None:
                raise ValueError("failed() comes after use()")
            case failed:
                return judging.failure(failed, self.job)

    def step(self, run: OptimizerRun) -> Mapping[str, Verdict]:
        """Make the last step in torch too: the verdicts of a comparison with .NET's parameters and counts of steps."""
        failed = self.failed("step")
        if failed:
            return {"step": failed, "count": failed}
        try:
            run.step(self.case.steps)
        except UNREADABLE as error:  # what torch has loaded may lack an option or a state
            return dict.fromkeys(
                ("step", "count"), Verdict(Kind.REFUSED, f"PyTorch: {judging.raised(error, self.job)}")
            )
        ours, theirs = (_counts(record) for record in (run.record(), read_optimizer(self.files.memory[1])))
        return {
            "step": within_step(run.parameters(), read_state_dict(self.files.parameters[1])),
            "count": first(compare(ours, theirs)),
        }


PythonHalf = Callable[[Job[OptimizerCase], OptimizerRun], Verdict | None]
"""Python's half of a transfer: writes the run's optimizer to the artifact, or loads it from there into the run.

Returns the verdict of all checks if that cannot be done.
"""
BytesCheck = Callable[[OptimizerJob, OptimizerRecord], Mapping[str, Verdict]]
"""Makes the ``bytes`` verdict: compares a file with the encoded record. {} for formats without reference bytes."""


def write_dat(job: Job[OptimizerCase], run: OptimizerRun) -> None:
    """The oracle writes TorchSharp's file."""
    write_whole(job.artifact, encode_optimizer(run.record()))


def read_dat(job: Job[OptimizerCase], run: OptimizerRun) -> Verdict | None:
    """The oracle reads TorchSharp's file."""
    try:
        run.load(saved_of(read_optimizer(job.artifact), run.sizes))
    except codec.FormatError as error:
        return Verdict(Kind.BYTES, f"unreadable: {error.args[0]}")
    except UNREADABLE as error:
        return judging.unreadable(error, job)


def saved_again(optimizer: OptimizerJob, record: OptimizerRecord) -> Mapping[str, Verdict]:
    """The ``bytes`` verdict: compares the file that TorchSharp saves after loading with the oracle's bytes."""
    failed = optimizer.failed("save")
    return {"bytes": failed or judging.same_file(codec.encode_optimizer(record), optimizer.files.again)}


def written(optimizer: OptimizerJob, record: OptimizerRecord) -> Mapping[str, Verdict]:
    """The ``bytes`` verdict: compares the artifact, as the writer left it, with the oracle's bytes."""
    return {"bytes": judging.same_file(codec.encode_optimizer(record), optimizer.job.artifact)}


def python_to_dotnet(write: PythonHalf, check: BytesCheck, job: Job[OptimizerCase]) -> Transfer:
    """torch makes some steps, and ``write`` saves its optimizer; TorchSharp loads the file and saves the optimizer
    again. Then both make one more step.
    """
    optimizer = OptimizerJob(job)
    run = optimizer.stepped(job.writer_device)
    record = run.record()
    unwritten = write(job, run)
    if unwritten:
        return Transfer(dict.fromkeys(CHECKS, unwritten), job.artifact)
    optimizer.use(
        job.reader_device,
        poisoned(record),
        [*run.parameters(), *optimizer.gradients],
        before=[0] if optimizer.case.target == "used" else [],
        load=job.artifact,
        save=optimizer.files.again,
    )
    checked = check(optimizer, record)  # before the last step, which changes the record's tensors in place
    failed = optimizer.failed()
    if failed:
        return Transfer({**dict.fromkeys(CHECKS, failed), **checked}, job.artifact)
    loaded = _loaded(record, read_optimizer(optimizer.files.memory[0]))
    return Transfer({**checked, **loaded, **optimizer.step(run)}, job.artifact)


def dotnet_to_python(read: PythonHalf, check: BytesCheck, job: Job[OptimizerCase]) -> Transfer:
    """TorchSharp makes some steps and saves its optimizer; ``read`` loads the file into torch. Then both make one more
    step.
    """
    optimizer = OptimizerJob(job)
    start = optimizer.run(job.entries).record()
    steps = range(optimizer.case.steps)
    optimizer.use(job.writer_device, start, job.entries, before=steps, load=None, save=job.artifact)
    failed = optimizer.failed("save")
    if failed:
        return Transfer(dict.fromkeys(CHECKS, failed), job.artifact)
    memory = read_optimizer(optimizer.files.memory[0])
    given = [*read_state_dict(optimizer.files.parameters[0]), *optimizer.gradients]
    run = optimizer.run(given, job.reader_device)
    if optimizer.case.target == "used":
        run.step(0)
    unread = read(job, run)
    if unread:
        return Transfer(dict.fromkeys(CHECKS, unread), job.artifact)
    try:
        loaded = run.record()
    except UNREADABLE as error:
        return Transfer(dict.fromkeys(CHECKS, judging.unreadable(error, job)), job.artifact)
    verdicts = {
        **check(optimizer, memory),
        **_loaded(memory._replace(groups=start.groups), loaded),
        **optimizer.step(run),
    }
    return Transfer(verdicts, job.artifact)


def _loaded(expected: OptimizerRecord, found: OptimizerRecord) -> Mapping[str, Verdict]:
    parts = {"options": flat_options, "bits": flat_states}
    return {check: first(compare(flat(expected), flat(found))) for check, flat in parts.items()}


def _counts(record: OptimizerRecord) -> StateDict:
    return [entry for entry in flat_states(record) if entry.name.endswith(".step")]


def checks(names: tuple[str, ...], case: Case, optimizer: OptimizerCase, direction: str) -> tuple[str, ...]:
    """The checks of ``names`` for this case and direction.

    Scoped, restored and handed targets have none from .NET to Python; ``count``, the last, needs an optimizer that
    counts its steps.
    """
    if optimizer.target in ("scoped", "restored", "handed") and direction == DOTNET_TO_PYTHON:
        return ()  # all three are about what TorchSharp does after it has loaded
    counts = "step" in LAYOUTS[name_in_dotnet(optimizer.optimizer)].state
    return names if counts else names[:-1]


ROUTES = tuple(
    Route(
        name=name,
        why=why,
        subjects=(OptimizerCase,),
        overload=overload,
        directions={
            PYTHON_TO_DOTNET: partial(python_to_dotnet, write_dat, saved_again),
            DOTNET_TO_PYTHON: partial(dotnet_to_python, read_dat, written),
        },
        checks=partial(checks, CHECKS),
    )
    for name, overload, why in (
        ("optimizer", "optimizer-path", "Optimizer.save_state_dict(path), load_state_dict(path)"),
        (
            "optimizer-writer",
            "optimizer-writer",
            "Optimizer.save_state_dict(BinaryWriter), load_state_dict(BinaryReader)",
        ),
    )
)
