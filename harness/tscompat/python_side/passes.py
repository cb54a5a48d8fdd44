"""A person's model in torch: what each module in it gets and returns in one pass, and what rounding explains of it.

May import values, python_side. To import the model runs its file.
"""

from __future__ import annotations

import copy
import dataclasses
import importlib.machinery
import importlib.util
import inspect
import sys
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeGuard, cast

import numpy as np
import torch
from torch.utils import _pytree as trees

from tscompat.values.compare import compare
from tscompat.values.dtypes import BY_TORCH, DType
from tscompat.values.tensors import Entry, StateDict, as_float64

from . import rounding
from .arguments import Arguments, run
from .rounding import Reference
from .torch_tensors import from_torch, to_torch

_SAMPLES = 8
"""How often errors are drawn for the outputs of a module (cases/dtypes.toml has as many for architectures)."""
_WITH_BATCH = 3
"""Dims of a batch of sequences."""
_PLAIN = (bool, int, float, str)


Model: TypeAlias = torch.nn.Module
Numbers: TypeAlias = dict[str, bool | float]


class CannotRun(Exception):
    """The model cannot be made, or a pass through it fails. The message has the reason."""


@contextmanager
def failing(what: str) -> Generator[None]:
    """Raises CannotRun, which begins with ``what``, for anything that the person's code raises: a model may do all."""
    try:
        yield
    except CannotRun:
        raise
    except (Exception, SystemExit) as error:
        raise CannotRun(f"{what}: {type(error).__name__}: {error}") from error


class Pass(NamedTuple):
    """One pass of a module: what it got and what it returned, as copies."""

    name: str
    """That of the module; empty for the whole."""
    call: int
    """Counted from 1: a module may be called several times in one pass of the whole."""
    sizes: tuple[int, ...]
    """For each argument how many tensors it has: 1 for a tensor, 0 for None, more for a tuple or list of them."""
    named: Mapping[str, bool | float]
    """The arguments that are numbers or truth values, and not those that the function has by default."""
    defaults: Mapping[str, bool | float]
    """Those that the function has by default."""
    inputs: StateDict
    """The tensors of the arguments, in their order, named by number."""
    outputs: StateDict
    """Tuples, lists and dicts flattened, without what is no tensor, named by number."""
    why: str
    """Why .NET cannot get the same inputs; empty if it can."""
    arguments: tuple[Any, Any]
    batch_first: _BatchFirst | None = None
    """For a layer that gets its batch first: TorchSharp's layers of these classes have the sequence first."""
    parameters: tuple[str, ...] = ()
    """The names of the arguments that ``sizes`` counts."""
    turned: int = 0
    """How many of the first outputs have the sequence first, where the arguments have the batch."""


class _BatchFirst(NamedTuple):
    """How many of the first inputs and outputs have a batch."""

    inputs: int
    outputs: int


class Attributes(NamedTuple):
    """What a module is beside its tensors."""

    type_name: str
    plain: Mapping[str, object]
    """Its numbers, truth values, texts and sequences of numbers, by name."""


_BATCH_FIRST: Mapping[type[torch.nn.Module], _BatchFirst] = {
    torch.nn.MultiheadAttention: _BatchFirst(3, 1),
    torch.nn.TransformerEncoderLayer: _BatchFirst(1, 1),
    torch.nn.TransformerDecoderLayer: _BatchFirst(2, 1),
    torch.nn.Transformer: _BatchFirst(2, 1),
    torch.nn.TransformerEncoder: _BatchFirst(1, 1),
    torch.nn.TransformerDecoder: _BatchFirst(2, 1),
}
"""The layers whose ``batch_first`` TorchSharp lacks (src/TorchSharp/NN/Transformer*.cs, MultiheadAttention.cs)."""


