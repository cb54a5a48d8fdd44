"""Gradients and trainings of both sides, compared.

May import values, resources, codec, python_side, dotnet_side, files, verbs.
"""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tscompat.codec import encode_state_dict, read_state_dict
from tscompat.dotnet_side.messages import Backward, OwnModule, Thrown, Train
from tscompat.dotnet_side.process import PeerKeeper
from tscompat.files.item import ModelFileError
from tscompat.python_side import descent
from tscompat.python_side.agreement import agree
from tscompat.python_side.descent import Recipe
from tscompat.python_side.passes import Model, Pass, floating_dtype
from tscompat.python_side.rounding import Reference
from tscompat.resources.whole import write_whole
from tscompat.values.compare import difference
from tscompat.values.tensors import Entry, Tensor, as_float64
from tscompat.values.text import shown
from tscompat.values.verdict import Kind
from tscompat.verbs.peer import refused

from .comparison import ALLOWANCE, ulps
from .document import Finding, Gradient, Training
from .inputs import Inputs, run_of

_SECONDS = 1800.0
"""What a training may take at most."""


def recipe_of(steps: int, optimizer: str, loss: str) -> Recipe:
    """The recipe of ``--train``, ``--optimizer Adam,lr=1e-3`` and ``--loss``. Raises ModelFileError."""
    name, *words = re.split(r",(?![^\[]*\])", optimizer)
    if steps < 1:
        raise ModelFileError(f"--train {steps}: expected a number of steps")
    if name not in descent.OPTIMIZERS:
        raise ModelFileError(f"--optimizer {shown(name)}: expected one of {', '.join(descent.OPTIMIZERS)}")
    if loss not in descent.LOSSES:
        raise ModelFileError(f"--loss {shown(loss)}: expected one of {', '.join(descent.LOSSES)}")
    options: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        try:
            options[key.strip()] = json.loads(value.strip().lower() if value.strip() in ("True", "False") else value)
        except ValueError:
            equals = ""
        if not equals:
            raise ModelFileError(
                f"--optimizer {shown(optimizer)}: expected CLASS,OPTION=NUMBER,..., as Adam,lr=1e-3,betas=[0.9,0.99]"
            )
    return Recipe(steps, name, options, loss)


class Side(NamedTuple):
    """Where .NET's half is asked."""

    peer: PeerKeeper
    folder: Path
    module: OwnModule
    names: Mapping[str, str]
    """The names of entries in .NET, by those in Python."""


def gradients(side: Side, model: Model, inputs: Inputs, whole: Pass) -> tuple[Gradient, ...]:
    """The gradients of the inputs and parameters. Raises ModelFileError where .NET throws, PeerDied where it ends."""
    given = [*(Entry(f"input.{name}", tensor) for name, tensor in inputs.tensors), *descent.cotangents(whole.outputs)]
    write_whole(side.folder / "backward.dat", encode_state_dict(given))
    call = Backward(
        expected=str(side.folder / "expected.dat"),
        module=side.module,
        run=run_of(whole, ""),
        inputs=str(side.folder / "backward.dat"),
        outputs=str(side.folder / "gradients.dat"),
    )
    answer = side.peer.ask(call, _SECONDS)
    if isinstance(answer, Thrown):
        raise ModelFileError(f"backward fails in .NET: {refused(answer).detail}")
    found = dict(read_state_dict(side.folder / "gradients.dat"))
    references = functools.cache(
        lambda: descent.gradients_without_rounding(model, given, inputs.arguments, floating_dtype(whole.outputs))
    )
    ours = descent.gradients(model, given, inputs.arguments)
    made = [_gradient(name, tensor, found.pop(side.names.get(name, name), None), references) for name, tensor in ours]
    back = {other: name for name, other in side.names.items()}
    more = (
        Gradient(name=back.get(name, name), outcome="differs", ulps=None, detail="Python has no gradient of it")
        for name in found
    )
    return (*made, *more)


