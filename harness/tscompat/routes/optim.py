"""The routes of TorchSharp's optimizer files, by both overloads, with more steps after loading.

May import every room above it in ARCHITECTURE.md's table. Upstream: ``save_state_dict`` and ``load_state_dict`` of
OptimizerHelper in Optimizers/Optimizer.cs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from tscompat import codec
from tscompat.catalogue import Case, OptimizerCase
from tscompat.codec import OptimizerRecord, encode_optimizer, read_optimizer, read_state_dict
from tscompat.codec.optimizer import LAYOUTS, flat_options, flat_states
from tscompat.dotnet_side import messages
from tscompat.dotnet_side.digest import digest
from tscompat.dotnet_side.optimizer_call import OptimizerFiles, groups_of, poisoned
from tscompat.python_side.optimizer_run import OptimizerRun, Start, after_step, counts, states
from tscompat.python_side.torch_optimizers import name_in_dotnet, saved_of
from tscompat.resources.whole import write_whole
from tscompat.values.compare import compare, first
from tscompat.values.tensors import StateDict
from tscompat.values.verdict import Kind, Verdict

from . import dotnet_half, judging
from .formats import UNREADABLE
from .route import DOTNET_TO_PYTHON, PYTHON_TO_DOTNET, Job, Route, Transfer
from .steps import Steps

STEPPED = ("step", "state", "count")
"""After more steps, compared with torch: the parameters after each, the states after the last, the counts of steps."""
CHECKS = ("bytes", "options", "bits", *STEPPED)
"""``bytes``: the file, against the oracle's. ``options`` and ``bits``: the options and the states that were loaded."""
FIRST = "first-steps"
"""Parameters, states and counts after TorchSharp's own steps before it saves, compared with torch. Those steps are the
same whatever overload saves then, so one route has this check."""


class OptimizerJob:
    """The job of an optimizer case: its optimizer in torch, its files, and the call with which the peer writes them."""

    def __init__(self, job: Job[OptimizerCase]) -> None:
        self.job = job
        self.case = job.subject
        self.files = OptimizerFiles.beside(job.artifact, job.subject.after)
        self.first = range(self.case.steps)
        """The steps before saving, and"""
        self.last = range(self.case.steps, self.case.steps + self.case.after)
        """those after loading."""
        self.gradients = [entry for entry in job.entries if entry.name.startswith("gradient.")]
        self._answer: messages.OptimizerUsed | judging.Failed | None = None

    def run(self, given: StateDict, device: str = "cpu") -> OptimizerRun:
        """The case's optimizer in torch, over these parameters and gradients."""
        return OptimizerRun(self.case, given, device)

    def stepped(self, device: str) -> OptimizerRun:
        """The case's optimizer in torch, after the case's steps."""
        run = self.run(self.job.entries, device)
        run.steps(self.first)
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
        saves to ``save``, and makes the last steps.
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
                after=tuple(self.last),
                memory=(str(self.files.memory[0]), str(self.files.memory[1])),
                parameters=tuple(map(str, self.files.parameters)),
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

    def last_steps(self, run: OptimizerRun) -> Mapping[str, Verdict]:
        """Make the last steps in torch too: the verdicts of ``STEPPED``."""
        failed = self.failed("step")
        if failed:
            return dict.fromkeys(STEPPED, failed)
        start = Start(self.case, [*run.parameters(), *self.gradients], run.record())
        try:
            stepped = run.steps(self.last)
        except UNREADABLE as error:  # what torch has loaded may lack an option or a state
            return dict.fromkeys(STEPPED, Verdict(Kind.REFUSED, f"PyTorch: {judging.raised(error, self.job)}"))
        ours, theirs = run.record(), read_optimizer(self.files.memory[1])
        found = [
            entry
            for number, file in zip(self.last, self.files.parameters[1:], strict=True)
            for entry in after_step(number, read_state_dict(file))
        ]
        held = [*read_state_dict(self.files.parameters[0]), *self.gradients]
        faulty = Start(self.case, held, read_optimizer(self.files.memory[0]), faulty=True)
        steps = Steps(start, faulty, self.last)
        return {
            "step": steps.judge(stepped, found),
            "state": steps.judge(states(ours), states(theirs)),
            "count": steps.judge(counts(ours), counts(theirs)),
        }

    def first_steps(self) -> Verdict:
        """Make TorchSharp's own first steps in torch too, from the same start: the verdict of ``FIRST``."""
        run = self.stepped("cpu")
        ours = [*run.parameters(), *flat_states(run.record())]
        memory = read_optimizer(self.files.memory[0])
        theirs = [*read_state_dict(self.files.parameters[0]), *flat_states(memory)]
        start = Start(self.case, self.job.entries)
        return Steps(start, replace(start, faulty=True), self.first).judge(ours, theirs)


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
    return {"bytes": failed or judging.as_recorded(record, optimizer.job, optimizer.files.again)}