def load_model(where: str) -> torch.nn.Module:
    """The module that a function returns, in eval mode. ``where`` is ``FILE.py:FUNCTION``. Runs that code.

    Raises CannotRun.
    """
    file, colon, function = where.rpartition(":")
    path = Path(file)
    if not colon or not path.is_file():
        raise CannotRun(f"--python {where}: expected FILE.py:FUNCTION, a file that is there and a function in it")
    loader = importlib.machinery.SourceFileLoader(f"tscompat_of_{path.stem}", str(path))
    spec = importlib.util.spec_from_file_location(loader.name, path, loader=loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent.absolute()))
    sys.modules[loader.name] = module  # dataclasses and pickles look their classes up there
    try:
        with failing(f"--python {where}"), redirect_stdout(sys.stderr):
            loader.exec_module(module)
            if not callable(getattr(module, function, None)):
                known = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
                raise CannotRun(f"--python {where}: there is no function {function!r}: it has {', '.join(known[:20])}")
            made = getattr(module, function)()
    finally:
        sys.path.remove(str(path.parent.absolute()))
    if not isinstance(made, torch.nn.Module):
        raise CannotRun(f"--python {where}: found a value of type {type(made).__name__}; expected a torch.nn.Module")
    return made.eval()


def attributes(model: torch.nn.Module) -> dict[str, Attributes]:
    """What each module is, the whole under the empty name."""
    return {
        name: Attributes(type(module).__name__, {key: value for key, value in vars(module).items() if _is_plain(value)})
        for name, module in modules_of(model, once=False).items()
    }


def tied(model: torch.nn.Module) -> list[tuple[str, ...]]:
    """The names of each tensor of the state dict that has several."""
    names: defaultdict[int, list[str]] = defaultdict(list)
    for name, tensor in model.state_dict().items():
        if tensor.numel():
            names[tensor.data_ptr()].append(name)
    return [tuple(each) for each in names.values() if len(each) > 1]


def modules_of(model: torch.nn.Module, *, once: bool) -> dict[str, torch.nn.Module]:
    """The modules by name, the whole under the empty one; one that has several names ``once``, or under each."""
    return dict(model.named_modules(remove_duplicate=once))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(isinstance(each, int | float) for each in value)  # pyright: ignore[reportUnknownVariableType]
    return isinstance(value, _PLAIN)


