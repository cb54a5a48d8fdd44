"""An optimizer of TorchSharp over given parameters: what its memory holds, its file, one more step.

May import codec, tensors. What memory holds goes into files of the oracle, from .NET's own objects and not through
the code under test. pythonnet finds classes and fields by the names in the codec's tables: no optimizer is known here.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from tscompat.codec import OptimizerRecord, encode_optimizer, encode_state_dict, read_state_dict
from tscompat.codec.optimizer import LAYOUTS
from tscompat.resources.whole import write_whole
from tscompat.values.tensors import Entry, StateDict

from .clr import DotnetError, DotnetTensor, Snapshot
from .overloads.overload import reader, writer
from .work import Refusal, Work

DotnetOptimizer: TypeAlias = Any
"""``TorchSharp.Modules.OptimizerHelper``."""
Look = Callable[[Any], AbstractContextManager[tuple[Snapshot, StateDict]]]
"""Some tensors of .NET, resolved, as views of its memory."""

_FIELDS = {"initial_lr": "InitialLearningRate", "lr": "LearningRate"}
"""Where TorchSharp's name of an option is not the codec's."""


@dataclass(frozen=True)
class OptimizerCase:
    """All that is to be done. The call's inputs hold ``parameter.N``, and ``gradient.SET.N`` where there is one."""

    optimizer: str
    """A class of ``TorchSharp.Modules``, a key of ``LAYOUTS``."""
    groups: list[tuple[dict[str, float], int]]
    """The options under the codec's names, and how many of the parameters."""
    before: list[int]
    """The sets of gradients to make steps with, before all that follows."""
    load: str
    """A file to load then; empty for none. The parameters are as given again."""
    target: str
    """What is loaded into (catalogue.OptimizerCase). Scoped: in a dispose scope that ends at once."""
    save: str
    """Where TorchSharp saves the optimizer then."""
    after: int
    """The set of gradients of one more step."""
    memory: tuple[str, str]
    """Where to write what the optimizer holds, as files of the oracle, before and after that step."""
    parameters: tuple[str, str]
    """Where to write the parameters, as state dicts, before and after that step."""


def _save_with_writer(work: Work, optimizer: DotnetOptimizer, path: str) -> None:
    with writer(work, path) as made:
        optimizer.save_state_dict(made)


def _load_with_reader(work: Work, optimizer: DotnetOptimizer, path: str) -> None:
    with reader(work, path) as made:
        optimizer.load_state_dict(made)


Action: TypeAlias = Callable[[Work, DotnetOptimizer, str], None]
_BY_PATH: tuple[Action, Action] = (
    lambda work, optimizer, path: optimizer.save_state_dict(path),
    lambda work, optimizer, path: optimizer.load_state_dict(path),
)
OVERLOADS: Mapping[str, tuple[Action, Action]] = {
    "optimizer": _BY_PATH,
    "optimizer-writer": (_save_with_writer, _load_with_reader),
    "exportsd-optimizer": _BY_PATH,
    "pybridge-optimizer": (
        lambda work, optimizer, path: work.dotnet.PyBridgeOptimizers.save_py(optimizer, path),
        lambda work, optimizer, path: work.dotnet.PyBridgeOptimizers.load_py(optimizer, path),
    ),
}
"""How TorchSharp saves and loads an optimizer: Optimizers/Optimizer.cs, and PyBridgeOptimizerExtensions.cs of
shaltielshmid/TorchSharp.PyBridge."""


def train(work: Work, look: Look) -> dict[str, list[str]]:
    """Begin (step and load), save, step again. Answers with what TorchSharp threw in these three stages.

    Nothing follows a beginning that failed. Raises Refusal for a call without a training or with an unknown optimizer.
    """
    if work.description.training is None:
        raise Refusal("this call needs a training")
    says = OptimizerCase(**work.description.training)
    if says.optimizer not in LAYOUTS:
        raise Refusal(f"unknown optimizer {says.optimizer!r}; this peer knows {', '.join(LAYOUTS)}")
    errors: dict[str, list[str]] = {}
    with work.watch.running(), closing(_OptimizerRun(work, says, look)) as run:
        for name, stage in (("begin", run.begin), ("save", run.save), ("step", run.step)):
            try:
                stage()
            except DotnetError as error:
                errors[name] = [error.type_name, error.message]
                if name == "begin":
                    break
    return errors