def written(optimizer: OptimizerJob, record: OptimizerRecord) -> Mapping[str, Verdict]:
    """The ``bytes`` verdict: compares the artifact, as the writer left it, with the oracle's bytes."""
    return {"bytes": judging.as_recorded(record, optimizer.job, optimizer.job.artifact)}


def python_to_dotnet(write: PythonHalf, check: BytesCheck, job: Job[OptimizerCase]) -> Transfer:
    """torch makes some steps, and ``write`` saves its optimizer; TorchSharp loads the file and saves the optimizer
    again. Then both make the last steps.
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
    checked = check(optimizer, record)
    failed = optimizer.failed()
    if failed:
        return Transfer({**dict.fromkeys(CHECKS, failed), **checked}, job.artifact)
    loaded = _loaded(job, record, read_optimizer(optimizer.files.memory[0]))
    return Transfer({**checked, **loaded, **optimizer.last_steps(run)}, job.artifact)


def dotnet_to_python(
    read: PythonHalf, check: BytesCheck, job: Job[OptimizerCase], *, first_steps: bool = False
) -> Transfer:
    """TorchSharp makes some steps and saves its optimizer; ``read`` loads the file into torch. Then both make the last
    steps. With ``first_steps``, the ``first-steps`` verdict is made too.
    """
    optimizer = OptimizerJob(job)
    start = optimizer.run(job.entries).record()
    optimizer.use(job.writer_device, start, job.entries, before=optimizer.first, load=None, save=job.artifact)
    first = {FIRST: optimizer.failed() or optimizer.first_steps()} if first_steps else {}
    failed = optimizer.failed("save")
    if failed:
        return Transfer({**dict.fromkeys(CHECKS, failed), **first}, job.artifact)
    memory = read_optimizer(optimizer.files.memory[0])
    given = [*read_state_dict(optimizer.files.parameters[0]), *optimizer.gradients]
    run = optimizer.run(given, job.reader_device)
    if optimizer.case.target == "used":
        run.step(0)
    unread = read(job, run)
    if unread:
        return Transfer({**dict.fromkeys(CHECKS, unread), **first}, job.artifact)
    try:
        loaded = run.record()
    except UNREADABLE as error:
        return Transfer({**dict.fromkeys(CHECKS, judging.unreadable(error, job)), **first}, job.artifact)
    verdicts = {
        **check(optimizer, memory),
        **_loaded(job, memory._replace(groups=start.groups), loaded),
        **optimizer.last_steps(run),
        **first,
    }
    return Transfer(verdicts, job.artifact)


def _loaded(job: Job[OptimizerCase], expected: OptimizerRecord, found: OptimizerRecord) -> Mapping[str, Verdict]:
    verdicts: dict[str, Verdict] = {}
    for check, flat in (("options", flat_options), ("bits", flat_states)):
        verdict = first(compare(flat(expected), flat(found)))
        verdicts[check] = judging.with_predictions(verdict, job, digest(flat(found)), flat(expected))
    return verdicts


def checks(
    names: tuple[str, ...], case: Case, optimizer: OptimizerCase, direction: str, *, first_steps: bool = False
) -> tuple[str, ...]:
    """The checks of ``names`` for this case and direction, and ``first-steps`` from .NET to Python if they are asked.

    Scoped, restored and handed targets have none from .NET to Python; ``count`` needs an optimizer that counts its
    steps.
    """
    if direction == DOTNET_TO_PYTHON:
        if optimizer.target in ("scoped", "restored", "handed"):
            return ()  # all three are about what TorchSharp does after it has loaded
        names = (*names, FIRST) if first_steps else names
    counts = "step" in LAYOUTS[name_in_dotnet(optimizer.optimizer)].state
    return names if counts else tuple(name for name in names if name != "count")


ROUTES = tuple(
    Route(
        name=name,
        why=why,
        subjects=(OptimizerCase,),
        overload=overload,
        directions={
            PYTHON_TO_DOTNET: partial(python_to_dotnet, write_dat, saved_again),
            DOTNET_TO_PYTHON: partial(dotnet_to_python, read_dat, written, first_steps=first_steps),
        },
        checks=partial(checks, CHECKS, first_steps=first_steps),
    )
    for name, overload, first_steps, why in (
        ("optimizer", "optimizer-path", True, "Optimizer.save_state_dict(path), load_state_dict(path)"),
        (
            "optimizer-writer",
            "optimizer-writer",
            False,
            "Optimizer.save_state_dict(BinaryWriter), load_state_dict(BinaryReader)",
        ),
    )
)