def _gradient(
    name: str, ours: Tensor, theirs: Tensor | None, references: Callable[[], Mapping[str, Reference]]
) -> Gradient:
    if theirs is None:
        return Gradient(name=name, outcome="differs", ulps=None, detail=".NET has no gradient of it")
    if difference(ours, theirs) is None:
        return Gradient(name=name, outcome="equal", ulps=0, detail="")
    verdict = agree([Entry(name, ours)], [Entry(name, theirs)], references, "the gradient of", ALLOWANCE)
    outcome = "rounding" if verdict.kind is Kind.PASS else "differs"
    return Gradient(name=name, outcome=outcome, ulps=ulps(ours, theirs), detail=verdict.detail)


def finding_of_gradients(found: Sequence[Gradient], made: Sequence[Pass]) -> list[Finding]:
    """The gradient that differs nearest to the output: those before it get it from there."""
    places = {one.name: place for place, one in enumerate(made)}
    different = [each for each in found if each.outcome == "differs"]
    if not different:
        return []
    last = max(different, key=lambda each: places.get(each.name.rpartition(".")[0], -1))
    more = f"; so do {len(different) - 1} more" if len(different) > 1 else ""
    detail = f"{last.detail.removeprefix(f'the gradient of {last.name!r} ')}{more}"
    return [Finding(what="gradient", name=last.name, call=1, attributes=(), detail=detail)]


def training(
    side: Side, model: Model, recipe: Recipe, inputs: Callable[[int], Inputs], whole: Pass
) -> tuple[Training, list[Finding]]:
    """The training of both sides from the same file, on the same batches. Raises as ``gradients`` does."""
    arguments = inputs(0).arguments
    given = descent.batches(model, lambda step: inputs(step).tensors, arguments, recipe)
    record = descent.record(model, recipe)
    write_whole(side.folder / "batches.dat", encode_state_dict(given))
    call = Train(
        expected=str(side.folder / "expected.dat"),
        module=side.module,
        batches=str(side.folder / "batches.dat"),
        optimizer=record.name,
        options=dict(record.groups[0]),
        loss=recipe.loss,
        steps=recipe.steps,
        outputs=str(side.folder / "trained.dat"),
        device="cpu",
        run=run_of(whole, ""),
    )
    answer = side.peer.ask(call, _SECONDS)
    if isinstance(answer, Thrown):
        raise ModelFileError(f"training fails in .NET: {refused(answer).detail}")
    ours = descent.trained(model, recipe, given, arguments)
    theirs = dict(read_state_dict(side.folder / "trained.dat"))
    references = functools.cache(
        lambda: descent.trained_without_rounding(model, recipe, given, arguments, floating_dtype(ours))
    )
    first, detail, equal = None, "", True
    for name, tensor in ours:
        other = theirs.get(_there(name, side.names))
        if other is not None and difference(tensor, other) is None:
            continue
        equal = False
        if other is None:
            first, detail = name, ".NET has none"
            break
        verdict = agree([Entry(name, tensor)], [Entry(name, other)], references, "after steps,", ALLOWANCE)
        if verdict.kind is not Kind.PASS:
            first, detail = name, verdict.detail
            break
    made = Training(
        steps=recipe.steps,
        optimizer=recipe.optimizer,
        loss=recipe.loss,
        outcome="differs" if first else "equal" if equal else "rounding",
        python=tuple(_number(tensor) for name, tensor in ours if name.startswith("loss.")),
        dotnet=tuple(_number(tensor) for name, tensor in theirs.items() if name.startswith("loss.")),
    )
    if first is None:
        return made, []
    step, name = _parted(first)
    words = f"step {step + 1}: {detail}"
    return made, [Finding(what="training", name=name, call=step + 1, attributes=(), detail=words)]


def _there(name: str, names: Mapping[str, str]) -> str:
    if not name.startswith("step."):
        return name
    _, step, entry = name.split(".", 2)
    return f"step.{step}.{names.get(entry, entry)}"


def _parted(name: str) -> tuple[int, str]:
    """The step, and the name of the entry; ``loss`` of the loss."""
    what, step, *entry = name.split(".", 2)
    return int(step), entry[0] if entry else what


def _number(tensor: Tensor) -> float | None:
    value = float(as_float64(tensor).reshape(-1)[0])
    return value if math.isfinite(value) else None
