"""The table of real files that are refused: what is no model, is incomplete, or does not say which model to read."""

from __future__ import annotations

import gzip
import json
import pickle
import zipfile
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from files.by_hand.archives import Member, zipped
from files.by_hand.models import arrays_of_python_2, dat, safetensors, torch_legacy, torch_tar, torch_zip
from files.real.folders import ranks, shards
from files.real.libraries import npy, npz, saved, training, zipped_again
from files.real.states import NET, ONE, OTHER, SIX


class Refused(NamedTuple):
    """A file, and what its refusal states."""

    make: Callable[[], Any]
    """Gives the bytes; or a dict of the files in a folder, by name."""
    sentence: str
    """A regular expression that is found in the refusal."""
    key: str = ""
    open: str = ""
    """The file of the folder that is read; empty for the folder itself."""


class _Nameless(NamedTuple):
    """Tensors by position: its pickle has no names."""

    first: Any
    second: Any


_NOTHING = np.zeros(0, np.float32)


def _pointer(digest: str, size: int) -> bytes:
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {size}\n".encode()


def _first(files: dict[str, bytes], count: int) -> dict[str, bytes]:
    return dict(list(files.items())[:count])


REFUSED: dict[str, Refused] = {
    # no model at all
    "none/pointer.pth": Refused(lambda: _pointer("0d" * 32, 19332096), "(?i)git lfs.*19,332,096.*git lfs pull"),
    "none/pointer.safetensors": Refused(lambda: _pointer("ab" * 32, 44), "(?i)git lfs.*44.*git lfs pull"),
    "none/pointer-of-dos.bin": Refused(lambda: _pointer("ab" * 32, 1000).replace(b"\n", b"\r\n"), "(?i)git lfs"),
    "none/page.pth": Refused(
        lambda: b"<!DOCTYPE html>\n<html><head><title>404</title></head></html>", "(?i)web page|HTML"
    ),
    "none/page.safetensors": Refused(lambda: b"\n\n  <html lang=en><body>Sign in</body></html>", "(?i)web page|HTML"),
    "none/error.xml": Refused(lambda: b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "(?i)XML"),
    "none/error.pth": Refused(lambda: b'{"error":"Repository not found"}', "answer of a server"),
    "none/model.pth.gz": Refused(lambda: gzip.compress(saved(NET)), "(?i)gzip"),
    "none/model.7z": Refused(lambda: b"7z\xbc\xaf\x27\x1c\0\4" + bytes(40), "(?i)7z|7-zip"),
    "none/model.zst": Refused(lambda: b"\x28\xb5\x2f\xfd" + bytes(40), "(?i)zst"),
    "none/model.rar": Refused(lambda: b"Rar!\x1a\7\1\0" + bytes(40), "(?i)rar"),
    "none/model.h5": Refused(lambda: b"\x89HDF\r\n\x1a\n" + bytes(80), "(?i)HDF5"),
    "none/model.gguf": Refused(lambda: b"GGUF\3\0\0\0" + bytes(40), "(?i)GGUF"),
    "none/model.onnx": Refused(lambda: b"\x08\x07\x12\x07pytorch\x1a\x042.13" + bytes(20), "(?i)ONNX"),
    "none/image.png": Refused(lambda: b"\x89PNG\r\n\x1a\n" + bytes(40), "(?i)image|PNG"),
    "none/zip-with-a-model.zip": Refused(
        lambda: zipped([Member("model.pth", saved(NET)), Member("README", b"x")]), "(?i)zip.*model.pth|unzip"
    ),
    "none/several-dumps.pkl": Refused(
        lambda: pickle.dumps({"a": np.ones(3)}) + pickle.dumps({"b": np.ones(3)}),
        "several pickles in one file.*load\\(\\)",
    ),
    "none/package.pt": Refused(
        lambda: zipped(
            [Member("package/.data/extern_modules", b"torch"), Member("package/model/model.pkl", b"\x80\x02}.")]
        ),
        "torch.package.PackageImporter",
    ),
    # the weights are elsewhere, or have no names
    "elsewhere/zero-3.bin": Refused(lambda: saved({"a.weight": _NOTHING, "a.bias": _NOTHING}), "zero_to_fp32.py"),
    "elsewhere/zero-3.safetensors": Refused(lambda: safetensors({"w": _NOTHING, "b": _NOTHING}), "zero_to_fp32.py"),
    "elsewhere/mp_rank_00_model_states.pt": Refused(
        lambda: saved({"module": {"w": _NOTHING, "b": _NOTHING}, "param_shapes": [{"w": (2, 2)}]}), "zero_to_fp32.py"
    ),
    "nameless/tuple.pth": Refused(
        lambda: saved(_Nameless(np.ones(2, "f4"), np.ones(3, "f4"))),
        "this is a .*_Nameless, whose tensors have no names",
    ),
    "nameless/beside.pth": Refused(
        lambda: saved({"model": _Nameless(np.ones(2, "f4"), np.ones(3, "f4")), "epoch": 1}),
        "'model' is a .*_Nameless, whose tensors have no names",
    ),
    "nameless/list.pth": Refused(
        lambda: saved({"ema": {"shadow_params": [np.ones(2, "f4"), np.ones(3, "f4")]}}), "--key ema.shadow_params"
    ),
    # empty
    "empty/empty.pth": Refused(lambda: b"", "empty.*0 bytes|0 bytes.*empty"),
    "empty/empty.safetensors": Refused(lambda: b"", "empty"),
    "empty/empty.dat": Refused(lambda: b"", "empty"),
    "empty/zeros.pth": Refused(lambda: bytes(4096), "(?i)zero|only 0|nothing"),
    # cut
    "cut/cut.pth": Refused(lambda: saved({"weight": np.ones((300, 300), np.float32)})[:5000], "incomplete"),
    "cut/by-hand.pth": Refused(lambda: torch_zip(NET)[:-30], "incomplete"),
    "cut/legacy.pth": Refused(lambda: torch_legacy(NET)[:-30], "incomplete"),
    "cut/legacy-in-the-pickle.pth": Refused(lambda: torch_legacy(NET)[:400], "incomplete"),
    "cut/net.safetensors": Refused(lambda: safetensors(NET)[:-30], "incomplete.*30|30.*missing"),
    "cut/header.safetensors": Refused(lambda: safetensors(NET)[:50], "incomplete"),
    "cut/array.npy": Refused(lambda: npy(ONE)[:-5], "incomplete.*5"),
    "cut/arrays.npz": Refused(lambda: npz(SIX)[:-5], "incomplete"),
    "cut/net.dat": Refused(lambda: dat(NET)[:-5], "incomplete"),
    "cut/plain.pkl": Refused(lambda: arrays_of_python_2(NET)[:-5], "incomplete"),
    "cut/torch-0.1.pth": Refused(lambda: torch_tar(NET)[:2500], "incomplete"),
    # JSON that is no index
    "json/history.json": Refused(
        lambda: json.dumps([{"epoch": n, "loss": 1 / (n + 1)} for n in range(2000)]).encode(), "(?i)index"
    ),
    "json/config.json": Refused(lambda: b'{"architectures": ["BertModel"], "hidden_size": 768}', "(?i)index|config"),
    "json/tokenizer.json": Refused(
        lambda: b'{"version": "1.0", "truncation": null, "model": {"vocab": {}}}', "(?i)index|JSON"
    ),
    "json/broken.index.json": Refused(lambda: b'{"weight_map": {"a": ', "(?i)JSON"),
    # a part of a model
    "shards/missing": Refused(
        lambda: _first(shards("model-{:05}-of-{:05}.safetensors", count=3), 2), "model-00003-of-00003.safetensors"
    ),
    "ranks/alone": Refused(
        lambda: ranks(2), "(?i)rank|part|process", open="shard-00001-model-00001-of-00001.safetensors"
    ),
    "ranks/one-of-two": Refused(lambda: _first(ranks(2), 1), "(?i)one of several processes"),
    # several models, or none where the key leads
    "several/in-list.pth": Refused(
        lambda: saved({"models": [NET, OTHER], "stats": {"mean": np.zeros(3, "f4"), "std": np.ones(3, "f4")}}),
        "--key models.0.*models.1",
    ),
    "several/ema-by-hand.pth": Refused(lambda: torch_legacy({"model": NET, "ema": OTHER}), "--key model.*--key ema"),
    "training/scores.ckpt": Refused(lambda: saved(training()), "score", key="callbacks.ModelCheckpoint.best_k_models"),
    # packed with what torch does not read
    "zipped/bz2.pth": Refused(lambda: zipped_again(saved(NET), zipfile.ZIP_BZIP2), "zip it.* -0"),
    "zipped/lzma.pth": Refused(lambda: zipped_again(saved(NET), zipfile.ZIP_LZMA), "zip it.* -0"),
}
