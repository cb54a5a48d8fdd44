"""The whole of a comparison: the model in Python, the class in .NET, layer by layer and end to end.

May import values, resources, codec, python_side, dotnet_side, files, verbs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tscompat.codec import encode_state_dict, read_state_dict
from tscompat.dotnet_side.choice import PINNED, Choice
from tscompat.dotnet_side.errors import PeerDied
from tscompat.dotnet_side.messages import OwnModule, Part, Parts, PartsRan, RunParts, Thrown
from tscompat.dotnet_side.process import PeerKeeper
from tscompat.files.item import ModelFileError, Tell, Unfit, some
from tscompat.python_side.arguments import parameters
from tscompat.python_side.descent import Recipe, dropouts
from tscompat.python_side.passes import (
    Attributes,
    CannotRun,
    Model,
    Pass,
    References,
    as_in_torchsharp,
    attributes,
    load_model,
    steady_passes,
    tied,
)
from tscompat.python_side.torch_tensors import VERSION, entries_of, to_torch
from tscompat.resources.whole import write_whole
from tscompat.values.compare import compare
from tscompat.values.tensors import Entry, StateDict
from tscompat.values.text import shown
from tscompat.verbs.convert.names import Names, renamed
from tscompat.verbs.own import Own
from tscompat.verbs.peer import NoPeer, last_words, peer_for, refused, seconds_for
from tscompat.verbs.renaming import Options, apply, pairs

from . import comparison, descent
from .document import Layer, Parity
from .inputs import inputs as inputs_of
from .inputs import run_of

_COPIES = 4
"""How many times the model's size a peer takes at most: its class twice over, what it is filled with, outputs."""
_FORWARD_SECONDS = 600.0
"""What the passes may take beyond the time to load."""


class _Found(NamedTuple):
    """What .NET has and what its parts computed."""

    made: Sequence[Pass]
    """The passes in Python, as .NET's parts take and return them."""
    parts: Mapping[str, Part]
    """By the names that they have in Python."""
    results: Mapping[tuple[str, int], StateDict | Thrown]
    """By the name in Python and the call."""
    names: tuple[str, ...]
    """Of all parts, as .NET has them."""
    tied: Sequence[Sequence[str]]
    """The names of each tensor that has several."""
    version: str


