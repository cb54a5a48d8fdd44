"""An optimizer of TorchSharp over given parameters: its steps, its file, and what its memory holds.

May import values, resources, codec. What memory holds is read from .NET's own objects, not through the code under test,
and goes into files of the oracle. pythonnet finds classes and fields by the names in the codec's tables.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, TypeAlias

from tscompat.codec import OptimizerRecord, encode_optimizer, encode_state_dict, read_state_dict
from tscompat.codec.optimizer import LAYOUTS
from tscompat.dotnet_side.messages import OptimizerUsed, ParameterGroup, Thrown, UseOptimizer
from tscompat.resources.whole import write_whole
from tscompat.values.tensors import Entry, StateDict

from .clr import Dotnet, DotnetError, DotnetTensor
from .overloads.overload import reader, writer
from .snapshots import snapshot
from .work import Refused, Stopwatch, Work

DotnetOptimizer: TypeAlias = Any
"""``TorchSharp.Modules.OptimizerHelper``."""
Action: TypeAlias = Callable[[Dotnet, DotnetOptimizer, str], None]

_FIELDS = {"initial_lr": "InitialLearningRate", "lr": "LearningRate"}
"""TorchSharp's names of options, where the codec has other names."""


def _save_with_writer(dotnet: Dotnet, optimizer: DotnetOptimizer, path: str) -> None:
    with writer(dotnet, path) as made:
        optimizer.save_state_dict(made)


def _load_with_reader(dotnet: Dotnet, optimizer: DotnetOptimizer, path: str) -> None:
    with reader(dotnet, path) as made:
        optimizer.load_state_dict(made)


_BY_PATH: tuple[Action, Action] = (
    lambda _, optimizer, path: optimizer.save_state_dict(path),
    lambda _, optimizer, path: optimizer.load_state_dict(path),
)
OVERLOADS: Mapping[str, tuple[Action, Action]] = {
    "optimizer-path": _BY_PATH,
    "optimizer-writer": (_save_with_writer, _load_with_reader),
    "pybridge-optimizer-stream": (
        lambda dotnet, optimizer, path: dotnet.Bridging.SaveOptimizer(optimizer, path),
        lambda dotnet, optimizer, path: dotnet.Bridging.LoadOptimizer(optimizer, path),
    ),
    "pybridge-optimizer": (
        lambda dotnet, optimizer, path: dotnet.PyBridgeOptimizers.save_py(optimizer, path),
        lambda dotnet, optimizer, path: dotnet.PyBridgeOptimizers.load_py(optimizer, path),
    ),
}
"""How TorchSharp saves and loads an optimizer: Optimizers/Optimizer.cs, and PyBridgeOptimizerExtensions.cs of
shaltielshmid/TorchSharp.PyBridge."""


def use_optimizer(dotnet: Dotnet, watch: Stopwatch, call: UseOptimizer) -> OptimizerUsed:
    """Run the stages ``begin`` (steps and a load), ``save`` and ``step`` (more steps). If ``begin`` fails, the others
    do not run.

    Raises Refused for an unknown optimizer or overload.
    """
    for name, table, what in ((call.optimizer, LAYOUTS, "optimizer"), (call.overload, OVERLOADS, "overload")):
        if name not in table:
            raise Refused(f"unknown {what} {name!r}; this peer knows {', '.join(table)}")
    thrown: dict[str, Thrown] = {}
    with watch.running(), closing(_OptimizerRun(dotnet, watch, call)) as run:
        for name, stage in (("begin", run.begin), ("save", run.save), ("step", run.step)):
            try:
                stage()
            except DotnetError as error:
                thrown[name] = Thrown(error.type_name, error.message)
                if name == "begin":
                    break
    return OptimizerUsed(thrown)


def build_optimizer(
    dotnet: Dotnet, name: str, groups: Sequence[ParameterGroup], parameters: Iterable[DotnetTensor]
) -> DotnetOptimizer:
    """An optimizer of the class ``name`` with these groups, each over the next of the parameters."""
    kind = getattr(dotnet.Optimizers, name)
    waiting = iter(parameters)
    made: list[Any] = []
    for described in groups:
        options = kind.Options()
        for option, value in described.options.items():
            setattr(options, _FIELDS.get(option, option), value)
        members = dotnet.Array[dotnet.Optimizers.Parameter]([next(waiting) for _ in range(described.parameters)])
        made.append(kind.ParamGroup(members, options))
    optimizer = kind(dotnet.Array[kind.ParamGroup](made), 1.0)  # 1.0 is a default rate, which no group uses
    for group, described in zip(made, groups, strict=True):
        group.InitialLearningRate = described.options["initial_lr"]  # the constructor sets it to the group's rate
    return optimizer


