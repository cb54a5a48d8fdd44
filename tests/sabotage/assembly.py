"""Faults of the real TorchSharp: dotnet/Faults.cs patches all of them into one assembly, each under its name here."""

from __future__ import annotations

from .answers import FLAGS, LINEAR, NORM
from .computed import ADAM, SGD, TRAINING
from .fault import Fault

MATRIX = "dat/ and shape/rank-2/f32"
NAMES = "dat/ and name/upper-lower/f32"
NESTEROV = "optimizer/ and not pybridge and optim/sgd-nesterov/f32"
MAXIMIZE = "optimizer/ and not pybridge and optim/sgd-maximize-momentum/f32"

_ROWS: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("leb128-shift", "LEB128 is read with eight bits a byte", ("bits",), "dat/ and shape/dim-128/f32"),
    (
        "leb128-continuation",
        "LEB128 is written without the bit for more",
        ("bytes", "bits"),
        "dat/ and shape/dim-128/f32",
    ),
    ("dtype-code", "the dtype code written is that of the next dtype", ("bytes", "bits"), "dat/ and pattern/random/u8"),
    ("dims-reversed", "the dims are written from the last to the first", ("bytes", "bits"), MATRIX),
    ("last-byte-lost", "the last byte of a tensor is not written", ("bytes", "bits"), MATRIX),
    (
        "chunks-in-one-place",
        "each chunk of 1024 bytes is read to the start of the tensor",
        ("bits",),
        "dat/ and shape/dim-16384/f32",
    ),
    ("end-of-file-unnoticed", "a tensor that ends too early is no error", ("outcome",), "load/damaged/truncated/f32"),
    ("count-of-entries", "the count of entries written is one more", ("bytes", "bits", "order"), NAMES),
    ("names-lower-case", "names are written in lower case", ("bytes", "bits", "order"), NAMES),
    ("file-not-emptied", "a file that is saved over keeps its end", ("kept",), "guarantee/save-over-a-longer-file"),
    ("strict-ignored", "a strict load does not compare the number of entries", ("outcome",), "load/missing/strict/f32"),
    ("names-ignored", "a strict load does not compare names", ("outcome",), "load/renamed/strict/f32"),
    ("skip-ignored", "an entry that is to be skipped is loaded", ("state",), "load/skip/found/f32"),
    ("report-always-loaded", "the report states that every entry was loaded", ("report",), "load/report/lax/f32"),
    ("dtype-not-compared", "dtypes are not compared before a load", ("outcome",), "load/dtype/strict/f32"),
    ("shape-not-compared", "shapes are not compared before a load", ("outcome",), "load/shape/strict/f32"),
    ("eval-after-load", "a load leaves the module in eval mode", ("flags",), f"dat/ and {FLAGS}"),
    ("frozen-after-load", "a load freezes the parameters", ("flags",), f"dat/ and {FLAGS}"),
    (
        "missing-keys-lost",
        "load_state_dict does not list what is missing",
        ("kept",),
        "guarantee/load-state-dict-lists",
    ),
    (
        "refusal-without-strict",
        "load_state_dict is strict where it is not asked to be",
        ("kept",),
        "guarantee/load-state-dict-lists",
    ),
    ("one-byte-too-far", "a load reads one byte behind the last entry", ("kept",), "guarantee/two-modules-in-one-file"),
    (
        "class-not-compared",
        "an optimizer loads the file of another",
        ("kept",),
        "guarantee/optimizer-file-of-another-class",
    ),
    (
        "groups-not-compared",
        "an optimizer's groups are not counted",
        ("kept",),
        "guarantee/optimizer-file-of-other-groups",
    ),
    ("buffer-not-persistent", "num_batches_tracked is not part of the state dict", ("names", "bits", "bytes"), NORM),
    ("buffer-name", "running_mean is called runningMean", ("names", "bits", "bytes"), NORM),
    ("count-in-int32", "num_batches_tracked is int32", ("dtype",), NORM),
    ("weight-transposed", "the weight of Linear is made transposed", ("shape",), LINEAR),
    ("batch-counted-twice", "a batch counts twice", ("statistics",), NORM),
    ("eps-of-another-layer", "batch norm computes with eps 1e-3", ("forward",), NORM),
    ("gradients-not-zeroed", "zero_grad leaves the gradients", ("losses", "parameters"), TRAINING),
    ("loss-summed", "mse_loss adds the squares, and takes no mean", ("losses", "parameters"), TRAINING),
    ("dampening-not-saved", "SGD saves no dampening", ("bytes", "options"), SGD),
    ("nesterov-not-loaded", "SGD loads nesterov as false", ("options", "step"), NESTEROV),
    ("step-saved-less-one", "Adam saves one step less", ("bytes", "bits", "count"), ADAM),
    ("average-loaded-twice", "Adam loads the squared average into the average", ("bits",), ADAM),
    ("first-momentum-dampened", "SGD starts its momentum with 0.9 of the gradient", ("first-steps",), SGD),
    ("average-starts-at-one", "Adam's squared average starts at 1", ("first-steps",), ADAM),
    (
        "rprop-starts-with-half",
        "Rprop starts with half the step size",
        ("first-steps",),
        "optimizer/ and not pybridge and optim/rprop/f32",
    ),
    ("step-counted-twice", "Adam counts each step twice", ("count", "step"), ADAM),
    ("correction-without-root", "Adam corrects the squared average without a root", ("step",), ADAM),
    ("maximize-ignored", "SGD minimizes where it is to maximize", ("step",), MAXIMIZE),
)
"""Of each: name, what it does, the checks that must see it, the part of the matrix."""

ASSEMBLY: tuple[Fault, ...] = tuple(
    Fault(name, "TorchSharp", what, checks, select) for name, what, checks, select in _ROWS
)