def parity(
    python: str,
    own: Own,
    inputs: Sequence[str],
    *,
    strip_prefix: str = "",
    rename: Iterable[tuple[str, str]] = (),
    add_prefix: str = "",
    backward: bool = False,
    recipe: Recipe | None = None,
    choice: Choice = PINNED,
    tell: Tell | None = None,
) -> Parity:
    """Whether a C# class computes what a PyTorch model computes, with the same weights and inputs.

    ``python`` is ``FILE.py:FUNCTION``, which returns the model; ``own`` is the class in .NET: the code of both is run.
    ``inputs`` are as those of ``--input``. The other options give names of Python's those that .NET has, those of
    modules too. With ``backward`` gradients are compared, with a ``recipe`` a training. Raises ModelFileError for what
    cannot be run, with the reason; and OSError.
    """
    notes: list[str] = []

    def note(sentence: str) -> None:
        notes.append(sentence)
        if tell is not None:
            tell(sentence)

    changes = Names({}, strip_prefix, tuple(rename), add_prefix)
    options = pairs(changes)
    module = own.module()
    try:
        model = load_model(python)
        given = inputs_of(inputs, parameters(model))
        state = entries_of(model.state_dict())
        new = renamed([Unfit(name, "") for name, _ in state], changes, note)
        weights = [Entry(each.name, tensor) for each, (_, tensor) in zip(new, state, strict=True)]
        made = steady_passes(model, [to_torch(tensor) for _, tensor in given.tensors], given.arguments)
    except (CannotRun, ValueError) as error:
        raise ModelFileError(shown(str(error), 1000)) from error
    ours = attributes(model)
    names = {name: _renamed(options, name, [each for each, _ in state]) for name in ours}
    size = sum(tensor.nbytes for _, tensor in weights)
    try:
        with peer_for(_COPIES * size, choice, note) as (peer, folder):
            found = _asked(peer, folder, own, module, weights, made, names)
            _note_ties([[apply(options, name) for name in each] for each in tied(model)], found.tied, note)
            layers = _layers(model, ours, found)
            differ = comparison.attributes_of(ours, found.parts.items())
            findings = comparison.findings(layers, differ)
            gradients, training = None, None
            if layers[-1].outcome in ("equal", "rounding"):
                side = descent.Side(peer, folder, module, {name: apply(options, name) for name in model.state_dict()})
                if backward:
                    gradients = descent.gradients(side, model, given, made[-1])
                    findings += descent.finding_of_gradients(gradients, made)
                if recipe is not None:
                    if drawing := dropouts(model):
                        note(f"training: {drawing} dropout layers draw nothing on both sides (p = 0)")
                    training, more = descent.training(
                        side, model, recipe, lambda step: inputs_of(inputs, parameters(model), step), made[-1]
                    )
                    findings = comparison.merged(findings, more)
                    if None in training.python:
                        note(f"from step {training.python.index(None) + 1} on, Python's losses are not finite")
            elif backward or recipe is not None:
                note("gradients and trainings are not compared, because the outputs differ")
    except NoPeer as error:
        raise ModelFileError(f"TorchSharp cannot be asked: {error}") from error
    except CannotRun as error:
        raise ModelFileError(shown(str(error), 1000)) from error
    except PeerDied as died:
        raise ModelFileError(f"{own}: .NET ended: {last_words(died)}") from died
    if layers[-1].outcome == "not-compared":
        raise ModelFileError(f"the whole model cannot be compared: {layers[-1].detail}")
    whole = found.results.get(("", 1))
    more = len(whole) - len(made[-1].outputs) if isinstance(whole, list) else 0
    if more > 0:
        note(f".NET returns {more} outputs more than Python: they are not compared")
    there = {part.name for part in found.parts.values()}
    return Parity(
        schema=1,
        outcome="differs" if any(each.what != "attribute" for each in findings) else "agrees",
        sentence=comparison.sentence(findings, layers, gradients, training),
        python=python,
        dotnet=str(own),
        torch=str(VERSION),
        torchsharp=found.version,
        findings=tuple(findings),
        layers=tuple(layers),
        gradients=gradients,
        training=training,
        only_python=tuple(name for name in names if name not in found.parts),
        only_dotnet=tuple(name for name in found.names if name not in there),
        notes=tuple(notes),
    )


def _note_ties(python: Sequence[Sequence[str]], dotnet: Sequence[Sequence[str]], note: Tell) -> None:
    """Note the tensors that are one on one side only: the outputs do not show it."""
    for here, there, where, not_where in ((python, dotnet, "Python", ".NET"), (dotnet, python, ".NET", "Python")):
        for names in here:
            if not any(set(names) <= set(others) for others in there):
                note(f"tied in {where} and not in {not_where}: {some(map(shown, names))}: in a training they part")


def _layers(model: Model, ours: Mapping[str, Attributes], found: _Found) -> list[Layer]:
    references = References(model)
    return [
        comparison.layer(
            one,
            found.results.get((one.name, one.call)),
            references.of,
            ours[one.name].type_name,
            found.parts[one.name].type_name if one.name in found.parts else "",
        )
        for one in found.made
    ]


def _renamed(options: Options, name: str, tensors: Sequence[str]) -> str:
    """The name of a module in .NET. Options are for names of tensors: a module has the name that its own get, or what
    becomes of its name with the dot that ends it.
    """
    for tensor in tensors:
        module, _, own = tensor.rpartition(".")
        new = apply(options, tensor)
        if name and module == name and new.endswith(f".{own}"):
            return new.removesuffix(f".{own}")
    return apply(options, f"{name}.").removesuffix(".") if name else ""