class _OptimizerRun:
    """One optimizer of TorchSharp with its parameters, and the stages of a call."""

    def __init__(self, dotnet: Dotnet, watch: Stopwatch, call: UseOptimizer) -> None:
        self._dotnet = dotnet
        self._watch = watch
        self._call = call
        self._work = Work(dotnet, watch, call.placement)
        self._save, self._load = OVERLOADS[call.overload]
        self._given = dict(read_state_dict(call.inputs))
        count = sum(group.parameters for group in call.groups)
        self._names = [f"parameter.{number}" for number in range(count)]
        self._parameters = [dotnet.Optimizers.Parameter(self._tensor(name), True) for name in self._names]
        self._optimizer = self._build()

    def begin(self) -> None:
        """Make the first steps, load the file if there is one to load, and write down what memory holds."""
        call = self._call
        for number in call.before:
            self._step(number)
        if call.load is not None:
            self._restore_parameters()
            scope = self._dotnet.Torch.NewDisposeScope() if call.target == "scoped" else None
            try:
                with self._dotnet.errors():
                    self._load(self._dotnet, self._optimizer, call.load)
            finally:
                if scope:
                    scope.Dispose()
            if call.target == "restored":
                self._go_back()
            elif call.target == "handed":
                self._hand_over()
        self._write_parameters(self._call.parameters[0])
        self._write_memory(self._call.memory[0])

    def save(self) -> None:
        with self._dotnet.errors():
            self._save(self._dotnet, self._optimizer, self._call.save)

    def step(self) -> None:
        for number, file in zip(self._call.after, self._call.parameters[1:], strict=True):
            self._step(number)
            self._write_parameters(file)
        self._write_memory(self._call.memory[1])

    def close(self) -> None:
        self._optimizer.Dispose()
        for parameter in self._parameters:
            parameter.Dispose()

    def _build(self) -> DotnetOptimizer:
        return build_optimizer(self._dotnet, self._call.optimizer, self._call.groups, self._parameters)

    def _tensor(self, name: str) -> DotnetTensor:
        return self._work.tensor(self._given[name], poison=False)

    def _step(self, gradients: int) -> None:
        for number, parameter in enumerate(self._parameters):
            name = f"gradient.{gradients}.{number}"
            if name in self._given:
                parameter.grad = self._tensor(name)
        with self._dotnet.errors():
            self._optimizer.step()

    def _go_back(self) -> None:
        """TorchSharp saves the optimizer by the overloads with a path, makes a step, and loads what it has saved."""
        save, load = _BY_PATH
        with self._dotnet.errors():
            save(self._dotnet, self._optimizer, self._call.save)
        self._step(self._call.after[0])
        self._restore_parameters()
        with self._dotnet.errors():
            load(self._dotnet, self._optimizer, self._call.save)

    def _hand_over(self) -> None:
        """Another optimizer over the same parameters gets the state dict of this one, and goes on in its place."""
        first, self._optimizer = self._optimizer, self._build()
        with self._dotnet.errors():
            self._optimizer.load_state_dict(first.state_dict())
        first.Dispose()

    def _restore_parameters(self) -> None:
        guard = self._dotnet.Torch.no_grad()
        try:
            for name, parameter in zip(self._names, self._parameters, strict=True):
                parameter.copy_(self._tensor(name))
        finally:
            guard.Dispose()

    def _write_parameters(self, file: str) -> None:
        with _seen(self._dotnet, self._watch, self._parameters) as entries:
            named = [Entry(name, tensor) for name, (_, tensor) in zip(self._names, entries, strict=True)]
            write_whole(file, encode_state_dict(named))

    def _write_memory(self, file: str) -> None:
        with in_memory(self._dotnet, self._watch, self._optimizer, self._call.optimizer) as record:
            write_whole(file, encode_optimizer(record))


@contextmanager
def in_memory(dotnet: Dotnet, watch: Stopwatch, optimizer: DotnetOptimizer, kind: str) -> Generator[OptimizerRecord]:
    """What an optimizer of the class ``kind`` holds; its tensors are views, which live as long as the context.

    Raises DotnetError for a state that is null though the class always has it: what uses it will fail too.
    """
    layout = LAYOUTS[kind]
    held = optimizer.state_dict()
    options = [{name: getattr(row, _FIELDS.get(name, name)) for name in layout.options} for row in held.Options]
    states = [{name: getattr(row, name) for name in layout.state} for row in held.State]
    for number, state in enumerate(states):
        for name, form in layout.state.items():
            if form == "tensor" and state[name] is None:
                raise DotnetError("System.NullReferenceException", f"{name} of parameter {number} is null")
    places = [
        (state, name)
        for state in states
        for name, form in layout.state.items()
        if form.startswith("tensor") and state[name] is not None
    ]
    with _seen(dotnet, watch, [state[name] for state, name in places]) as entries:
        for (state, name), (_, tensor) in zip(places, entries, strict=True):
            state[name] = tensor
        yield OptimizerRecord(kind, options, states)


@contextmanager
def _seen(dotnet: Dotnet, watch: Stopwatch, tensors: list[DotnetTensor]) -> Generator[StateDict]:
    """The tensors' memory, as entries. Raises DotnetError for a tensor that TorchSharp has disposed of."""
    held = dotnet.Array[dotnet.Tensor](tensors)
    with dotnet.errors(), snapshot(dotnet, watch, held) as (_, entries):
        yield entries
