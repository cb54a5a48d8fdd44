"""Compares what both sides computed in passes of modules, and finds what the cause of a difference is.

May import values, python_side, dotnet_side.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

import numpy as np
from msgspec import structs

from tscompat.dotnet_side.messages import Part, Thrown
from tscompat.python_side.agreement import agree
from tscompat.python_side.passes import Attributes, CannotRun, Pass
from tscompat.python_side.rounding import Reference
from tscompat.values.compare import compare
from tscompat.values.tensors import StateDict, Tensor, as_float64
from tscompat.values.ulps import distances
from tscompat.values.verdict import Kind

from .attributes import unlike
from .document import Attribute, Finding, Gradient, Layer, Outcome, Output, Training

DIFFERENT = ("differs", "fails")
ALLOWANCE = 4.0
"""How many times what rounding explains a difference may be. The few draws of a reference show a deviation too small
now and then, and a person's model has thousands of elements; a fault is thousands of times as much (docs/bounds.md)."""
_ROUNDINGS = 1024
"""How many roundings of a number of the output's size a difference may have, where no reference can be computed."""
_NOT_NEEDED = "not needed: the layers in it agree, and so does the whole"


def layer(
    one: Pass,
    found: StateDict | Thrown | None,
    references: Callable[[Pass], Mapping[str, Reference]],
    python: str,
    dotnet: str,
) -> Layer:
    """How the outputs of a pass compare with .NET's; ``found`` is None where it was not run there."""
    outcome, detail = _outcome(one, found, references, there=bool(dotnet))
    outputs = tuple(_outputs(one.outputs, found if isinstance(found, list) else []))
    return Layer(
        name=one.name,
        call=one.call,
        python=python,
        dotnet=dotnet,
        outcome=outcome,
        outputs=outputs,
        detail=detail,
        needed=found is not None or bool(one.why) or not dotnet,
    )


def _outcome(
    one: Pass,
    found: StateDict | Thrown | None,
    references: Callable[[Pass], Mapping[str, Reference]],
    *,
    there: bool,
) -> tuple[Outcome, str]:
    if found is None:
        return "not-compared", one.why or (_NOT_NEEDED if there else "not in .NET")
    if isinstance(found, Thrown) and not found.type_name:
        return "not-compared", found.message
    if isinstance(found, Thrown):
        first = found.message.partition("\n")[0]
        return "fails", f"{found.type_name}: {first}".removeprefix(": ")
    if len(found) < len(one.outputs):
        return "differs", f"{len(found)} outputs in .NET, {len(one.outputs)} in Python"
    theirs = found[: len(one.outputs)]
    if not compare(one.outputs, theirs):
        return "equal", ""
    try:
        verdict = agree(one.outputs, theirs, lambda: references(one), "output", ALLOWANCE)
    except CannotRun as error:
        return _without_reference(one.outputs, theirs, str(error))
    return ("rounding" if verdict.kind is Kind.PASS else "differs"), verdict.detail


def _without_reference(ours: StateDict, theirs: StateDict, why: str) -> tuple[Outcome, str]:
    """Held to the size of each output, where float64 cannot compute it."""
    share = 0.0
    for (_, our), (_, their) in zip(ours, theirs, strict=True):
        if our.dtype is not their.dtype or our.shape != their.shape:
            return (
                "differs",
                f"{their.dtype.name} {list(their.shape)} in .NET, {our.dtype.name} {list(our.shape)} in Python",
            )
        mine, other = as_float64(our), as_float64(their)
        finite = np.isfinite(mine) & np.isfinite(other)
        if our.dtype.mantissa_bits is None or not np.array_equal(mine[~finite], other[~finite], equal_nan=True):
            if not np.array_equal(mine, other, equal_nan=True):
                return "differs", f"not equal ({why})"
            continue
        size = float(np.sqrt(np.mean(np.square(mine[finite])))) if finite.any() else 0.0
        far = float(np.abs(mine - other, where=finite, out=np.zeros_like(mine)).max(initial=0.0))
        bound = _ROUNDINGS * 2.0 ** -(our.dtype.mantissa_bits + 1) * size
        share = max(share, far / bound if bound else float(far > 0) * np.inf)
    words = f"{share:.2g} times {_ROUNDINGS} roundings of its size, because {why}"
    return ("rounding" if share <= 1 else "differs"), words


def _outputs(ours: StateDict, theirs: StateDict) -> Iterator[Output]:
    found = dict(theirs)
    for name, tensor in ours:
        yield Output(dtype=tensor.dtype.torch, shape=tensor.shape, ulps=ulps(tensor, found.get(name)))


def ulps(ours: Tensor, theirs: Tensor | None) -> int | None:
    """The largest distance of two tensors' elements; None where they cannot be compared so."""
    if theirs is None or ours.dtype is not theirs.dtype or ours.shape != theirs.shape:
        return None
    if not ours.nbytes:
        return 0
    both = [np.frombuffer(side.data, ours.dtype.scalar) for side in (ours, theirs)]
    with np.errstate(invalid="ignore"):
        if ours.dtype.kind in ("float", "complex") and any(bool(np.isnan(side).any()) for side in both):
            return None
    return int(distances(ours.dtype, *both).max(initial=0))


