"""Writes a case as a program: TorchScript, an exported program, an AOTInductor package.

May import values, catalogue, python_side. For TorchScript, a bag of tensors is scripted, because it computes nothing to
trace; a model is traced with its inputs, because tracing takes any Python code, and scripting only a subset.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import torch

from tscompat.catalogue import Model, Tensors, TensorSpec
from tscompat.python_side import torch_tensors
from tscompat.values.tensors import Entry, StateDict, Tensor

from . import layers, native

_torch: Any = torch
"""torch without types: torch.jit and torch.export have types only in part."""
Program: TypeAlias = Tensors | Model
"""What can become a program."""


class Bag(torch.nn.Module):
    """A module with the tensors of a case. Names keep their dots; forward is there because a script must have one."""

    def __init__(self, state: dict[str, torch.Tensor], buffers: set[str]) -> None:
        super().__init__()
        tied: dict[int, torch.nn.Parameter] = {}
        for name, tensor in state.items():
            if name in buffers:
                self._buffers[name] = tensor  # register_buffer takes no dots
            else:
                parameter = torch.nn.Parameter(tensor, requires_grad=False)
                self._parameters[name] = tied.setdefault(id(tensor), parameter)

    def forward(self) -> int:
        return 0


class WithStateOutputs(torch.nn.Module):
    """Returns a module's outputs, then its state dict: in .NET, an exported program shows its state in no other way."""

    def __init__(self, module: torch.nn.Module, computes: bool) -> None:
        super().__init__()
        self.module = module
        self.computes = computes

    def forward(self, *inputs: Any) -> tuple[torch.Tensor, ...]:
        outputs = layers.forward(self.module, inputs) if self.computes else []
        return (*outputs, *self.module.state_dict(keep_vars=True).values())


def save_script(path: Path, subject: Program, entries: StateDict, given: StateDict, device: str = "cpu") -> None:
    """Write the subject with torch.jit.save. A model is traced with the inputs ``given``; a bag lies on ``device``."""
    with _quiet():
        if isinstance(subject, Model):
            module = native.filled(subject, entries)
            inputs = native.arguments(subject, given, subject.dtype)
            script = _torch.jit.trace(module, tuple(inputs), check_trace=False)
            native.fill(module, entries)  # tracing runs the module, and an embedding with max_norm changes its weights
        else:
            script = _torch.jit.script(_bag(subject, torch_tensors.on(device, torch_tensors.source(subject, entries))))
        _torch.jit.save(script, str(path))


def save_bag(path: Path, state: Mapping[str, torch.Tensor]) -> None:
    """Write a state dict as a script."""
    with _quiet():
        _torch.jit.save(_torch.jit.script(Bag(dict(state), set())), str(path))


def load_script(path: Path) -> torch.nn.Module:
    """The module that torch.jit.load reads from a file. Raises RuntimeError for a file that it cannot read."""
    with _quiet():
        return _torch.jit.load(str(path))


def save_archive(path: Path, tensor: Tensor) -> None:
    """Write one tensor as torch::save of C++ does: a script with the one parameter "0"."""
    with _quiet():
        bag = Bag({"0": torch_tensors.to_torch(tensor)}, set())
        _torch.jit.save(_torch.jit.script(bag), str(path))


def save_pickle(path: Path, tensor: Tensor) -> None:
    """Write one tensor with torch.save."""
    _torch.save(torch_tensors.to_torch(tensor), str(path))


def load_pickle(path: Path) -> Tensor:
    """Read one tensor with torch.load(weights_only=True). Raises what torch.load raises for a file that it refuses."""
    with _quiet():
        return torch_tensors.from_torch(_torch.load(str(path), weights_only=True))


def save_exported(path: Path, subject: Program, entries: StateDict, given: StateDict) -> None:
    """Write the subject, in a WithStateOutputs module, with torch.export.save."""
    with _quiet():
        _torch.export.save(_export(subject, entries, given), str(path))


def save_compiled(path: Path, subject: Program, entries: StateDict, given: StateDict) -> None:
    """Write the subject, in a WithStateOutputs module, as a package that AOTInductor compiles. Needs a C++ compiler."""
    inductor: Any = import_module("torch._inductor")
    with _quiet():
        inductor.aoti_compile_and_package(_export(subject, entries, given), package_path=str(path))


def format_versions() -> dict[str, str]:
    """The versions that this torch writes: TorchScript's newest operators, torch.export's schema (major.minor)."""
    schema: Any = import_module("torch._export.serde.schema")
    return {
        "torchscript_operators": str(_torch._C._get_max_operator_version()),
        "export_schema": ".".join(map(str, schema.SCHEMA_VERSION)),
    }


def cannot_compile() -> str | None:
    """Why AOTInductor cannot work here, or None if it can. It quotes no option of its compiler, hence no spaces."""
    if " " in str(Path(torch.__file__).parent):
        return "torch lies in a path with a space, from which AOTInductor cannot link"
    if " " in os.environ.get("TORCHINDUCTOR_CACHE_DIR", "") + tempfile.gettempdir():
        return "the temporary folder (TMPDIR) has a space in its path, where AOTInductor cannot compile"
    builder: Any = import_module("torch._inductor.cpp_builder")
    missing: Any = import_module("torch._inductor.exc").InvalidCxxCompiler
    try:
        builder.get_cpp_compiler()
    except missing:
        return "no C++ compiler for AOTInductor"
    return None


def outputs_and_state(specs: Sequence[TensorSpec], outputs: StateDict) -> tuple[StateDict, StateDict]:
    """Split the outputs of a WithStateOutputs module into the outputs of its module and the state dict (``specs``)."""
    computed = len(outputs) - len(specs)
    state = zip(specs, outputs[computed:], strict=True)
    return outputs[:computed], [Entry(spec.name, tensor) for spec, (_, tensor) in state]


def _export(subject: Program, entries: StateDict, given: StateDict) -> Any:
    if isinstance(subject, Model):
        module = WithStateOutputs(native.filled(subject, entries), computes=True)
        inputs = native.arguments(subject, given, subject.dtype)
    else:
        module = WithStateOutputs(_bag(subject, torch_tensors.source(subject, entries)), computes=False)
        inputs = []
    return _torch.export.export(module, tuple(inputs))


def _bag(subject: Tensors, state: dict[str, torch.Tensor]) -> Bag:
    return Bag(state, {spec.name for spec in subject.specs if spec.buffer})


@contextmanager
def _quiet() -> Generator[None]:
    """Without gradients, and without torch's warnings against TorchScript, which the suite tests on purpose."""
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