class _OptimizerRun:
    """The optimizer at work."""

    def __init__(self, work: Work, says: OptimizerCase, look: Look) -> None:
        self._work = work
        self._says = says
        self._look = look
        self._save, self._load = OVERLOADS[work.description.overload]
        self._given = dict(read_state_dict(work.description.inputs))
        count = sum(number for _, number in says.groups)
        self._names = [f"parameter.{number}" for number in range(count)]
        self._parameters = [work.dotnet.Optimizers.Parameter(self._tensor(name), True) for name in self._names]
        self._optimizer = self._build()

    def begin(self) -> None:
        """Come to where the file is written."""
        for number in self._says.before:
            self._step(number)
        if self._says.load:
            self._restore()
            scope = self._work.dotnet.Torch.NewDisposeScope() if self._says.target == "scoped" else None
            try:
                with self._work.dotnet.errors():
                    self._load(self._work, self._optimizer, self._says.load)
            finally:
                if scope:
                    scope.Dispose()
            if self._says.target == "restored":
                self._go_back()
        self._write_down(0)

    def save(self) -> None:
        with self._work.dotnet.errors():
            self._save(self._work, self._optimizer, self._says.save)

    def step(self) -> None:
        self._step(self._says.after)
        self._write_down(1)

    def close(self) -> None:
        self._optimizer.Dispose()
        for parameter in self._parameters:
            parameter.Dispose()

    def _build(self) -> DotnetOptimizer:
        dotnet = self._work.dotnet
        kind = getattr(dotnet.Optimizers, self._says.optimizer)
        waiting = iter(self._parameters)
        groups: list[Any] = []
        for numbers, count in self._says.groups:
            options = kind.Options()
            for name, value in numbers.items():
                setattr(options, _FIELDS.get(name, name), value)
            members = dotnet.Array[dotnet.Optimizers.Parameter]([next(waiting) for _ in range(count)])
            groups.append(kind.ParamGroup(members, options))
        optimizer = kind(dotnet.Array[kind.ParamGroup](groups), 1.0)  # a default: every group has a rate of its own
        for group, (numbers, _) in zip(groups, self._says.groups, strict=True):
            group.InitialLearningRate = numbers["initial_lr"]  # which the constructor sets to the rate
        return optimizer

    def _tensor(self, name: str) -> DotnetTensor:
        return self._work.tensor(self._given[name], poison=False)

    def _step(self, gradients: int) -> None:
        for number, parameter in enumerate(self._parameters):
            name = f"gradient.{gradients}.{number}"
            if name in self._given:
                parameter.grad = self._tensor(name)
        with self._work.dotnet.errors():
            self._optimizer.step()

    def _go_back(self) -> None:
        """TorchSharp saves it itself, makes a step, and loads what it has saved."""
        save, load = _BY_PATH
        with self._work.dotnet.errors():
            save(self._work, self._optimizer, self._says.save)
        self._step(self._says.after)
        self._restore()
        with self._work.dotnet.errors():
            load(self._work, self._optimizer, self._says.save)

    def _restore(self) -> None:
        guard = self._work.dotnet.Torch.no_grad()
        try:
            for name, parameter in zip(self._names, self._parameters, strict=True):
                parameter.copy_(self._tensor(name))
        finally:
            guard.Dispose()

    def _write_down(self, time: int) -> None:
        """What there is, before (0) and after (1) the last step."""
        with self._seen(self._parameters) as entries:
            named = [Entry(name, tensor) for name, (_, tensor) in zip(self._names, entries, strict=True)]
            write_whole(self._says.parameters[time], encode_state_dict(named))
        layout = LAYOUTS[self._says.optimizer]
        held = self._optimizer.state_dict()
        options = [{name: getattr(row, _FIELDS.get(name, name)) for name in layout.options} for row in held.Options]
        states = [{name: getattr(row, name) for name in layout.state} for row in held.State]
        places = [
            (state, name)
            for state in states
            for name, kind in layout.state.items()
            if kind.startswith("tensor") and state[name] is not None
        ]
        with self._seen([state[name] for state, name in places]) as entries:
            for (state, name), (_, tensor) in zip(places, entries, strict=True):
                state[name] = tensor
            write_whole(
                self._says.memory[time], encode_optimizer(OptimizerRecord(self._says.optimizer, options, states))
            )

    @contextmanager
    def _seen(self, tensors: list[DotnetTensor]) -> Generator[StateDict]:
        """The tensors' memory. One that TorchSharp has let go throws."""
        held = self._work.dotnet.Array[self._work.dotnet.Tensor](tensors)
        with self._work.dotnet.errors(), self._look(held) as (_, entries):
            yield entries
