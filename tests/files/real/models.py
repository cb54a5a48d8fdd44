"""The table of real files that are read: of most kinds one that a library writes, and one by hand, as others did."""

from __future__ import annotations

import argparse
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from files.by_hand.documents import ON_A_GPU, PYTHON_2, TORCH_0_1, Opcodes, module
from files.by_hand.models import arrays_of_python_2, dat, dat_tensor, safetensors, torch_legacy, torch_tar, torch_zip
from files.real.folders import ranks, shards
from files.real.libraries import LEGACY, backbone, foreign, npy, saved, tied, training, zipped_again
from files.real.states import (
    BIASES,
    COLUMNS,
    DOUBLE,
    HALF,
    LINE,
    NET,
    NUMBER,
    NUMBERS,
    ONE,
    OTHER,
    SIX,
    TIED,
    TWO,
    UNTIED,
    prefixed,
)


class Real(NamedTuple):
    """A file, and what it holds."""

    make: Callable[[], Any]
    """Gives the bytes; or a dict of the files in a folder, by name."""
    state: str
    """The name of the state that is read (``STATES``)."""
    noted: str = ""
    """A regular expression that is found in what is noted."""
    key: str = ""
    open: str = ""
    """The file of the folder that is read; empty for the folder itself."""


_LOSS = {"loss": np.array(0.25, np.float32)}
_DICT_CONFIG = Opcodes('GLOBAL:"omegaconf.dictconfig DictConfig" EMPTY_TUPLE NEWOBJ EMPTY_DICT BUILD')
_NAMESPACE = Opcodes(
    'GLOBAL:"copy_reg _reconstructor" GLOBAL:"argparse Namespace" GLOBAL:"__builtin__ object" NONE '
    'TUPLE3 REDUCE EMPTY_DICT SHORT_BINSTRING:"lr" BINFLOAT:0.5 SETITEM BUILD'
)
_SYSTEM = Opcodes('GLOBAL:"os system" BINUNICODE:"touch canary" TUPLE1 REDUCE')
_SHARD, _BIN = "model-{:05}-of-{:05}.safetensors", "pytorch_model-{:05}-of-{:05}.bin"
_SUFFIX = "read as that"

