"""Python in .NET's place: one tensor of a module at a time is scaled. Do the checks of what it computes see it?"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

import torch

from tscompat.catalogue import Case, Model, TensorSpec, make_inputs
from tscompat.python_side.agreement import agree, within_rounding
from tscompat.python_side.models import native
from tscompat.python_side.rounding import Reference
from tscompat.routes.forward import NARROW, WIDER
from tscompat.values.dtypes import DType
from tscompat.values.tensors import StateDict

from .measured import FACTORS, SEEDS, SETTINGS, Measured, Reached, Scaled, computing, part_of

MOST = 12
"""So many tensors of a case are scaled."""
WIDENED = 1 + 1e-3
"""By how much a tensor is scaled after it was widened from f16 or bf16 to f32."""
CHECKS = ("forward", "widened", "statistics")
"""The checks that compare what modules compute."""


class Computation:
    """What Python's module computes from the bits of a case, judged as the routes judge what .NET computes."""

    def __init__(self, model: Model, entries: StateDict, dtype: DType, *, train: bool = False) -> None:
        self._model = model
        self._entries = entries
        self._dtype = dtype
        self._train = train
        self._module = native.computing(model, entries, dtype).train(train)
        self._bits = {name: tensor.clone() for name, tensor in self._module.state_dict().items()}

    def outputs(self, given: StateDict, scaled: str = "", factor: float = 1.0) -> StateDict:
        """The outputs (in train mode, the buffers afterwards) for these inputs, with a tensor times a factor.

        A tied tensor is scaled under all of its names.
        """
        self._module.load_state_dict(self._bits)
        if scaled:
            with torch.no_grad():
                self._module.state_dict()[scaled].mul_(factor)
        outputs = native.forward(self._module, self._model, given, self._dtype)
        return native.buffers(self._module) if self._train else outputs

    def references(self, given: StateDict) -> Mapping[str, Reference]:
        """The references of what is computed for these inputs."""
        return native.reference(self._model, self._entries, given, self._dtype, train=self._train)


def measure(case: Case, checks: Set[str]) -> Measured:
    """Scale tensors of a case's module, and compute without a fault in each setting from inputs of each seed."""
    model = case.subject
    assert isinstance(model, Model)
    specs = native.specs_of(case)
    entries = native.entries_of(case, specs)
    given = {seed: make_inputs(case.id + seed, model) for seed in SEEDS}
    parts: dict[str, dict[str, float]] = {name: {} for name in drawn(case.id, specs)}
    reached: list[Reached] = []
    for check in CHECKS:
        if check in checks:
            dtype = WIDER[model.dtype.name] if check == "widened" else model.dtype
            computation = Computation(model, entries, dtype, train=check == "statistics")
            references = {seed: computation.references(inputs) for seed, inputs in given.items()}
            reached += _reached(check, computation, given, references)
            if check != "statistics":
                narrow = check == "widened" and model.dtype.name in NARROW
                factor = WIDENED if narrow else FACTORS[model.dtype.name]
                for name, part in _scaled(computation, given[""], references[""], parts, factor):
                    parts[name][check] = part
    return Measured(case.id, tuple(Scaled(*each) for each in parts.items()), reached=tuple(reached))


def drawn(case_id: str, specs: Sequence[TensorSpec]) -> list[str]:
    """The tensors that are scaled: floats with elements, a tied one under its first name; drawn by the case's id."""
    names = [spec.name for spec in specs if spec.dtype.mantissa_bits is not None and spec.nbytes and not spec.tied_to]
    return random.Random(case_id).sample(names, min(MOST, len(names)))


def _scaled(
    computation: Computation,
    given: StateDict,
    references: Mapping[str, Reference],
    names: Iterable[str],
    factor: float,
) -> Iterator[tuple[str, float]]:
    right = computation.outputs(given)
    for name in names:
        wrong = computation.outputs(given, name, factor)
        yield name, part_of(agree(right, wrong, lambda: references, "output"))


def _reached(
    check: str,
    computation: Computation,
    given: Mapping[str, StateDict],
    references: Mapping[str, Mapping[str, Reference]],
) -> Iterator[Reached]:
    for setting in SETTINGS:
        with computing(setting):
            for seed, inputs in given.items():
                found = computation.outputs(inputs)
                verdict = within_rounding(found, found, references[seed], check)
                yield Reached(check, seed, setting, part_of(verdict))
