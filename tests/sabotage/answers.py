"""Faults of the peer's answers: of their fields, and of the files that an answer stands for."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import msgspec

from tscompat.codec import read_state_dict
from tscompat.dotnet_side.digest import digest
from tscompat.dotnet_side.messages import (
    Done,
    HostileLoaded,
    Loaded,
    LoadedInto,
    Observed,
    Save,
    SchemaEntry,
    SchemaFound,
    Thrown,
)
from tscompat.values.compare import Difference
from tscompat.values.dtypes import BY_NAME

from .fault import THE_RUN, Ask, Fault, Wrong, answered

BAG = "role/both/f32"
QUANTIZED = "torchscript and quantized/per-tensor/qi8"
FLAGS = "role/flags/f32"
LINEAR = "layer/linear/default/f32"
NORM = "layer/batchnorm1d/default/f32"
NARROW = "layer/batchnorm1d/default/bf16"
LOADS = "load/all/f32"
REFUSED = "load/shape/strict/f32"
STREAMS = "pybridge-load-safetensors and load/report/stream/f32"
REPORTS = "load/report/lax/f32"
CUT = "hostile/state-dict/truncated/0/mixed"


def replaced(**fields: Callable[[Any], Any] | object) -> Callable[[Any], Any]:
    """Replace fields of an answer; a function makes the new value of the old one."""
    return lambda answer: msgspec.structs.replace(
        answer, **{name: new(getattr(answer, name)) if callable(new) else new for name, new in fields.items()}
    )


# Loads


def _from_the_expected_file(call: Any, ask: Ask) -> Any:
    """The answer of a peer that looks at the expected file in place of .NET's memory."""
    answer = ask(call)
    if not isinstance(answer, Loaded):
        return answer
    return Loaded((), (), (), digest(read_state_dict(call.expected)), answer.quantizer)


def _copied(call: Any, ask: Ask) -> Any:
    """The answer of a peer that copies the expected file in the place of saving."""
    if isinstance(call, Save) and call.overload == "module-path":
        shutil.copyfile(call.expected, call.artifact)
        return Done()
    return ask(call)


_BIT = (Difference("bits", "'weight': one bit differs"),)
_LOADED = (
    ("loaded-bit", "one element of a loaded tensor differs", ("bits",), BAG, replaced(differences=_BIT)),
    (
        "loaded-digest",
        "memory has other bits than the case, and the peer reports no difference",
        (THE_RUN,),
        BAG,
        replaced(digest=lambda old: old[::-1]),
    ),
    (
        "quantizer-scale",
        "a loaded tensor has twice the scale",
        ("quantizer",),
        QUANTIZED,
        replaced(quantizer=lambda old: old and (2 * old[0], old[1])),
    ),
    (
        "quantizer-zero-point",
        "a loaded tensor has another zero point",
        ("quantizer",),
        QUANTIZED,
        replaced(quantizer=lambda old: old and (old[0], old[1] + 1)),
    ),
    (
        "buffer-after-load",
        "a load makes a buffer of a parameter",
        ("flags",),
        f"dat/ and {FLAGS}",
        replaced(changed=("'parameter': a parameter that requires a gradient before, a buffer after",)),
    ),
    ("quantizer-lost", "a loaded tensor has no quantizer", ("quantizer",), QUANTIZED, replaced(quantizer=None)),
)
_MODE = ("the mode of the module: train before, eval after",)
_DONE = (
    ("eval-after-save", "a save leaves the module in eval mode", ("bits", "bytes", "order"), BAG, _MODE),
    (
        "parameter-changed-by-a-pass",
        "a pass in eval mode changes a parameter",
        ("forward",),
        LINEAR,
        ("the bits of 'weight': 1 before, 2 after",),
    ),
)
_PEERS: tuple[tuple[str, str, tuple[str, ...], str, Wrong], ...] = (
    (
        "expected-file-in-place-of-memory",
        "the peer answers from the expected file and reads nothing",
        (THE_RUN,),
        f"dat/python-to-dotnet and {BAG}",
        _from_the_expected_file,
    ),
    (
        "expected-file-in-place-of-a-save",
        "the peer copies the expected file and saves nothing",
        (THE_RUN,),
        f"dat/dotnet-to-python and {BAG}",
        _copied,
    ),
)