def _asked(
    peer: PeerKeeper,
    folder: Path,
    own: Own,
    module: OwnModule,
    weights: StateDict,
    made: Sequence[Pass],
    names: Mapping[str, str],
) -> _Found:
    """What .NET has and computes: of the layers, of the whole, and where that differs, of all between them."""
    version = peer.start().versions["torchsharp"]
    answer = peer.ask(Parts(module))
    if isinstance(answer, Thrown):
        raise ModelFileError(f"{own.assembly}: {own} cannot be built: {refused(answer).detail}")
    there = {part.name: part for part in answer.parts}
    parts = {name: there[other] for name, other in names.items() if other in there}
    write_whole(folder / "expected.dat", encode_state_dict(weights))
    first = comparison.leaves(made, parts) | {""}
    # The whole comes first, on an instance of which no layer has run: it may keep a state.
    made = [as_in_torchsharp(one) if _is_torchsharps(parts.get(one.name)) else one for one in made]
    wanted = sorted((one for one in made if one.name in first and not one.why), key=lambda one: bool(one.name))
    results = _run(peer, folder, own, module, wanted, names)
    if any(_unequal(one, results.get((one.name, one.call))) for one in made if one.name in first):
        others = [one for one in made if one.name in parts and one.name not in first and not one.why]
        results |= _run(peer, folder, own, module, others, names)
    return _Found(made, parts, results, tuple(there), answer.tied, version)


def _is_torchsharps(part: Part | None) -> bool:
    """Whether the part is one of TorchSharp's own layers."""
    return part is not None and part.type_name.startswith("TorchSharp.Modules.")


def _unequal(one: Pass, found: StateDict | Thrown | None) -> bool:
    return isinstance(found, Thrown) or (found is not None and bool(compare(one.outputs, found)))


def _run(
    peer: PeerKeeper, folder: Path, own: Own, module: OwnModule, made: Sequence[Pass], names: Mapping[str, str]
) -> dict[tuple[str, int], StateDict | Thrown]:
    """Run parts in .NET with the inputs that Python's had. Raises ModelFileError where the weights do not load."""
    if not made:
        return {}
    given = [Entry(f"{number}.{name}", tensor) for number, one in enumerate(made) for name, tensor in one.inputs]
    write_whole(folder / "inputs.dat", encode_state_dict(given))
    call = RunParts(
        expected=str(folder / "expected.dat"),
        module=module,
        runs=tuple(run_of(one, names[one.name]) for one in made),
        inputs=str(folder / "inputs.dat"),
        outputs=str(folder / "outputs.dat"),
    )
    size = (folder / "expected.dat").stat().st_size + (folder / "inputs.dat").stat().st_size
    answer = peer.ask(call, _FORWARD_SECONDS + seconds_for(size))
    if isinstance(answer, Thrown):
        raise ModelFileError(
            f"{own} does not load the weights: {refused(answer).detail}: save Python's state_dict(), and tscompat "
            "verify shows what does not fit; the options that it prints (--rename) are parity's, too"
            f"{_other_types(read_state_dict(folder / 'expected.dat'))}"
        )
    return _results(folder / "outputs.dat", made, answer)


def _other_types(weights: StateDict) -> str:
    """What to do where the weights have another floating type than TorchSharp's layers; empty where they have none."""
    found = {tensor.dtype.torch for _, tensor in weights if tensor.dtype.kind == "float"} - {"float32"}
    if not found:
        return ""
    return (
        f". Python's model has {' and '.join(sorted(found))}, and TorchSharp's layers are float32 unless their class "
        "sets another type: return model.float(), or build the class in that type"
    )


def _results(outputs: Path, made: Sequence[Pass], answer: PartsRan) -> dict[tuple[str, int], StateDict | Thrown]:
    by_run: dict[int, StateDict] = {number: [] for number in range(len(made))}
    for name, tensor in read_state_dict(outputs):
        number, _, output = name.partition(".")
        by_run[int(number)].append(Entry(output, tensor._replace(data=bytes(tensor.data))))
    return {(one.name, one.call): answer.thrown.get(number, by_run[number]) for number, one in enumerate(made)}