MODELS: dict[str, Real] = {
    # the suffix lies
    "suffix/pickle.safetensors": Real(lambda: saved(NET), "net", _SUFFIX),
    "suffix/safetensors.ckpt": Real(lambda: safetensors(NET), "net", _SUFFIX),
    "suffix/safetensors.bin": Real(lambda: safetensors(NET, {"format": "pt"}, 7), "net", _SUFFIX),
    "suffix/old-pickle.safetensors": Real(lambda: torch_legacy(NET), "net", _SUFFIX),
    "suffix/zip.npz": Real(lambda: torch_zip(NET), "net", _SUFFIX),
    "suffix/array.pth": Real(lambda: npy(ONE), "one", _SUFFIX),
    "suffix/dat.safetensors": Real(lambda: dat(NET), "net", _SUFFIX),
    # .pth.tar, which is no tar
    "tar/archive.pth.tar": Real(lambda: saved({"epoch": 7, "state_dict": NET}), "net"),
    "tar/legacy.pth.tar": Real(lambda: saved({"epoch": 7, "state_dict": NET}, **LEGACY), "net"),
    "tar/by-hand.pth.tar": Real(lambda: torch_legacy({"arch": "resnet", "state_dict": NET}), "net"),
    "tar/python-2.pth.tar": Real(lambda: torch_legacy({"epoch": 9, "state_dict": OrderedDict(NET)}, PYTHON_2), "net"),
    "tar/torch-0.1.tar": Real(lambda: torch_tar(NET), "net"),
    # TorchSharp's format by any name
    "dat/mnist.model.bin": Real(lambda: dat(SIX), "six"),
    "dat/torchsharp.pt": Real(lambda: dat(SIX), "six"),
    "dat/torchsharp": Real(lambda: dat(SIX), "six"),
    "dat/net.weights": Real(lambda: dat(NET), "net"),
    "dat/net.pth": Real(lambda: dat(HALF), "half"),
    "dat/double.model": Real(lambda: dat(DOUBLE), "double"),
    # foreign objects beside the tensors
    "foreign/namespace.pth": Real(
        lambda: saved({"args": argparse.Namespace(lr=0.1), "model": NET}), "net", "argparse.Namespace"
    ),
    "foreign/numpy-scalar.pth": Real(
        lambda: saved({"model": NET, "best": np.float64(0.93), "epoch": np.int64(3)}), "net"
    ),
    "foreign/numpy-longdouble.pth": Real(lambda: saved({"model": NET, "best": np.longdouble(0.93)}), "net"),
    "foreign/object.pth": Real(lambda: saved({"model": NET, "config": foreign("Config")()}), "net", "apackage.Config"),
    "foreign/object-by-hand.pth": Real(lambda: torch_zip({"model": NET, "cfg": _DICT_CONFIG}), "net", "omegaconf"),
    "foreign/python-2.pth": Real(lambda: torch_legacy({"args": _NAMESPACE, "model": NET}, PYTHON_2), "net", "argparse"),
    "foreign/system.pth": Real(lambda: torch_zip({"model": NET, "x": _SYSTEM}), "net", "os.system"),
    # whole modules
    "module/whole.pt": Real(lambda: saved(backbone()), "net"),
    "module/in-dict.pt": Real(
        lambda: saved({"epoch": -1, "model": backbone(), "ema": None, "train_args": {"imgsz": 640}}), "net"
    ),
    "module/half-in-dict.pt": Real(lambda: saved({"model": backbone(HALF).half()}), "half"),
    "module/legacy.pt": Real(lambda: saved(backbone(), **LEGACY), "net"),
    "module/by-hand.pt": Real(lambda: torch_zip(module(NET)), "net"),
    "module/by-hand-legacy.pt": Real(lambda: torch_legacy(module(NET)), "net"),
    "module/python-2.pt": Real(lambda: torch_legacy({"model": module(NET), "epoch": 2}, PYTHON_2), "net"),
    # a checkpoint of training
    "training/training.ckpt": Real(lambda: saved(training()), "net"),
    "training/legacy.ckpt": Real(lambda: saved(training(), **LEGACY), "net"),
    "training/by-hand.ckpt": Real(
        lambda: torch_zip({"epoch": 1, "state_dict": NET, "callbacks": {"a": {"best": NUMBER}}, "lr_schedulers": []}),
        "net",
    ),
    "training/accelerate.bin": Real(lambda: torch_legacy({"module": NET, "global_step": 7}), "net"),
    # a prefix before all names
    "prefix/parallel.pth": Real(lambda: saved(prefixed("module.")), "module", "module\\."),
    "prefix/by-hand.pth": Real(lambda: torch_zip(prefixed("module.")), "module", "module\\."),
    "prefix/compiled.safetensors": Real(lambda: safetensors(prefixed("_orig_mod.")), "orig", "_orig_mod\\."),
    "prefix/python-2.pth": Real(lambda: torch_legacy(prefixed("module."), PYTHON_2), "module", "module\\."),
    # tied names
    "tied/tied.safetensors": Real(lambda: safetensors(UNTIED, {"lm_head.weight": "embed.weight"}), "tied"),
    "tied/with-format.safetensors": Real(
        lambda: safetensors(UNTIED, {"format": "pt", "lm_head.weight": "embed.weight"}), "tied"
    ),
    "tied/saved.safetensors": Real(lambda: tied({"lm_head.weight": "embed.weight"}), "tied"),
    "tied/tied.pth": Real(lambda: torch_zip(TIED), "tied"),
    # shards without an index
    "shards/safetensors": Real(lambda: shards(_SHARD), "net"),
    "shards/bin": Real(lambda: shards(_BIN, saved), "net"),
    "shards/three": Real(lambda: shards(_SHARD, count=3), "net"),
    "shards/legacy": Real(lambda: shards(_BIN, torch_legacy), "net"),
    "shards/alone": Real(
        lambda: {_SHARD.format(1, 2): safetensors(TWO)}, "two", "one shard of a set", open=_SHARD.format(1, 2)
    ),
    # one tensor
    "single/tensor.pt": Real(lambda: saved(ONE), "one"),
    "single/array.npy": Real(lambda: npy(LINE), "line"),
    "single/tensor.dat": Real(lambda: dat_tensor(ONE), "one"),
    "single/by-hand.pt": Real(lambda: torch_zip(ONE), "one"),
    "single/legacy.pt": Real(lambda: torch_legacy(ONE), "one"),
    "single/columns.npy": Real(lambda: npy(COLUMNS), "columns"),
    "single/number.dat": Real(lambda: dat_tensor(NUMBER), "number"),
    "single/version-2.npy": Real(
        lambda: (
            b"\x93NUMPY\2\0"
            + struct.pack("<I", 60)
            + b"{'descr': '<i8', 'fortran_order': False, 'shape': (5,)}".ljust(59)
            + b"\n"
            + NUMBERS.tobytes()
        ),
        "numbers",
    ),
    # tensors beside the state dict
    "beside/loss.pt": Real(lambda: saved({"model_state_dict": NET, **_LOSS}), "net", "loss"),
    "beside/legacy.pt": Real(lambda: saved({**_LOSS, "model_state_dict": NET}, **LEGACY), "net", "loss"),
    "beside/by-hand.pt": Real(lambda: torch_zip({"model_state_dict": NET, **_LOSS}), "net", "loss"),
    "beside/torch-1.4.pt": Real(lambda: torch_legacy({**_LOSS, "net": NET}), "net", "loss"),
    # several models
    "several/in-list-by-key.pth": Real(
        lambda: saved({"models": [NET, OTHER], "stats": {"mean": np.zeros(3, "f4")}}), "other", key="models.1"
    ),
    "several/in-tuple-by-hand.pth": Real(lambda: torch_zip((NET, OTHER)), "other", key="1"),
    "several/ema.pth": Real(lambda: saved({"model": NET, "ema": OTHER}), "other", key="ema"),
    # protocols and versions
    **{f"protocol/{n}.pth": Real(lambda n=n: saved(NET, pickle_protocol=n), "net") for n in range(1, 6)},
    **{
        f"protocol/{n}-legacy.pth": Real(lambda n=n: saved(NET, pickle_protocol=n, **LEGACY), "net")
        for n in range(1, 6)
    },
    **{f"protocol/{n}-plain.pkl": Real(lambda n=n: pickle.dumps(NET, n), "net") for n in range(6)},
    "protocol/python-2.pth": Real(lambda: torch_legacy(NET, PYTHON_2), "net"),
    "protocol/torch-1.4.pth": Real(lambda: torch_legacy(NET), "net"),
    "protocol/torch-0.1.12.pth": Real(lambda: torch_legacy(NET, TORCH_0_1), "net"),
    "protocol/torch-0.1.pth": Real(lambda: torch_tar(NET), "net"),
    "protocol/gpu.pth": Real(lambda: torch_zip(NET, ON_A_GPU), "net"),
    "protocol/arrays-of-python-2.pkl": Real(lambda: arrays_of_python_2(NET), "net"),
    "protocol/double.pth": Real(lambda: torch_zip(OrderedDict(DOUBLE)), "double"),
    # ranks
    "ranks/two": Real(lambda: ranks(2), "two"),
    "ranks/of-two-rows": Real(lambda: ranks(2), "two"),
    "ranks/four": Real(lambda: ranks(4, BIASES), "biases"),
    # zipped again
    "zipped/again.pth": Real(lambda: zipped_again(saved(NET), zipfile.ZIP_DEFLATED), "net"),
    "zipped/stored.pth": Real(lambda: zipped_again(saved(NET), zipfile.ZIP_STORED), "net"),
    "zipped/by-hand.pth": Real(lambda: torch_zip(NET, method="deflated", root="a/b"), "net"),
    "zipped/module.pt": Real(lambda: zipped_again(saved(backbone()), zipfile.ZIP_DEFLATED, 9), "net"),
}
