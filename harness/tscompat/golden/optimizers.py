"""The bits of an optimizer's golden file, and TorchSharp's half: it loads such a file, and saves what it has loaded.

May import values, resources, codec, catalogue, dotnet_side, python_side, routes. No library computes the bits, since
defaults and steps may be others in its next version: an option is the case's or drawn, a state is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tscompat.catalogue import OptimizerCase, TensorSpec, make
from tscompat.codec import OptimizerRecord, encode_state_dict, read_optimizer
from tscompat.codec.optimizer import LAYOUTS, Layout, Value, flat_options, flat_states
from tscompat.dotnet_side import messages
from tscompat.dotnet_side.optimizer_call import OptimizerFiles, groups_of, poisoned
from tscompat.python_side.torch_optimizers import initial_state, name_in_dotnet, options_of
from tscompat.resources.whole import write_whole
from tscompat.routes import dotnet_half, judging
from tscompat.routes.route import Job
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, StateDict, Tensor, as_float64, tensor_of
from tscompat.values.verdict import PASS, Kind, Verdict

_DECIDES = {"momentum_buffer": "momentum", "grad_avg": "centered", "max_exp_avg_sq": "amsgrad"}
"""The option that decides whether a state has this tensor. Where the case does not state it, it is 0 or false."""
_COUNT = BY_NAME["i64"]


def record_of(case_id: str, case: OptimizerCase) -> OptimizerRecord:
    """What the golden file of this case holds, as a function of the repository alone.

    An option is the case's; one that it does not state is drawn, a bool is false, and ``initial_lr`` is ``lr``. The
    state of a parameter that the case steps is drawn, but for the count of steps; of another it is the first one.
    """
    name = name_in_dotnet(case.optimizer)
    layout = LAYOUTS[name]
    parameters = [spec for spec in case.specs if spec.name.startswith("parameter.")]
    gradients = {spec.name.partition(".")[2] for spec in case.specs if spec.name.startswith("gradient.")}
    drawn = dict(make(f"{case_id}/golden", _specs(layout, len(case.groups), parameters)))
    groups: list[dict[str, float]] = []
    states: list[dict[str, Value]] = []
    for group in case.groups:
        stated = options_of(case.optimizer, group.options)
        options = _options(layout.options, stated, _part(drawn, f"group.{len(groups)}."))
        groups.append(options)
        for parameter in parameters[len(states) : len(states) + group.parameters]:
            if case.steps and f"0.{len(states)}" in gradients:
                state = _state(layout.state, options, case.steps, _part(drawn, f"state.{len(states)}."))
            else:
                state = initial_state(case.optimizer, options, parameter.dtype, parameter.shape)
            states.append(state)
    return OptimizerRecord(name, groups, states)


def _specs(layout: Layout, groups: int, parameters: Sequence[TensorSpec]) -> Iterator[TensorSpec]:
    """Everything that may be drawn: numbers of options and states, and the tensors of states."""
    numbers = BY_NAME["f64"]
    for group in range(groups):
        for option, kind in layout.options.items():
            if kind == "f64":
                yield TensorSpec(f"group.{group}.{option}", numbers, (), "weights", buffer=False)
    for number, parameter in enumerate(parameters):
        for field, kind in layout.state.items():
            name = f"state.{number}.{field}"
            if kind == "f64":  # torch keeps these in float32, which holds moderate numbers
                yield TensorSpec(name, numbers, (), "moderate", buffer=False)
            elif kind.startswith("tensor"):
                yield replace(parameter, name=name, fill="random")


def _part(drawn: Mapping[str, Tensor], where: str) -> Mapping[str, Tensor]:
    """What was drawn for one group or state, by field."""
    return {name.removeprefix(where): tensor for name, tensor in drawn.items() if name.startswith(where)}


def _options(kinds: Mapping[str, str], stated: Mapping[str, float], drawn: Mapping[str, Tensor]) -> dict[str, float]:
    options: dict[str, float] = {}
    for option, kind in kinds.items():
        if option in stated:
            options[option] = stated[option]
        elif kind == "bool":
            options[option] = False
        else:
            options[option] = 0.0 if option in _DECIDES.values() else _number(drawn[option])
    return options | {"initial_lr": stated.get("initial_lr", options["lr"])}


def _state(
    kinds: Mapping[str, str], options: Mapping[str, float], steps: int, drawn: Mapping[str, Tensor]
) -> dict[str, Value]:
    state: dict[str, Value] = {}
    for field, kind in kinds.items():
        if kind == "i64":
            state[field] = steps
        elif kind == "f64":
            state[field] = _number(drawn[field])
        else:
            state[field] = drawn[field] if options.get(_DECIDES.get(field, ""), True) else None
    return state


def _number(tensor: Tensor) -> float:
    return float(as_float64(tensor)[0])


def entries_of(record: OptimizerRecord) -> StateDict:
    """All that an optimizer's file holds as tensors: the class's name, the two counts, options and states."""
    name = record.name.encode()
    counts = (("groups", len(record.groups)), ("states", len(record.states)))
    return [
        Entry("optimizer", tensor_of(BY_NAME["u8"], (len(name),), name)),
        *(Entry(what, tensor_of(_COUNT, (), np.array(count, _COUNT.scalar))) for what, count in counts),
        *flat_options(record),
        *flat_states(record),
    ]


def parameters_of(case_id: str, case: OptimizerCase) -> StateDict:
    """The parameters of the case, which its optimizer is made over."""
    return [entry for entry in make(case_id, case.specs) if entry.name.startswith("parameter.")]


def read(job: Job[OptimizerCase], file: Path) -> Verdict:
    """Have TorchSharp load the file, and compare the optimizer's memory with the job's entries."""
    return _use(job, file)[0]


def write(job: Job[OptimizerCase]) -> tuple[Verdict, Path]:
    """Have TorchSharp load the expected file, and save what it holds then. Returns the verdict of a save that fails,
    else that of the memory that is saved, and the file.
    """
    loaded, saved = _use(job, job.expected_file)
    return (loaded if saved is PASS else saved), job.artifact


def _use(job: Job[OptimizerCase], file: Path) -> tuple[Verdict, Verdict]:
    """A new optimizer with other options loads the file and saves to the job's artifact: the verdicts of both."""
    case = job.subject
    files = OptimizerFiles.beside(job.artifact, 0)
    record = poisoned(record_of(job.case.id, case))
    write_whole(files.inputs, encode_state_dict(parameters_of(job.case.id, case)))
    job.artifact.unlink(missing_ok=True)
    answer = job.ask(
        messages.UseOptimizer(
            overload=job.overload,
            optimizer=record.name,
            groups=groups_of(record, [group.parameters for group in case.groups]),
            inputs=str(files.inputs),
            before=(),
            load=str(file),
            target="fresh",
            save=str(job.artifact),
            after=(),
            memory=(str(files.memory[0]), str(files.memory[1])),
            parameters=tuple(map(str, files.parameters)),
            placement=dotnet_half.placement(job, job.reader_device),
        )
    )
    if judging.failed(answer):
        return judging.failure(answer, job), judging.failure(answer, job)
    thrown = {stage: judging.failure(error, job) for stage, error in answer.thrown.items()}
    if "begin" in thrown:
        return thrown["begin"], thrown["begin"]
    saved = PASS if job.artifact.exists() else Verdict(Kind.BITS, "the save wrote no file")
    return judging.held(entries_of(read_optimizer(files.memory[0])), job), thrown.get("save", saved)