def leaves(made: Sequence[Pass], known: Collection[str]) -> set[str]:
    """The names of the modules that both sides have and within which no other one was run that both have."""
    names = {one.name for one in made if one.name in known}
    return {name for name in names if not any(other != name and _within(other, name) for other in names)}


def _within(name: str, of: str) -> bool:
    return not of or name.startswith(f"{of}.")


def findings(layers: Sequence[Layer], attributes: Mapping[str, Sequence[Attribute]]) -> list[Finding]:
    """What differs, each thing once, in the order in which PyTorch computes.

    A module that differs because one within it does is no finding. ``attributes`` has what differs by name.
    """
    different = [each for each in layers if each.outcome in DIFFERENT]
    named = {each.name for each in layers if each.outcome != "not-compared"}
    found: list[Finding] = []
    for each in different:
        if any(_within(other.name, each.name) and other.name != each.name for other in different):
            continue
        if any(other.name == each.name for other in found):
            continue
        whole = any(_within(other, each.name) and other != each.name for other in named)
        inner = tuple(attributes.get(each.name, ()))
        what = "between" if whole and each.outcome == "differs" and not inner else "layer"
        found.append(Finding(what=what, name=each.name, call=each.call, attributes=inner, detail=each.detail))
    shown = {each.name for each in found}
    for name, inner in attributes.items():
        if name not in shown:
            found.append(Finding(what="attribute", name=name, call=1, attributes=tuple(inner), detail=""))
    return found


def merged(findings: Sequence[Finding], training: Sequence[Finding]) -> list[Finding]:
    """The findings with that of a training, which takes the attributes of its module: they are its cause."""
    made = [*findings]
    for each in training:
        module = each.name.rpartition(".")[0]
        cause = next((one for one in made if one.what == "attribute" and one.name == module), None)
        if cause is not None:
            made.remove(cause)
            each = structs.replace(each, attributes=cause.attributes)
        made.append(each)
    return made


def attributes_of(
    python: Mapping[str, Attributes], dotnet: Iterable[tuple[str, Part]]
) -> dict[str, Sequence[Attribute]]:
    """The attributes that differ, by the name of the module in Python; ``dotnet`` has the parts under these names."""
    pairs = ((name, unlike(python[name].plain, part.scalars)) for name, part in dotnet if name in python)
    return {name: found for name, found in pairs if found}


def sentence(
    found: Sequence[Finding], layers: Sequence[Layer], gradients: Sequence[Gradient] | None, training: Training | None
) -> str:
    """The answer in one sentence."""
    compared = [each for each in layers if each.outcome != "not-compared"]
    equal = all(each.outcome == "equal" for each in compared)
    shown = [each for each in found if each.what != "attribute"]
    if shown and shown[0].what in ("gradient", "training"):
        what = {"gradient": "the gradient of", "training": "in training,"}[shown[0].what]
        inner = "".join(f"{each.name} {each.python} in Python, {each.dotnet} in .NET; " for each in shown[0].attributes)
        return f"the outputs agree; first difference: {what} {shown[0].name!r}: {inner}{shown[0].detail}"
    if not shown:
        how = "bitwise equal" if equal else "equal, or as close as rounding explains"
        hidden = f"; but {_named(found[0])}, which this input does not show" if found else ""
        count = f"{len(compared) - 1} pass{'' if len(compared) == 2 else 'es'} of layers alone"
        more = f"; so are {len(gradients)} gradients" if gradients is not None else ""
        more += f"; {training.steps} steps of training agree" if training is not None else ""
        return f"no difference: the whole and {count} are {how}{more}{hidden}"
    first = shown[0]
    before = _before(first, layers)
    if first.what == "between":
        where = f"the layers of {first.name!r}" if first.name else "the layers"
        return f"{where} agree alone, and together they do not: the difference is between them ({first.detail})"
    whole = "; the whole agrees" if layers[-1].outcome not in DIFFERENT else ""
    return f"first difference: {_named(first)}; {before}{whole}"


def _named(finding: Finding) -> str:
    name = f"{finding.name!r}" if finding.name else "the whole model"
    call = f", call {finding.call}" if finding.call > 1 else ""
    inner = "; ".join(f"{each.name} {each.python} in Python, {each.dotnet} in .NET" for each in finding.attributes)
    return f"{name}{call}: {inner or finding.detail}"


def _before(first: Finding, layers: Sequence[Layer]) -> str:
    before: list[Layer] = []
    for each in layers:
        if (each.name, each.call) == (first.name, first.call):
            break
        before.append(each)
    if not before:
        return "nothing is computed before it"
    equal = all(each.outcome in ("equal", "not-compared") for each in before)
    return f"everything before is {'bitwise equal' if equal else 'as close as rounding explains'}"