# Schemas


def _entry(at: int, **fields: Callable[[Any], Any] | object) -> Callable[[SchemaFound], SchemaFound]:
    """Replace fields of one entry of a schema."""

    def change(answer: SchemaFound) -> SchemaFound:
        rows = list(answer.entries)
        rows[at] = replaced(**fields)(rows[at])
        return SchemaFound(tuple(rows))

    return change


def _entries(change: Callable[[list[SchemaEntry]], list[SchemaEntry]]) -> Callable[[SchemaFound], SchemaFound]:
    return lambda answer: SchemaFound(tuple(change(list(answer.entries))))


_EXTRA = SchemaEntry("extra", BY_NAME["f32"].code, (1,), False)
_SCHEMAS = (
    ("name-upper", "an entry's name begins with a capital", ("names",), LINEAR, _entry(0, name=str.capitalize)),
    ("name-lost", "the last entry is missing", ("names",), NORM, _entries(lambda rows: rows[:-1])),
    ("name-extra", "there is one more entry", ("names",), LINEAR, _entries(lambda rows: [*rows, _EXTRA])),
    ("order-reversed", "two entries change places", ("order",), LINEAR, _entries(lambda rows: rows[::-1])),
    ("order-last-first", "the last entry comes first", ("order",), NORM, _entries(lambda rows: [rows[-1], *rows[:-1]])),
    (
        "order-of-buffers",
        "two buffers change places",
        ("order",),
        NORM,
        _entries(lambda rows: [*rows[:2], rows[3], rows[2], *rows[4:]]),
    ),
    ("dtype-of-a-weight", "a weight is float64", ("dtype",), LINEAR, _entry(0, code=BY_NAME["f64"].code)),
    (
        "dtype-of-a-count",
        "num_batches_tracked is int32",
        ("dtype",),
        NORM,
        _entry(-1, code=BY_NAME["i32"].code),
    ),
    ("dtype-half", "a bfloat16 weight is float16", ("dtype",), NARROW, _entry(0, code=BY_NAME["f16"].code)),
    ("shape-transposed", "a weight is transposed", ("shape",), LINEAR, _entry(0, shape=lambda old: old[::-1])),
    ("shape-one-more", "a bias has a dim of 1 more", ("shape",), LINEAR, _entry(1, shape=lambda old: (*old, 1))),
    ("shape-of-a-scalar", "a 0-d buffer has shape [1]", ("shape",), NORM, _entry(-1, shape=(1,))),
    ("buffer-as-parameter", "running_mean is a parameter", ("buffers",), NORM, _entry(2, buffer=False)),
    ("count-as-parameter", "num_batches_tracked is a parameter", ("buffers",), NORM, _entry(-1, buffer=False)),
    ("parameter-as-buffer", "a bias is a buffer", ("buffers",), LINEAR, _entry(1, buffer=True)),
)


# Loads into a module that exists


def _state(change: Callable[[str], str | None]) -> Callable[[LoadedInto], LoadedInto]:
    """Change the digest of the first tensor, or leave the tensor out."""

    def changed(answer: LoadedInto) -> LoadedInto:
        (name, old), *others = answer.state.items()
        new = change(old)
        return replaced(state=dict(([(name, new)] if new else []) + others))(answer)

    return changed


def _report(change: Callable[[dict[str, bool]], dict[str, bool]]) -> Callable[[LoadedInto], LoadedInto]:
    return lambda answer: replaced(report=change)(answer) if answer.report else answer


