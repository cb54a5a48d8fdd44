"""Model files of the kinds that people have, each with what comes of it: a table for test_real_files.

Half of them are not written by today's torch.save: their opcodes, headers and directories are put together here, as
Python 2, torch 0.1 to 1.4 and other tools wrote them. What is expected was computed from the arrays alone, by
``python real_files.py``.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import pickle
import struct
import sys
import tempfile
import types
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

import hostile_files as bytes_of
from samples import save_safetensors

State = Mapping[str, np.ndarray]
TORCH: Any = torch
"""Its functions are only partly typed."""
_DTYPES = {"float32": "f32", "float64": "f64", "int64": "i64", "float16": "f16", "int32": "i32", "uint8": "u8"}


def state(shapes: Mapping[str, tuple[int, ...]], dtype: str = "float32", seed: int = 7) -> dict[str, np.ndarray]:
    """Arrays of bits of a counter: no two elements are equal, and none is NaN."""
    made: dict[str, np.ndarray] = {}
    for name, shape in shapes.items():
        kind = "int64" if name.endswith("num_batches_tracked") else dtype
        count = int(np.prod(shape))
        made[name] = (np.arange(seed, seed + count) / (1 if kind == "int64" else 64)).astype(kind).reshape(shape)
        seed += count
    return made


_BN = {"weight": (4,), "bias": (4,), "running_mean": (4,), "running_var": (4,), "num_batches_tracked": ()}
_NET = {
    **{"stem.weight": (4, 3, 3, 3), "stem.bias": (4,)},
    **{f"bn.{name}": shape for name, shape in _BN.items()},
    **{"head.weight": (2, 4), "head.bias": (2,)},
}
NET = state(_NET)
"""A small model, in the order of its ``state_dict()``."""
HALF = state(_NET, "float16")
OTHER = state(_NET, seed=1001)
"""Another model of the same names."""
ONE = {"": np.arange(6, dtype=np.float32).reshape(2, 3)}
"""A single tensor."""
TWO = {name: NET[name] for name in ("head.weight", "head.bias")}
SIX = {"weight": ONE[""]}
TIED = {
    **{"embed.weight": np.arange(40, dtype=np.float32).reshape(10, 4), "mid.weight": NET["bn.weight"]},
    "lm_head.weight": np.arange(40, dtype=np.float32).reshape(10, 4),
}
DOUBLE = state(_NET, "float64")


def prefixed(prefix: str, given: State = NET) -> State:
    """The arrays with a prefix before each name."""
    return {prefix + name: array for name, array in given.items()}


def digest(given: Mapping[str, tuple[str, Sequence[int], bytes]]) -> str:
    """SHA-256 of names, dtypes, shapes and bytes. The order of the entries does not matter."""
    found = hashlib.sha256()
    for name, (dtype, shape, data) in sorted(given.items()):
        found.update(f"{name} {dtype} {[*shape]} ".encode() + data)
    return found.hexdigest()


def digest_of(given: State) -> str:
    """The digest of arrays."""
    return digest(
        {name: (_DTYPES[a.dtype.name], a.shape, np.ascontiguousarray(a).tobytes()) for name, a in given.items()}
    )


EXPECTED: Mapping[str, State] = {
    **{"net": NET, "half": HALF, "other": OTHER, "double": DOUBLE, "one": ONE, "two": TWO, "six": SIX, "tied": TIED},
    **{"module": prefixed("module."), "orig": prefixed("_orig_mod.")},
    "biases": {"stem.bias": NET["stem.bias"], "bn.bias": NET["bn.bias"]},
    "line": {"": np.arange(6.0)},
    "number": {"": np.array(2.5, np.float32)},
    "numbers": {"": np.arange(5, dtype=np.int64)},
    "columns": {"": np.arange(6, dtype=np.float32).reshape(2, 3).T},
}


# the writers: torch's, and by hand


def tensors(given: State) -> dict[str, torch.Tensor]:
    """The arrays as torch's tensors."""
    return {name: TORCH.from_numpy(array.copy()) for name, array in given.items()}


_STORAGES = {
    "float32": "Float",
    "float64": "Double",
    "float16": "Half",
    "int64": "Long",
    "int32": "Int",
    "uint8": "Byte",
}


class Style(NamedTuple):
    """How a version of torch, on a version of Python, wrote a tensor."""

    text: str = "BINUNICODE"
    rebuild: str = "_rebuild_tensor_v2"
    view: str = ""
    """The last field of a persistent id."""
    hooks: str = 'NEWFALSE GLOBAL:"collections OrderedDict" EMPTY_TUPLE REDUCE'
    device: str = "cpu"


NEW = Style()
TORCH_1_4 = Style(view="NONE")
TORCH_0_4_PYTHON_2 = Style(
    "SHORT_BINSTRING", view="NONE", hooks='NEWFALSE GLOBAL:"collections OrderedDict" EMPTY_LIST TUPLE1 REDUCE'
)
TORCH_0_1 = Style(rebuild="_rebuild_tensor", view="NONE", hooks="")
ON_A_GPU = Style(device="cuda:3")