def passes(model: torch.nn.Module, inputs: Sequence[torch.Tensor], arguments: Arguments) -> list[Pass]:
    """The passes of all modules in one pass of the whole, in the order in which they end; ``inputs`` are its
    ``arguments``. Raises CannotRun.
    """
    made: list[Pass] = []
    begun: dict[int, list[tuple[Any, Any]]] = {}
    counts = Counter[str]()
    modules = modules_of(model, once=True)
    names = {id(module): name for name, module in modules.items()}

    def before(module: torch.nn.Module, args: Any, kwargs: Any) -> None:
        begun.setdefault(id(module), []).append(_cloned((args, kwargs)))

    def after(module: torch.nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        name = names[id(module)]
        counts[name] += 1
        given = begun[id(module)].pop()
        sizes, names_of_sizes, (named, defaults), tensors, why = _arguments(module, *given)
        outputs = tensors_in(output)
        why = why or ("" if outputs else "it returns no tensor")
        made.append(
            Pass(
                *(name, counts[name], sizes, named, defaults, _numbered(tensors), _numbered(outputs), why, given),
                _batch_first(module, tensors),
                names_of_sizes,
            )
        )

    handles: list[Any] = []
    try:
        with failing("a pass in Python fails"):
            for module in modules.values():
                handles.append(module.register_forward_pre_hook(before, with_kwargs=True))
                handles.append(module.register_forward_hook(after, with_kwargs=True))
            with torch.no_grad(), as_the_peer(), redirect_stdout(sys.stderr):
                run(model, arguments, _cloned(inputs))
    finally:
        for handle in handles:
            handle.remove()
    return made


def _batch_first(module: torch.nn.Module, tensors: Sequence[torch.Tensor]) -> _BatchFirst | None:
    known = _BATCH_FIRST.get(type(module))
    first = any(getattr(each, "batch_first", False) for each in module.modules())
    return known if first and tensors and tensors[0].dim() == _WITH_BATCH else None


def as_in_torchsharp(one: Pass) -> Pass:
    """The pass as TorchSharp's layer of the class takes and returns it: with the sequence before the batch."""
    if one.batch_first is None:
        return one
    inputs, outputs = one.batch_first
    return one._replace(inputs=_turned(one.inputs, inputs), outputs=_turned(one.outputs, outputs), turned=outputs)


def _turned(state: StateDict, count: int) -> StateDict:
    """The first tensors with the first two dims exchanged."""
    turned = [Entry(name, _copied(to_torch(tensor).transpose(0, 1).contiguous())) for name, tensor in state[:count]]
    return turned + state[count:]


def steady_passes(model: torch.nn.Module, inputs: Sequence[torch.Tensor], arguments: Arguments) -> list[Pass]:
    """As ``passes``, of a model that computes the same each time, and something.

    Raises CannotRun for one that draws random numbers or keeps a state from pass to pass, with the first module that
    does; and where the whole returns no tensor, or nothing but NaN and infinities.
    """
    made, again = passes(model, inputs, arguments), passes(model, inputs, arguments)
    for one, other in zip(made, again, strict=False):
        if compare(one.outputs, other.outputs) and not compare(one.inputs, other.inputs):
            name = f"the module {one.name!r}" if one.name else "the whole model"
            raise CannotRun(
                f"{name} computes something else in a second pass: it draws random numbers in eval mode (F.dropout "
                "without training=self.training), or keeps a state: nothing can be compared with it"
            )
    whole = made[-1].outputs
    if not whole:
        raise CannotRun("the model returns no tensor, or keeps it in an object of its own class: return tensors")
    if not any(tensor.nbytes for _, tensor in whole):
        raise CannotRun("the outputs have no elements: give larger inputs")
    floating = [as_float64(tensor) for _, tensor in whole if tensor.dtype.kind == "float" and tensor.nbytes]
    if floating and not any(np.isfinite(each).any() for each in floating):
        raise CannotRun("all outputs are NaN or infinite, so that this input shows nothing: give another --input")
    return made


@contextmanager
def as_the_peer() -> Generator[None]:
    """With one thread, as the peer has, so that sums add in the same order; without the fused path of attention, which
    calls no layer in it; and without warnings.
    """
    threads, fast = torch.get_num_threads(), torch.backends.mha.get_fastpath_enabled()
    torch.set_num_threads(1)
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.set_num_threads(threads)
        torch.backends.mha.set_fastpath_enabled(fast)


def _cloned(tree: Any) -> Any:
    return trees.tree_map_only(torch.Tensor, lambda tensor: tensor.detach().clone(), tree)


def _numbered(tensors: Sequence[torch.Tensor]) -> StateDict:
    return [Entry(str(number), _copied(tensor)) for number, tensor in enumerate(tensors)]


def _copied(tensor: torch.Tensor) -> Any:
    found = from_torch(tensor)
    return found._replace(data=bytes(memoryview(found.data).cast("B"))) if found.nbytes else found


def _arguments(
    module: torch.nn.Module, args: Any, kwargs: Any
) -> tuple[tuple[int, ...], tuple[str, ...], tuple[Numbers, Numbers], list[torch.Tensor], str]:
    """How many tensors each argument has, and its name, the numbers among them (given, and by default), the tensors,
    and why .NET cannot get them.
    """
    signature = inspect.signature(module.forward)
    sizes: list[int] = []
    names: list[str] = []
    named, defaults = Numbers(), Numbers()
    tensors: list[torch.Tensor] = []
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    for name, value in _each(signature, bound):
        leaves = trees.tree_leaves(value)
        if value is None or (leaves and _are_tensors(leaves)):
            names.append(name)
            sizes.append(len(leaves) if value is not None else 0)
            tensors += leaves if value is not None else []
        elif name in signature.parameters and signature.parameters[name].default == value:
            if isinstance(value, bool | int | float):
                defaults[name] = value
        elif isinstance(value, bool | int | float):
            named[name] = value
        else:
            return (), (), ({}, {}), [], f"it takes {name}, which is no tensor"
    while sizes and not sizes[-1]:
        sizes.pop()
    return tuple(sizes), tuple(names[: len(sizes)]), (named, defaults), tensors, ""


def tensors_in(output: Any) -> list[torch.Tensor]:
    """The tensors of an output: of tuples, lists and dataclasses in their order, of dicts in the order of their keys.

    C#'s dictionaries have no order, so keys are compared by their place among the sorted ones (dotnet/Peer/Parts.cs).
    """
    if isinstance(output, torch.Tensor):
        return [output]
    if isinstance(output, Mapping):
        named = cast("Mapping[Any, Any]", output)
        return [each for key in sorted(named, key=str) for each in tensors_in(named[key])]
    if isinstance(output, tuple | list):
        items = cast("Sequence[Any]", output)
        return [each for item in items for each in tensors_in(item)]
    if dataclasses.is_dataclass(output):
        return [each for field in dataclasses.fields(output) for each in tensors_in(getattr(output, field.name))]
    return []


def _each(signature: inspect.Signature, bound: inspect.BoundArguments) -> Iterator[tuple[str, Any]]:
    for name, value in bound.arguments.items():
        kind = signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            yield from ((f"*{name}", each) for each in value)
        elif kind is inspect.Parameter.VAR_KEYWORD:
            yield from value.items()
        else:
            yield name, value


def _are_tensors(leaves: Sequence[object]) -> TypeGuard[list[torch.Tensor]]:
    return all(isinstance(each, torch.Tensor) for each in leaves)


def copied(model: torch.nn.Module, *, wide: bool) -> torch.nn.Module:
    """A copy; in float64 if ``wide``, with the tensors that modules keep as plain attributes. Raises CannotRun."""
    with failing(f"the model cannot be copied{' in float64' if wide else ''}"):
        made = copy.deepcopy(model)
        for module in made.double().modules() if wide else ():
            for name, value in vars(module).items():
                if isinstance(value, torch.Tensor) and value.is_floating_point():
                    setattr(module, name, value.double())
    return made


def widened(tensor: torch.Tensor) -> torch.Tensor:
    """A copy of its own, of a floating tensor in float64."""
    return tensor.double() if tensor.is_floating_point() and tensor.dtype != torch.float64 else tensor.clone()


def reference(compute: Callable[[], StateDict], dtype: DType, samples: int) -> Mapping[str, Reference]:
    """As ``rounding.reference``. Raises CannotRun where the computation does not work in float64."""
    with failing("a pass in float64 fails"):
        return rounding.reference(compute, dtype, samples)


class References:
    """What the outputs of passes would be without rounding. The model is copied once, in float64."""

    def __init__(self, model: torch.nn.Module) -> None:
        self._model = model
        self._wide: torch.nn.Module | None = None

    def of(self, one: Pass) -> Mapping[str, Reference]:
        """The references of a pass's outputs, by their numbers. Raises CannotRun where float64 does not work."""
        if self._wide is None:
            self._wide = copied(self._model, wide=True)
        module = self._wide.get_submodule(one.name)

        def compute() -> StateDict:
            args, kwargs = trees.tree_map_only(torch.Tensor, widened, one.arguments)
            with torch.no_grad(), as_the_peer():
                output = module(*args, **kwargs)
            return _turned(_numbered(tensors_in(output)), one.turned)

        return reference(compute, floating_dtype(one.outputs), _SAMPLES)


def floating_dtype(outputs: StateDict) -> DType:
    """The floating type of the outputs: that of the first one that has one."""
    return next((tensor.dtype for _, tensor in outputs if tensor.dtype.kind == "float"), BY_TORCH["float32"])