_OTHER_REASON = Thrown("System.ArgumentException", "Mismatched state_dict sizes: expected 4, but found 3 entries.")
_LOADS = (
    ("refusal-lost", "a load that PyTorch refuses is not refused", ("outcome",), REFUSED, replaced(refused=None)),
    ("refusal-made", "a load without a flaw is refused", ("outcome",), LOADS, replaced(refused=_OTHER_REASON)),
    (
        "refusal-of-another-kind",
        "a load is refused for another reason than PyTorch's",
        ("outcome",),
        REFUSED,
        replaced(refused=_OTHER_REASON),
    ),
    ("state-of-one-tensor", "one tensor holds other bits afterwards", ("state",), LOADS, _state(lambda old: old[::-1])),
    ("state-lost", "one tensor is gone afterwards", ("state",), LOADS, _state(lambda old: None)),
    (
        "state-of-a-skipped-tensor",
        "a tensor that is skipped is changed",
        ("state",),
        "load-safetensors and load/skip/found/f32",
        _state(lambda old: old[1:] + old[:1]),
    ),
    ("stream-closed", "a stream is closed after a load", ("stream",), STREAMS, replaced(still_open=False)),
    (
        "stream-closed-by-a-pickle",
        "a stream is closed after PyBridge has read a pickle",
        ("stream",),
        "pybridge-load-pickle and load/stream/f32",
        replaced(still_open=False),
    ),
    (
        "stream-unknown",
        "whether a stream is open is not known",
        ("stream",),
        "pybridge-load-safetensors and load/stream/f32",
        replaced(still_open=None),
    ),
    (
        "report-of-one",
        "the report states the opposite of one entry",
        ("report",),
        REPORTS,
        _report(lambda old: {**old, (first := next(iter(old))): not old[first]}),
    ),
    (
        "report-lost",
        "the report lacks one entry",
        ("report",),
        REPORTS,
        _report(lambda old: dict([*old.items()][1:])),
    ),
    ("report-extra", "the report has one more entry", ("report",), REPORTS, _report(lambda old: {**old, "z": True})),
)


# Guarantees

_KEPT = (
    (
        "probe-nothing",
        "a probe sees nothing",
        ("kept",),
        "guarantee/names-not-places",
        replaced(observed=""),
    ),
    (
        "probe-one-more",
        "a probe sees one thing more",
        ("kept",),
        "guarantee/load-state-dict-lists",
        replaced(observed=lambda old: f"{old}, x"),
    ),
    (
        "probe-one-digit",
        "one character of what a probe sees differs",
        ("kept",),
        "guarantee/bytes-of-a-tensor",
        replaced(observed=lambda old: old[:-1] + chr(ord(old[-1]) ^ 1)),
    ),
)

# Hostile files


def _next_state(answer: HostileLoaded) -> HostileLoaded:
    (name, old), *others = answer.next_state.items()
    return replaced(next_state=dict([(name, old[::-1]), *others]))(answer)


_HOSTILE: tuple[tuple[str, str, tuple[str, ...], Callable[[Any], Any]], ...] = (
    ("hostile-taken", "a file that is cut short is loaded without an error", ("refusal",), replaced(refused=None)),
    ("hostile-half", "one entry has changed when the file is refused", ("refusal",), replaced(changed=("a",))),
    (
        "hostile-unclear",
        "the file is refused with an arithmetic error",
        ("refusal",),
        replaced(refused=Thrown("System.OverflowException", "Arithmetic operation resulted in an overflow.")),
    ),
    ("hostile-memory", "the refused load has taken 1 GiB", ("refusal",), replaced(allocated=1 << 30)),
    ("hostile-open", "the file is still open after the load", ("after",), replaced(still_open=True)),
    ("hostile-next", "the next load is refused", ("after",), replaced(next_refused=_OTHER_REASON)),
    ("hostile-next-bits", "the next load gives one tensor other bits", ("after",), _next_state),
)


ANSWERS: tuple[Fault, ...] = (
    *(
        Fault(name, "answer", what, checks, select, answered(Loaded, change))
        for name, what, checks, select, change in _LOADED
    ),
    *(
        Fault(name, "answer", what, checks, select, answered(Done, replaced(changed=words)))
        for name, what, checks, select, words in _DONE
    ),
    *(Fault(name, "answer", what, checks, select, wrong) for name, what, checks, select, wrong in _PEERS),
    *(
        Fault(name, "answer", what, checks, select, answered(SchemaFound, change))
        for name, what, checks, select, change in _SCHEMAS
    ),
    *(
        Fault(name, "answer", what, checks, select, answered(LoadedInto, change))
        for name, what, checks, select, change in _LOADS
    ),
    *(
        Fault(name, "answer", what, checks, select, answered(Observed, change))
        for name, what, checks, select, change in _KEPT
    ),
    *(
        Fault(name, "answer", what, checks, f"hostile-load/ and {CUT}", answered(HostileLoaded, change))
        for name, what, checks, change in _HOSTILE
    ),
)
"""Of each row: name, what it does, the checks that must see it, the part of the matrix, and what it changes."""