def tensor_by_hand(array: np.ndarray, key: int, style: Style) -> str:
    """The opcodes that rebuild a tensor over the storage of this key."""
    text = style.text
    strides = [step // array.itemsize for step in array.strides]
    numbers = [" ".join(["MARK", *(f"BININT:{each}" for each in row), "TUPLE"]) for row in (array.shape, strides)]
    return (
        f'GLOBAL:"torch._utils {style.rebuild}" MARK MARK {text}:"storage" '
        f'GLOBAL:"torch {_STORAGES[array.dtype.name]}Storage" {text}:"{key}" {text}:"{style.device}" '
        f"BININT:{array.size} {style.view} TUPLE BINPERSID BININT1:0 {' '.join(numbers)} {style.hooks} TUPLE REDUCE"
    )


def dict_by_hand(given: State, style: Style, first: int = 0, ordered: bool = False) -> str:
    """The opcodes of a dict of tensors."""
    items = [
        f'{style.text}:"{name}" {tensor_by_hand(array, key, style)}'
        for key, (name, array) in enumerate(given.items(), first)
    ]
    empty = 'GLOBAL:"collections OrderedDict" EMPTY_TUPLE REDUCE' if ordered else "EMPTY_DICT"
    return f"{empty} MARK {' '.join(items)} SETITEMS"


def zip_by_hand(document: str, given: Sequence[np.ndarray], method: str = "stored", root: str = "archive") -> bytes:
    """torch's archive: the opcodes of a document, and a record for each array."""
    members: list[dict[str, Any]] = [
        {"name": f"{root}/data.pkl", "raw": opcodes(f"PROTO:2 {document} STOP"), "method": method}
    ]
    members += [
        {"name": f"{root}/data/{key}", "raw": array.tobytes(), "method": method} for key, array in enumerate(given)
    ]
    members.append({"name": f"{root}/version", "raw": b"3\n", "method": method})
    return bytes_of.zipped(members)


def legacy_by_hand(document: str, given: Sequence[np.ndarray]) -> bytes:
    """What torch.save wrote before version 1.6."""
    keys = " ".join(f'BINUNICODE:"{key}"' for key in range(len(given)))
    storages = b"".join(struct.pack("<q", array.size) + array.tobytes() for array in given)
    pickles = opcodes(f"PROTO:2 {document} STOP") + opcodes(f"PROTO:2 EMPTY_LIST MARK {keys} APPENDS STOP")
    return bytes_of.LEGACY_START + pickles + storages


def tar_by_hand(given: State) -> bytes:
    """The archive of torch 0.1."""
    storages = opcodes(f"BININT:{len(given)} STOP")
    described = opcodes(f"BININT:{len(given)} STOP")
    entries: list[str] = []
    for key, (name, array) in enumerate(given.items()):
        kind = _STORAGES[array.dtype.name]
        storages += opcodes(f'MARK BININT:{key} SHORT_BINSTRING:"cpu" GLOBAL:"torch {kind}Storage" TUPLE STOP')
        storages += struct.pack("<q", array.size) + array.tobytes()
        described += opcodes(f'MARK BININT:{key + 100} BININT:{key} GLOBAL:"torch {kind}Tensor" TUPLE STOP')
        strides = [step // array.itemsize for step in array.strides]
        described += struct.pack(f"<i4x{2 * array.ndim + 1}q", array.ndim, *array.shape, *strides, 0)
        entries.append(f'SHORT_BINSTRING:"{name}" BININT:{key + 100} BINPERSID')
    document = opcodes(f"EMPTY_DICT MARK {' '.join(entries)} SETITEMS STOP")
    members = {"storages": storages + opcodes("EMPTY_LIST STOP"), "tensors": described, "pickle": document}
    return bytes_of.tarred([{"name": name, "raw": data} for name, data in members.items()])


def opcodes(text: str) -> bytes:
    """The bytes of opcodes."""
    return bytes_of.pickle(text)


def arrays_by_hand(given: State) -> bytes:
    """A pickle of numpy's arrays, as Python 2 wrote it."""
    items = [
        f'SHORT_BINSTRING:"{name}" GLOBAL:"numpy.core.multiarray _reconstruct" GLOBAL:"numpy ndarray" BININT1:0 TUPLE1 '
        f'SHORT_BINSTRING:"b" TUPLE3 REDUCE MARK BININT1:1 MARK {" ".join(f"BININT:{dim}" for dim in array.shape)} '
        f'TUPLE GLOBAL:"numpy dtype" SHORT_BINSTRING:"{array.dtype.str[1:]}" BININT1:0 BININT1:1 TUPLE3 REDUCE '
        'MARK BININT1:3 SHORT_BINSTRING:"<" NONE NONE NONE BININT:-1 BININT:-1 BININT1:0 TUPLE BUILD NEWFALSE '
        f"@{(b'T' + struct.pack('<i', array.nbytes) + array.tobytes()).hex()} TUPLE BUILD"
        for name, array in given.items()
    ]
    return opcodes(f"PROTO:2 EMPTY_DICT MARK {' '.join(items)} SETITEMS STOP")


def safetensors_by_hand(given: State, metadata: Mapping[str, str] | None = None, pad: int = 0) -> bytes:
    """A file of safetensors."""
    kinds = {"float32": "F32", "float64": "F64", "float16": "F16", "int64": "I64"}
    header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    at = 0
    for name, array in given.items():
        header[name] = {"dtype": kinds[array.dtype.name], "shape": array.shape, "data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
    text = json.dumps(header).encode() + b" " * pad
    return struct.pack("<Q", len(text)) + text + b"".join(array.tobytes() for array in given.values())


def dat_by_hand(given: State) -> bytes:
    """TorchSharp's state dict."""
    codes = {"float32": 6, "float64": 7, "float16": 5, "int64": 4}
    made = bytes([len(given)])
    for name, array in given.items():
        made += bytes([len(name)]) + name.encode() + bytes([codes[array.dtype.name], array.ndim, *array.shape])
        made += array.tobytes()
    return made


def saved(document: object, **options: Any) -> bytes:
    """What torch.save writes."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save(document, file, **options)
    return file.getvalue()


OLD = {"_use_new_zipfile_serialization": False}


def zipped_again(data: bytes, method: int, level: int | None = None) -> bytes:
    """The same members in another archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(file, "w", method, compresslevel=level) as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
    return file.getvalue()


def foreign(name: str, base: type = object) -> type:
    """A class of a package that the reader of the file has not."""
    module = sys.modules.setdefault("apackage", types.ModuleType("apackage"))
    made = type(name, (base,), {"__module__": "apackage"})
    setattr(module, name, made)
    return made


class Net(nn.Module):
    """A module whose state dict is ``NET``."""

    def __init__(self, given: State = NET) -> None:
        super().__init__()
        self.stem, self.bn, self.head = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2)
        self.load_state_dict(tensors(given))


def module_by_hand(given: State, style: Style) -> str:
    """The opcodes of a module: its parameters and buffers lie in a child for each first part of a name."""
    keys = {name: key for key, name in enumerate(given)}
    children: list[str] = []
    for child in dict.fromkeys(name.partition(".")[0] for name in given):
        parts = {name.partition(".")[2]: array for name, array in given.items() if name.startswith(f"{child}.")}
        halves: list[str] = []
        for kind, is_buffer in (("_parameters", False), ("_buffers", True)):
            items = [
                f'{style.text}:"{name}" {tensor_by_hand(array, keys[f"{child}.{name}"], style)}'
                for name, array in parts.items()
                if name.startswith(("running", "num")) is is_buffer
            ]
            halves.append(f'{style.text}:"{kind}" EMPTY_DICT MARK {" ".join(items)} SETITEMS')
        children.append(
            f'{style.text}:"{child}" GLOBAL:"apackage Layer" EMPTY_TUPLE NEWOBJ EMPTY_DICT MARK {" ".join(halves)} '
            f'{style.text}:"_modules" EMPTY_DICT {style.text}:"training" NEWTRUE SETITEMS BUILD'
        )
    return (
        'GLOBAL:"apackage Net" EMPTY_TUPLE NEWOBJ EMPTY_DICT MARK '
        f'{style.text}:"_parameters" EMPTY_DICT {style.text}:"_buffers" EMPTY_DICT '
        f'{style.text}:"_modules" EMPTY_DICT MARK {" ".join(children)} SETITEMS SETITEMS BUILD'
    )


# the table


class File(NamedTuple):
    """A file, and what comes of it."""

    make: Callable[[], Any]
    """Gives the bytes; or a dict of the files in a folder, by name."""
    expected: str = ""
    """The name of the state that is read (``EXPECTED``); empty for a file that is refused."""
    sentence: str = ""
    """What is to be found in the refusal, or in what is noted: a regular expression."""
    key: str = ""
    open: str = ""
    """The file of the folder that is read; empty for the folder itself."""


_VALUES, _DOC = list(NET.values()), dict_by_hand(NET, NEW)
_OLD_DOC = dict_by_hand(NET, TORCH_1_4)
_SUFFIX = "read as that"


def in_dict(*items: tuple[str, str], text: str = "BINUNICODE") -> str:
    """The opcodes of a dict of values in opcodes."""
    return f"EMPTY_DICT MARK {' '.join(f'{text}:{json.dumps(name)} {value}' for name, value in items)} SETITEMS"


def _adam(given: Any) -> dict[str, Any]:
    optimizer: Any = torch.optim.Adam(given.parameters())
    loss: Any = torch.stack([parameter.sum() for parameter in given.parameters()]).sum()
    loss.backward()
    optimizer.step()
    return optimizer.state_dict()


def _ranks(count: int, given: State = TWO) -> dict[str, bytes]:
    made: dict[str, bytes] = {}
    for number in range(count):
        part = {name: np.ascontiguousarray(np.array_split(array, count)[number]) for name, array in given.items()}
        places = {
            name: {"saved_offsets": [number * len(array), *[0] * (array.ndim - 1)]} for name, array in part.items()
        }
        metadata = {"DCP_VERSION": "1.0", "DCP_SHARDING_INFO": json.dumps(places), "format": "pt"}
        made[f"shard-{number + 1:05}-model-00001-of-00001.safetensors"] = safetensors_by_hand(part, metadata)
    return made


def _shards(names: Callable[[int, int], str], write: Callable[[State], bytes], count: int = 2) -> dict[str, bytes]:
    parts = [dict(list(NET.items())[number::count]) for number in range(count)]
    return {names(number, count): write(part) for number, part in enumerate(parts, 1)}


def _tied(metadata: Mapping[str, str]) -> bytes:
    return safetensors_by_hand({name: array for name, array in TIED.items() if name != "lm_head.weight"}, metadata)


_POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize {}\n"


def _training() -> dict[str, Any]:
    return {
        "epoch": 3,
        "state_dict": tensors(NET),
        "callbacks": {
            "ModelCheckpoint": {"best_k_models": {"a.ckpt": torch.tensor(0.5)}, "kth_value": torch.tensor(0.5)}
        },
        "optimizer_states": [_adam(Net())],
        "hyper_parameters": {"lr": 1e-3},
    }


FILES: dict[str, File] = {
    # the suffix lies
    "suffix/pickle.safetensors": File(lambda: saved(tensors(NET)), "net", _SUFFIX),
    "suffix/safetensors.ckpt": File(lambda: safetensors_by_hand(NET), "net", _SUFFIX),
    "suffix/safetensors.bin": File(lambda: safetensors_by_hand(NET, {"format": "pt"}, 7), "net", _SUFFIX),
    "suffix/old-pickle.safetensors": File(lambda: legacy_by_hand(_OLD_DOC, _VALUES), "net", _SUFFIX),
    "suffix/zip.npz": File(lambda: zip_by_hand(_DOC, _VALUES), "net", _SUFFIX),
    "suffix/array.pth": File(lambda: bytes_of.BASES["npy"](), "one", _SUFFIX),
    "suffix/dat.safetensors": File(lambda: dat_by_hand(NET), "net", _SUFFIX),
    # .pth.tar, which is no tar
    "tar/archive.pth.tar": File(lambda: saved({"epoch": 7, "state_dict": tensors(NET)}), "net"),
    "tar/legacy.pth.tar": File(lambda: saved({"epoch": 7, "state_dict": tensors(NET)}, **OLD), "net"),
    "tar/by-hand.pth.tar": File(
        lambda: legacy_by_hand(in_dict(("arch", 'BINUNICODE:"resnet"'), ("state_dict", _OLD_DOC)), _VALUES), "net"
    ),
    "tar/python-2.pth.tar": File(
        lambda: legacy_by_hand(
            in_dict(
                ("epoch", "BININT1:9"),
                ("state_dict", dict_by_hand(NET, TORCH_0_4_PYTHON_2, ordered=True)),
                text="SHORT_BINSTRING",
            ),
            _VALUES,
        ),
        "net",
    ),
    "tar/torch-0.1.tar": File(lambda: tar_by_hand(NET), "net"),
    # TorchSharp's format by any name
    "dat/mnist.model.bin": File(lambda: dat_by_hand(SIX), "six"),
    "dat/torchsharp.pt": File(lambda: dat_by_hand(SIX), "six"),
    "dat/torchsharp": File(lambda: dat_by_hand(SIX), "six"),
    "dat/net.weights": File(lambda: dat_by_hand(NET), "net"),
    "dat/net.pth": File(lambda: dat_by_hand(HALF), "half"),
    "dat/double.model": File(lambda: dat_by_hand(DOUBLE), "double"),
    # no model at all
    "none/pointer.pth": File(
        lambda: _POINTER.format("0d" * 32, 19332096).encode(), sentence="(?i)git lfs.*19,332,096.*git lfs pull"
    ),
    "none/pointer.safetensors": File(
        lambda: _POINTER.format("ab" * 32, 44).encode(), sentence="(?i)git lfs.*44.*git lfs pull"
    ),
    "none/pointer-of-dos.bin": File(
        lambda: _POINTER.format("ab" * 32, 1000).replace("\n", "\r\n").encode(), sentence="(?i)git lfs"
    ),
    "none/page.pth": File(
        lambda: b"<!DOCTYPE html>\n<html><head><title>404</title></head></html>", sentence="(?i)web page|HTML"
    ),
    "none/page.safetensors": File(
        lambda: b"\n\n  <html lang=en><body>Sign in</body></html>", sentence="(?i)web page|HTML"
    ),
    "none/error.xml": File(
        lambda: b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', sentence="(?i)XML"
    ),
    "none/error.pth": File(lambda: b'{"error":"Repository not found"}', sentence="answer of a server"),
    "none/model.pth.gz": File(lambda: gzip.compress(saved(tensors(NET))), sentence="(?i)gzip"),
    "none/model.7z": File(lambda: b"7z\xbc\xaf\x27\x1c\0\4" + bytes(40), sentence="(?i)7z|7-zip"),
    "none/model.zst": File(lambda: b"\x28\xb5\x2f\xfd" + bytes(40), sentence="(?i)zst"),
    "none/model.rar": File(lambda: b"Rar!\x1a\7\1\0" + bytes(40), sentence="(?i)rar"),
    "none/model.h5": File(lambda: b"\x89HDF\r\n\x1a\n" + bytes(80), sentence="(?i)HDF5"),
    "none/model.gguf": File(lambda: b"GGUF\3\0\0\0" + bytes(40), sentence="(?i)GGUF"),
    "none/model.onnx": File(lambda: b"\x08\x07\x12\x07pytorch\x1a\x042.13" + bytes(20), sentence="(?i)ONNX"),
    "none/image.png": File(lambda: b"\x89PNG\r\n\x1a\n" + bytes(40), sentence="(?i)image|PNG"),
    "none/zip-with-a-model.zip": File(
        lambda: bytes_of.zipped([{"name": "model.pth", "raw": saved(tensors(NET))}, {"name": "README", "raw": b"x"}]),
        sentence="(?i)zip.*model.pth|unzip",
    ),
    # empty
    "empty/empty.pth": File(lambda: b"", sentence="empty.*0 bytes|0 bytes.*empty"),
    "empty/empty.safetensors": File(lambda: b"", sentence="empty"),
    "empty/empty.dat": File(lambda: b"", sentence="empty"),
    "empty/zeros.pth": File(lambda: bytes(4096), sentence="(?i)zero|only 0|nothing"),
    # cut
    "cut/cut.pth": File(lambda: saved({"weight": torch.ones(300, 300)})[:5000], sentence="incomplete"),
    "cut/by-hand.pth": File(lambda: zip_by_hand(_DOC, _VALUES)[:-30], sentence="incomplete"),
    "cut/legacy.pth": File(lambda: legacy_by_hand(_OLD_DOC, _VALUES)[:-30], sentence="incomplete"),
    "cut/legacy-in-the-pickle.pth": File(lambda: legacy_by_hand(_OLD_DOC, _VALUES)[:400], sentence="incomplete"),
    "cut/net.safetensors": File(lambda: safetensors_by_hand(NET)[:-30], sentence="incomplete.*30|30.*missing"),
    "cut/header.safetensors": File(lambda: safetensors_by_hand(NET)[:50], sentence="incomplete"),
    "cut/array.npy": File(lambda: bytes_of.BASES["npy"]()[:-5], sentence="incomplete.*5"),
    "cut/arrays.npz": File(lambda: bytes_of.BASES["npz"]()[:-5], sentence="incomplete"),
    "cut/net.dat": File(lambda: dat_by_hand(NET)[:-5], sentence="incomplete"),
    "cut/plain.pkl": File(lambda: arrays_by_hand(NET)[:-5], sentence="incomplete"),
    "cut/torch-0.1.pth": File(lambda: tar_by_hand(NET)[:2500], sentence="incomplete"),
    # foreign objects beside the tensors
    "foreign/namespace.pth": File(
        lambda: saved({"args": argparse.Namespace(lr=0.1), "model": tensors(NET)}), "net", "argparse.Namespace"
    ),
    "foreign/numpy-scalar.pth": File(
        lambda: saved({"model": tensors(NET), "best": np.float64(0.93), "epoch": np.int64(3)}), "net"
    ),
    "foreign/numpy-longdouble.pth": File(lambda: saved({"model": tensors(NET), "best": np.longdouble(0.93)}), "net"),
    "foreign/object.pth": File(
        lambda: saved({"model": tensors(NET), "config": foreign("Config")()}), "net", "apackage.Config"
    ),
    "foreign/object-by-hand.pth": File(
        lambda: zip_by_hand(
            in_dict(
                ("model", _DOC), ("cfg", 'GLOBAL:"omegaconf.dictconfig DictConfig" EMPTY_TUPLE NEWOBJ EMPTY_DICT BUILD')
            ),
            _VALUES,
        ),
        "net",
        "omegaconf",
    ),
    "foreign/python-2.pth": File(
        lambda: legacy_by_hand(
            in_dict(
                (
                    "args",
                    'GLOBAL:"copy_reg _reconstructor" GLOBAL:"argparse Namespace" GLOBAL:"__builtin__ object" NONE '
                    'TUPLE3 REDUCE EMPTY_DICT SHORT_BINSTRING:"lr" BINFLOAT:0.5 SETITEM BUILD',
                ),
                ("model", dict_by_hand(NET, TORCH_0_4_PYTHON_2)),
                text="SHORT_BINSTRING",
            ),
            _VALUES,
        ),
        "net",
        "argparse",
    ),
    "foreign/system.pth": File(
        lambda: zip_by_hand(
            in_dict(("model", _DOC), ("x", 'GLOBAL:"os system" BINUNICODE:"touch canary" TUPLE1 REDUCE')), _VALUES
        ),
        "net",
        "os.system",
    ),
    # whole modules
    "module/whole.pt": File(lambda: saved(_backbone()), "net"),
    "module/in-dict.pt": File(
        lambda: saved({"epoch": -1, "model": _backbone(), "ema": None, "train_args": {"imgsz": 640}}), "net"
    ),
    "module/half-in-dict.pt": File(lambda: saved({"model": _backbone(HALF, half=True)}), "half"),
    "module/legacy.pt": File(lambda: saved(_backbone(), **OLD), "net"),
    "module/by-hand.pt": File(lambda: zip_by_hand(module_by_hand(NET, NEW), _VALUES), "net"),
    "module/by-hand-legacy.pt": File(lambda: legacy_by_hand(module_by_hand(NET, TORCH_1_4), _VALUES), "net"),
    "module/python-2.pt": File(
        lambda: legacy_by_hand(
            in_dict(("model", module_by_hand(NET, TORCH_0_4_PYTHON_2)), ("epoch", "BININT1:2"), text="SHORT_BINSTRING"),
            _VALUES,
        ),
        "net",
    ),
    # a checkpoint of training
    "training/trainer.ckpt": File(lambda: saved(_training()), "net"),
    "training/legacy.ckpt": File(lambda: saved(_training(), **OLD), "net"),
    "training/by-hand.ckpt": File(
        lambda: zip_by_hand(
            in_dict(
                ("epoch", "BININT1:1"),
                ("state_dict", _DOC),
                ("callbacks", in_dict(("a", in_dict(("best", tensor_by_hand(np.array(1, np.float32), 9, NEW)))))),
                ("lr_schedulers", "EMPTY_LIST"),
            ),
            [*_VALUES, np.array(1, np.float32)],
        ),
        "net",
    ),
    "training/scores.ckpt": File(
        lambda: saved(_training()), sentence="score", key="callbacks.ModelCheckpoint.best_k_models"
    ),
    "training/accelerate.bin": File(
        lambda: legacy_by_hand(in_dict(("module", _OLD_DOC), ("global_step", "BININT1:7")), _VALUES), "net"
    ),
    # a prefix before all names
    "prefix/parallel.pth": File(lambda: saved(tensors(prefixed("module."))), "module", "module\\."),
    "prefix/by-hand.pth": File(
        lambda: zip_by_hand(dict_by_hand(prefixed("module."), NEW), _VALUES), "module", "module\\."
    ),
    "prefix/compiled.safetensors": File(lambda: safetensors_by_hand(prefixed("_orig_mod.")), "orig", "_orig_mod\\."),
    "prefix/python-2.pth": File(
        lambda: legacy_by_hand(dict_by_hand(prefixed("module."), TORCH_0_4_PYTHON_2), _VALUES), "module", "module\\."
    ),
    # tied names
    "tied/tied.safetensors": File(lambda: _tied({"lm_head.weight": "embed.weight"}), "tied"),
    "tied/with-format.safetensors": File(lambda: _tied({"format": "pt", "lm_head.weight": "embed.weight"}), "tied"),
    "tied/saved.safetensors": File(lambda: _saved_tied(), "tied"),
    "tied/tied.pth": File(
        lambda: zip_by_hand(
            dict_by_hand(dict(list(TIED.items())[:2]), NEW).replace(" SETITEMS", "")
            + f' BINUNICODE:"lm_head.weight" {tensor_by_hand(TIED["embed.weight"], 0, NEW)} SETITEMS',
            list(TIED.values())[:2],
        ),
        "tied",
    ),
    # shards without an index
    "shards/safetensors": File(
        lambda: _shards(lambda n, c: f"model-{n:05}-of-{c:05}.safetensors", safetensors_by_hand), "net"
    ),
    "shards/bin": File(
        lambda: _shards(lambda n, c: f"pytorch_model-{n:05}-of-{c:05}.bin", lambda part: saved(tensors(part))), "net"
    ),
    "shards/three": File(
        lambda: _shards(lambda n, c: f"model-{n:05}-of-{c:05}.safetensors", safetensors_by_hand, 3), "net"
    ),
    "shards/legacy": File(
        lambda: _shards(
            lambda n, c: f"pytorch_model-{n:05}-of-{c:05}.bin",
            lambda part: legacy_by_hand(dict_by_hand(part, TORCH_1_4), list(part.values())),
        ),
        "net",
    ),
    "shards/missing": File(
        lambda: dict(
            list(_shards(lambda n, c: f"model-{n:05}-of-{c:05}.safetensors", safetensors_by_hand, 3).items())[:2]
        ),
        sentence="model-00003-of-00003.safetensors",
    ),
    "shards/alone": File(
        lambda: {"model-00001-of-00002.safetensors": safetensors_by_hand(TWO)},
        "two",
        "one shard of a set",
        open="model-00001-of-00002.safetensors",
    ),
    # one tensor
    "single/tensor.pt": File(lambda: saved(TORCH.from_numpy(ONE[""].copy())), "one"),
    "single/array.npy": File(lambda: _npy(np.arange(6.0)), "line"),
    "single/tensor.dat": File(lambda: b"\6\2\2\3" + ONE[""].tobytes(), "one"),
    "single/by-hand.pt": File(lambda: zip_by_hand(tensor_by_hand(ONE[""], 0, NEW), [ONE[""]]), "one"),
    "single/legacy.pt": File(lambda: legacy_by_hand(tensor_by_hand(ONE[""], 0, TORCH_1_4), [ONE[""]]), "one"),
    "single/columns.npy": File(lambda: _npy(np.asfortranarray(EXPECTED["columns"][""])), "columns"),
    "single/number.dat": File(lambda: b"\6\0" + np.float32(2.5).tobytes(), "number"),
    "single/version-2.npy": File(
        lambda: (
            b"\x93NUMPY\2\0"
            + struct.pack("<I", 60)
            + b"{'descr': '<i8', 'fortran_order': False, 'shape': (5,)}".ljust(59)
            + b"\n"
            + np.arange(5).tobytes()
        ),
        "numbers",
    ),
    # tensors beside the state dict
    "beside/loss.pt": File(
        lambda: saved({"model_state_dict": tensors(NET), "loss": torch.tensor(0.25)}), "net", "loss"
    ),
    "beside/legacy.pt": File(
        lambda: saved({"loss": torch.tensor(0.25), "model_state_dict": tensors(NET)}, **OLD), "net", "loss"
    ),
    "beside/by-hand.pt": File(
        lambda: zip_by_hand(
            in_dict(("model_state_dict", _DOC), ("loss", tensor_by_hand(np.array(1, np.float32), 9, NEW))),
            [*_VALUES, np.array(1, np.float32)],
        ),
        "net",
        "loss",
    ),
    "beside/torch-1.4.pt": File(
        lambda: legacy_by_hand(
            in_dict(("loss", tensor_by_hand(np.array(1, np.float32), 9, TORCH_1_4)), ("net", _OLD_DOC)),
            [*_VALUES, np.array(1, np.float32)],
        ),
        "net",
        "loss",
    ),
    # several models
    "several/in-list.pth": File(
        lambda: saved(
            {"models": [tensors(NET), tensors(OTHER)], "stats": {"mean": torch.zeros(3), "std": torch.ones(3)}}
        ),
        sentence="--key models.0.*models.1",
    ),
    "several/in-list-by-key.pth": File(
        lambda: saved({"models": [tensors(NET), tensors(OTHER)], "stats": {"mean": torch.zeros(3)}}),
        "other",
        key="models.1",
    ),
    "several/in-tuple-by-hand.pth": File(
        lambda: zip_by_hand(f"MARK {_DOC} {dict_by_hand(OTHER, NEW, 9)} TUPLE", [*_VALUES, *OTHER.values()]),
        "other",
        key="1",
    ),
    "several/ema-by-hand.pth": File(
        lambda: legacy_by_hand(
            in_dict(("model", _OLD_DOC), ("ema", dict_by_hand(OTHER, TORCH_1_4, 9))), [*_VALUES, *OTHER.values()]
        ),
        sentence="--key model.*--key ema",
    ),
    "several/ema.pth": File(lambda: saved({"model": tensors(NET), "ema": tensors(OTHER)}), "other", key="ema"),
    # protocols and versions
    **{f"protocol/{n}.pth": File(lambda n=n: saved(tensors(NET), pickle_protocol=n), "net") for n in range(1, 6)},
    **{
        f"protocol/{n}-legacy.pth": File(lambda n=n: saved(tensors(NET), pickle_protocol=n, **OLD), "net")
        for n in range(1, 6)
    },
    **{f"protocol/{n}-plain.pkl": File(lambda n=n: pickle.dumps(dict(NET), n), "net") for n in range(6)},
    "protocol/python-2.pth": File(lambda: legacy_by_hand(dict_by_hand(NET, TORCH_0_4_PYTHON_2), _VALUES), "net"),
    "protocol/torch-1.4.pth": File(lambda: legacy_by_hand(_OLD_DOC, _VALUES), "net"),
    "protocol/torch-0.1.12.pth": File(lambda: legacy_by_hand(dict_by_hand(NET, TORCH_0_1), _VALUES), "net"),
    "protocol/torch-0.1.pth": File(lambda: tar_by_hand(NET), "net"),
    "protocol/gpu.pth": File(lambda: zip_by_hand(dict_by_hand(NET, ON_A_GPU), _VALUES), "net"),
    "protocol/arrays-of-python-2.pkl": File(lambda: arrays_by_hand(NET), "net"),
    "protocol/double.pth": File(
        lambda: zip_by_hand(dict_by_hand(DOUBLE, NEW, ordered=True), list(DOUBLE.values())), "double"
    ),
    # JSON that is no index
    "json/history.json": File(
        lambda: json.dumps([{"epoch": n, "loss": 1 / (n + 1)} for n in range(2000)]).encode(), sentence="(?i)index"
    ),
    "json/config.json": File(
        lambda: b'{"architectures": ["BertModel"], "hidden_size": 768}', sentence="(?i)index|config"
    ),
    "json/tokenizer.json": File(
        lambda: b'{"version": "1.0", "truncation": null, "model": {"vocab": {}}}', sentence="(?i)index|JSON"
    ),
    "json/broken.index.json": File(lambda: b'{"weight_map": {"a": ', sentence="(?i)JSON"),
    # ranks
    "ranks/two": File(lambda: _ranks(2), "two"),
    "ranks/alone": File(
        lambda: _ranks(2), sentence="(?i)rank|part|process", open="shard-00001-model-00001-of-00001.safetensors"
    ),
    "ranks/one-of-two": File(lambda: dict(list(_ranks(2).items())[:1]), sentence="(?i)one of several processes"),
    "ranks/of-two-rows": File(
        lambda: _ranks(2, {"head.weight": NET["head.weight"], "head.bias": NET["head.bias"]}), "two"
    ),
    "ranks/four": File(lambda: _ranks(4, {"stem.bias": NET["stem.bias"], "bn.bias": NET["bn.bias"]}), "biases"),
    # zipped again
    "zipped/again.pth": File(lambda: zipped_again(saved(tensors(NET)), zipfile.ZIP_DEFLATED), "net"),
    "zipped/bz2.pth": File(lambda: zipped_again(saved(tensors(NET)), zipfile.ZIP_BZIP2), sentence="zip it.* -0"),
    "zipped/lzma.pth": File(lambda: zipped_again(saved(tensors(NET)), zipfile.ZIP_LZMA), sentence="zip it.* -0"),
    "zipped/stored.pth": File(lambda: zipped_again(saved(tensors(NET)), zipfile.ZIP_STORED), "net"),
    "zipped/by-hand.pth": File(lambda: zip_by_hand(_DOC, _VALUES, "deflated", "a/b"), "net"),
    "zipped/module.pt": File(lambda: zipped_again(saved(_backbone()), zipfile.ZIP_DEFLATED, 9), "net"),
}


# optimizers that never stepped the first parameters of the model beside them

_PARAMETERS = [name for name in NET if "running" not in name and "num" not in name]
_STEPPED = {4: "head.weight", 5: "head.bias"}
_MOMENTS = {name: np.sqrt(NET[name]) for name in _STEPPED.values()}
_GROUP = {"lr": 0.5, "betas": (0.9, 0.99), "eps": 1e-8, "weight_decay": 0.0, "amsgrad": False, "maximize": False}


def frozen() -> dict[str, Any]:
    """A checkpoint of a model whose first layers are frozen."""
    rows = {
        number: {"step": torch.tensor(3.0), "exp_avg": each, "exp_avg_sq": each * each}
        for number, name in _STEPPED.items()
        for each in (TORCH.from_numpy(_MOMENTS[name].copy()),)
    }
    groups = [{**_GROUP, "params": list(range(len(_PARAMETERS)))}]
    return {"model": tensors(NET), "optimizer": {"state": rows, "param_groups": groups}}


def frozen_by_hand(style: Style) -> tuple[str, list[np.ndarray]]:
    """The opcodes of such a checkpoint, whose step is a number as before torch 1.12, and its storages."""
    arrays, rows = list(NET.values()), ""
    for number, name in _STEPPED.items():
        first, second = _MOMENTS[name], _MOMENTS[name] * _MOMENTS[name]
        moments = [tensor_by_hand(each, len(arrays) + at, style) for at, each in enumerate((first, second))]
        row = in_dict(("step", "BININT1:3"), ("exp_avg", moments[0]), ("exp_avg_sq", moments[1]), text=style.text)
        rows += f"BININT1:{number} {row} "
        arrays += [first, second]
    group = in_dict(
        *(("lr", "BINFLOAT:0.5"), ("betas", "BINFLOAT:0.9 BINFLOAT:0.99 TUPLE2"), ("eps", "BINFLOAT:1e-8")),
        *(("weight_decay", "BINFLOAT:0"), ("amsgrad", "NEWFALSE"), ("maximize", "NEWFALSE")),
        ("params", f"EMPTY_LIST MARK {' '.join(f'BININT1:{each}' for each in range(len(_PARAMETERS)))} APPENDS"),
        text=style.text,
    )
    state = f"EMPTY_DICT MARK {rows} SETITEMS"
    optimizer = in_dict(("state", state), ("param_groups", f"EMPTY_LIST {group} APPEND"), text=style.text)
    return in_dict(("model", dict_by_hand(NET, style)), ("optimizer", optimizer), text=style.text), arrays


OPTIMIZERS: Mapping[str, Callable[[], bytes]] = {
    "frozen.pth": lambda: saved(frozen()),
    "legacy.pth": lambda: saved(frozen(), **OLD),
    "by-hand.pth": lambda: zip_by_hand(*frozen_by_hand(NEW)),
    "torch-1.4.pth": lambda: legacy_by_hand(*frozen_by_hand(TORCH_1_4)),
    "python-2.pth": lambda: legacy_by_hand(*frozen_by_hand(TORCH_0_4_PYTHON_2)),
}
MOMENTS: State = {
    f"state.{number}.exp_avg": _MOMENTS.get(name, np.zeros_like(NET[name])) for number, name in enumerate(_PARAMETERS)
}
"""The first moments of all parameters."""


def _backbone(given: State = NET, *, half: bool = False) -> nn.Module:
    made = foreign("Backbone", Net)(given)
    return made.half() if half else made


def _npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _saved_tied() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.safetensors"
        save_safetensors(
            tensors({n: a for n, a in TIED.items() if n != "lm_head.weight"}), path, {"lm_head.weight": "embed.weight"}
        )
        return path.read_bytes()


DIGESTS: Mapping[str, str] = {
    "net": "2aecd8467d6df4d97aa7450a4e8d0d0e6acbff0cf132c796d3275946c41aa3fc",
    "half": "9027bf3a11c75f29fb1e03aa61fefbd58b3095d46a925d926d80a6363b4fabf7",
    "other": "7d4e58d6f93ad7b672b23867dbe714ae99716c398c174af2b1374492c6016cbb",
    "double": "f1b73b189cfa2e3e8bb01f030a690c0e90574cfd5312db78a62ab83b16d53b72",
    "one": "cf5b71d0798af301b3ef0e8cbaa2720cc95454ec6e536a68e4e0ca7d96f711d6",
    "two": "ad42d9c47ff8c026e2a5d4c41060a7a82a43c3cd1af8e03cfb2c703f69b6640c",
    "six": "08a9efd8ac6a8c603789b6da4ac1b06dadf48223a63052ea453a7b114ca831d7",
    "tied": "19ef38446f8098f35335c8422803b0ca94a86e2ac4f3aaa40d2333486d3c8a6f",
    "module": "3de741eb86e915608ea993b67eaffe9c0f3977f465dad80ad506fb5660945a67",
    "orig": "17ae7326c05e72e828bfa711e81be06167b5c8bea4a8049a6b0cea8c7f3b8c2b",
    "biases": "fbd4e57b524c0c6f303f11e0cbc7623cf4b86b5fb64cd1018199f62152b17efc",
    "line": "f46f1ef85d5eaf7abfc7f94c2d8666237fda8f2f8a688fada26489a59edf80c7",
    "number": "9c2c1a6f46a34b99c5aefae87876010656cd143a97fd122db92100cba5f8b89d",
    "numbers": "6810eb4ea611006de118210f17295bd9ffee5e9a47f0777010caba0e116e6fe4",
    "columns": "f412f8b831f9c18ceda6ca6045161e774d4e658e1f5c1d854d468da9ff6eb1c2",
    "moments": "60e307243b2544e82ba8df3165ebd029728df10a3152dfda0f82c1141e98841b",
}
"""The digests of ``EXPECTED``, as this script prints them."""


if __name__ == "__main__":
    for name, each in {**EXPECTED, "moments": MOMENTS}.items():
        print(f'    "{name}": "{digest_of(each)}",')
