"""What is no model is named with what to do, in one sentence that a terminal can show."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickle
import struct
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from files.by_hand import archives
from files.by_hand.archives import Member
from tscompat.codec import encode_state_dict
from tscompat.files import not_models, texts
from tscompat.files.item import ModelFileError
from tscompat.files.kinds import read
from tscompat.files.not_models import words
from tscompat.files.source import Source
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, tensor_of


def pth() -> bytes:
    file = io.BytesIO()
    torch.save({"weight": torch.zeros(100)}, file)
    return file.getvalue()


def legacy() -> bytes:
    file = io.BytesIO()
    torch.save({"weight": torch.zeros(100)}, file, _use_new_zipfile_serialization=False)
    return file.getvalue()


def dat() -> bytes:
    entries = [Entry(name, tensor_of(BY_NAME["f32"], (3,), bytes(12))) for name in ("weight", "bias")]
    return b"".join(bytes(piece) for piece in encode_state_dict(entries))


def npz() -> bytes:
    file = io.BytesIO()
    np.savez(file, a=np.zeros(100))
    return file.getvalue()


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), content)
    return file.getvalue()


def tarred(mode: str = "w") -> bytes:
    file = io.BytesIO()
    opened: Any = tarfile.open  # its modes are literals
    with opened(fileobj=file, mode=mode) as archive:
        for name, content in {"notes.txt": b"a", "model.pth": pth()}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0d" * 32 + b"\nsize 19332096\n"
S3 = b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'
AZURE = b"\xef\xbb\xbf<?xml version='1.0'?><Error><Code>BlobNotFound</Code><Message>The\nblob is not there</Message>"
NOT_MODELS: dict[str, tuple[bytes, str]] = {
    "a.pth": (LFS, r"a Git LFS pointer, not the file it stands for \(19,332,096 bytes\): git lfs pull"),
    "crlf.bin": (LFS.replace(b"\n", b"\r\n"), "19,332,096 bytes"),
    "hawser.bin": (b"version https://hawser.github.com/spec/v1\n", "stands for: git lfs pull"),
    "page.pt": (
        b"<!DOCTYPE html><html><head><title>Not &amp; found</title>",
        r"a web page \('Not & found'\)",
    ),
    "page.bin": (b"\n<!-- x -->\n<HTML>", "a web page, not the file"),
    "latin.html": (b"<html><title>\xe9</title>", "a web page"),
    "s3.pth": (S3, r"the error of a server, not the file \(AccessDenied: Access Denied\): get the file again"),
    "azure.pth": (AZURE, r"\(BlobNotFound: The\\nblob is not there\)"),
    "error.json": (
        b'{"error": "Repository not found"}',
        r'the answer of a server, .* \(error: "Repository not',
    ),
    "error.pth": (b'{"message": "Bad credentials", "status": "401"}', r'message: "Bad credentials"'),
    "config.json": (b'{"architectures": ["X"]}', "a configuration in JSON, which holds no weights"),
    "tokenizer.json": (b'{"added_tokens": []}', "a tokenizer in JSON"),
    "vocab.json": (b'{"vocab": {}}', "a tokenizer in JSON"),
    "trainer_state.json": (b'{"log_history": []}', "the state of a training in JSON"),
    "history.json": (json.dumps([{"a": 1}] * 2000).encode(), "JSON, a list of 2,000, and no index of shards"),
    "other.json": (b'{"a": 1, "b": 2}', "expected the key 'weight_map', found 'a', 'b'"),
    "deep.json": (b"[" * 100_000, "begins as JSON, and is none: JSON that is nested too deeply"),
    "deeper.json": (b'{"a":' * 100_000, "JSON that is nested too deeply"),
    "cut.json": (b'{"weight_map": {"a": "b', "begins as JSON, and is none: no valid JSON"),
    "openvino.xml": (b'<?xml version="1.0"?><net name="a" version="11"><layers>', "a network of OpenVINO"),
    "other.xml": (b"<?xml version='1.0'?><a/>", "XML, and no model"),
    "a.pth.gz": (
        gzip.compress(pth()),
        r"packed with gzip, of a checkpoint .*: .*gzip -dc a.pth.gz > unp",
    ),
    "a.tar.gz": (tarred("w:gz"), "a tar archive packed with gzip: unpack it .tar -xzf a.tar.gz"),
    "a.bz2": (bz2.compress(pth()), "packed with bzip2: unpack it first"),
    "a.xz": (lzma.compress(pth()), "packed with xz: unpack it first"),
    "a.zst": (b"\x28\xb5\x2f\xfd" + bytes(range(99)), "packed with zstd: unpack it first"),
    "a.7z": (b"7z\xbc\xaf\x27\x1c" + bytes(range(99)), "packed with 7z: unpack it first"),
    "a.rar": (b"Rar!\x1a\x07\x01\x00" + bytes(range(99)), "packed with RAR: unpack it first"),
    "a.lz4": (b"\x04\x22\x4d\x18" + bytes(range(99)), "packed with LZ4: unpack it first"),
    "packed.zip": (
        zipped(a__model_pth=pth(), readme_txt=b""),
        "a zip file that holds a/model.pth: unzip it and give",
    ),
    "unpacked.zip": (zipped(a__data_pkl=b".", b__data_pkl=b"."), "a zip of unpacked checkpoints .'a/data.pkl', 'b/d"),
    "other.zip": (zipped(a_txt=b"", b_txt=b""), "a zip file without a model .*, it holds a.txt, b.txt"),
    "empty.zip": (zipped(), "an empty zip file"),
    "a.dduf": (
        archives.zipped([Member("model_index.json", b"{}")]),
        "a pipeline of diffusers in one file .DDUF.: unpack",
    ),
    "package.pt": (archives.zipped([Member("p/.data/extern_modules", b"")]), "a package of torch.package: .* trust it"),
    "a.keras": (zipped(config_json=b"{}", model_weights_h5=b""), "a model of Keras"),
    "a.tar": (tarred(), "a tar archive that holds model.pth: unpack it .tar -xf a.tar. and give that file"),
    "cut.tar": (tarred()[:2500], "incomplete: a tar archive that ends [0-9,]+ bytes before the end of 'model.pth'"),
    "shorter.tar": (tarred()[: 3 * 512 + len(pth()) - 1], "incomplete: .* ends 1 bytes before the end of 'model.pth'"),
    "folder.tar": (
        archives.tarred([Member("model.pt", stated={"type": "5"}), Member("notes.txt", b"a")]),
        "a tar archive without a model .*, it holds notes.txt",
    ),
    "a.gguf": (b"GGUF\x03\0\0\0" + bytes(99), "a model of llama.cpp .GGUF."),
    "ggml.bin": (b"lmgg" + bytes(99), "GGML"),
    "ggjt.bin": (b"tjgg" + bytes(99), "GGML"),
    "a.onnx": (b"\x08\x07\x12\x07pytorch\x1a\x052.1.0:\x10", "a model in ONNX"),
    "bare.onnx": (b"\x08\x08:\x10\n\x02", "a model in ONNX"),
    "saved_model.pb": (b"\x08\x01\x12\xff\x05\n\x01", "a SavedModel of TensorFlow"),
    "ckpt.index": (bytes(range(99)) + b"\x57\xfb\x80\x8b\x24\x75\x47\xdb", "the index of a checkpoint of TensorFlow"),
    "checkpoint": (b'model_checkpoint_path: "a"\n', "the list of a checkpoint of TensorFlow"),
    "a.tflite": (b"\x1c\0\0\0TFL3" + bytes(99), "a model of TensorFlow Lite"),
    "a.h5": (b"\x89HDF\r\n\x1a\n" + bytes(99), "HDF5, as Keras"),
    "v73.mat": (b"MATLAB 7.3 MAT-file".ljust(512) + b"\x89HDF\r\n\x1a\n", "HDF5, as Keras .* MATLAB 7.3"),
    "a.mat": (b"MATLAB 5.0 MAT-file, Platform: GLNXA64", "a file of MATLAB"),
    "flax_model.msgpack": (b"\x81\xa6params\x82", "msgpack, as Flax"),
    "yolo.weights": (struct.pack("<iiiq", 0, 2, 5, 32_013_312) + bytes(99), "weights of Darknet"),
    "a.param": (b"7767517\n3 3\n", "a model of ncnn"),
    "a.parquet": (b"PAR1" + bytes(99), "a table .Parquet., and no model"),
    "a.sqlite": (b"SQLite format 3\0" + bytes(99), "a database .SQLite., and no model"),
    "a.png": (b"\x89PNG\r\n\x1a\n" + bytes(99), "an image, and no model"),
    "a.jpg": (b"\xff\xd8\xff\xe0" + bytes(99), "an image, and no model"),
    "a.gif": (b"GIF89a" + bytes(99), "an image, and no model"),
    "a.tif": (b"MM\0*" + bytes(99), "an image, and no model"),
    "a.wav": (b"RIFF\x24\0\0\0WAVEfmt " + bytes(99), "sound or video, and no model"),
    "a.mp4": (b"\0\0\0\x18ftypmp42" + bytes(99), "sound or video, and no model"),
    "a.arrow": (b"ARROW1\0\0" + bytes(99), "a table .Arrow., and no model"),
    "a.dylib": (b"\xcf\xfa\xed\xfe" + bytes(99), "a program of macOS or Java, and no model"),
    "a.lib": (b"!<arch>\n" + bytes(99), "a static library or a Debian package, and no model"),
    "a.pte": (b"\x28\0\0\0ET12" + bytes(99), "a program of ExecuTorch"),
    "a.params": (b"\x12\1" + bytes(22), "parameters of MXNet"),
    "a.engine": (b"ptrt" + bytes(99), "an engine of TensorRT"),
    "older.engine": (b"ftrt" + bytes(99), "an engine of TensorRT"),
    "a.pdf": (b"%PDF-1.7\n", "a PDF, and no model"),
    "a.so": (b"\x7fELF\2\1\1" + bytes(99), "a program or library of Linux"),
    "a.dll": (b"MZ\x90\0" + bytes(99), "a program or library of Windows or .NET"),
    "train.py": (b"import torch\nprint(1)\n", "source code in Python, and no model"),
    "Model.cs": (b"\xef\xbb\xbfusing TorchSharp;\nclass A {}\n", "source code in C#, and no model"),
    "README.md": (b"# A model\nIt is fine.", "a text, and no model: it begins with '# A model"),
    "long.md": (b"a" + "é".encode() * 10_000, "a text, and no model: it begins with 'aé"),
    "utf16.pth": ("a model".encode("utf-16"), "text in UTF-16"),
    "empty.pth": (b"", "empty: 0 bytes, as a download or a save leaves it that failed"),
    "zeros.pth": (bytes(5000), "nothing but zeros, in all of its 5,000 bytes"),
    "dim": (b"\2\3\1\2\3\6\1\4", "8 bytes that begin with 02 03 01 .*: no kind of file that is known here"),
    "random": (b"\xf7\xe6\xd5" * 7, "21 bytes that begin with f7 e6 d5 .*: no kind of file that is known here"),
    "cut.pth": (
        pth()[:500],
        "incomplete: a zip file .of torch.save, or .npz. without the dir",
    ),
    "cut.npz": (
        npz()[:500],
        "at its end and without [0-9]+ bytes of 'a.npy', in 500 bytes",
    ),
    "cut.pkl": (pickle.dumps([1.5] * 9, 4)[:-3], "it begins as a pickle .* and does not end as one"),
    "short.safetensors": (b"\x10\0\0", "cannot be read as safetensors: incomplete: 3 bytes"),
    "long.safetensors": (b"\xff" * 99, "the length of a header of 18,446,744,073,709,551,615 bytes"),
    "cut.npy": (b"\x93NUM", "incomplete: it ends in the header of an array of numpy"),
    "cut.dat": (
        dat()[:-3],
        "incomplete: byte 31: expected 12 bytes for f32 .* found 9 bytes",
    ),
    "cut.model": (dat()[:-3], "cannot be read as a state dict of TorchSharp: incomplete: byte 31"),
    "more.dat": (dat() + b"\0", "cannot be read as a state dict of TorchSharp: byte 43: expected the end of the file"),
    "cut-optimizer.dat": (b"\x04Adam\1", "cannot be read as an optimizer of TorchSharp: byte 6"),
}


@pytest.mark.parametrize("name", NOT_MODELS)
def test_it_is_named(name: str, tmp_path: Path) -> None:
    content, said = NOT_MODELS[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelFileError, match=f"{name}: .*{said}"):
        read(tmp_path / name, "", print)


def in_one_sentence(name: str, content: bytes) -> bool:
    said = words(Source(Path(name), memoryview(content)))
    return bool(said) and said.isprintable() and len(said) < 1000


@pytest.mark.parametrize("name", NOT_MODELS)
def test_one_sentence_says_it(name: str) -> None:
    assert in_one_sentence(name, NOT_MODELS[name][0])


def test_zeros_are_looked_for_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(not_models, "_STEP", 4)
    assert "nothing but zeros" not in words(Source(Path("a"), memoryview(bytes(8) + b"\1")))


def test_large_json_is_not_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "_MOST_JSON", 10)
    assert words(Source(Path("a"), memoryview(b'{"architectures": 1}'))).startswith("JSON of 20 bytes, and no index")


STARTS = [content[:600] for content, _ in NOT_MODELS.values()]


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(STARTS), st.binary(max_size=200), st.integers(0, 600), st.sampled_from(["", ".dat", ".json"]))
@example(b"", b"\x1b[2J" * 100, 0, ".safetensors")
@example(b'{"error":"', b"\x1b" * 1000 + b'"}', 600, "")
def test_any_bytes_get_one_sentence(start: bytes, rest: bytes, cut: int, suffix: str) -> None:
    assert in_one_sentence(f"a{suffix}", start[:cut] + rest)


@pytest.mark.parametrize("name", ["cut.pth", "legacy.pth", "a.npz", "a.npy", "a.safetensors", "a.dat"])
@pytest.mark.parametrize("part", [0.01, 0.3, 0.7, 0.999])
def test_any_length_of_cut_is_refused(name: str, part: float, tmp_path: Path) -> None:
    file = io.BytesIO()
    np.save(file, np.zeros(100))
    header = b'{"a":{"dtype":"F32","shape":[99],"data_offsets":[0,396]}}'
    whole = {
        **{"cut.pth": pth(), "legacy.pth": legacy(), "a.npz": npz(), "a.npy": file.getvalue(), "a.dat": dat()},
        "a.safetensors": struct.pack("<Q", len(header)) + header + bytes(396),
    }[name]
    (tmp_path / name).write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(ModelFileError, match=name):
        read(tmp_path / name, "", print)


def test_a_file_of_joblib(tmp_path: Path) -> None:
    # As its NumpyPickler writes it: the wrapper's pickle, then the array's bytes, then the rest.
    start = b"\x80\x03cjoblib.numpy_pickle\nNumpyArrayWrapper\nq\x00)\x81q\x01}q\x02b"
    (tmp_path / "a.joblib").write_bytes(start + b"\x00\xff" + bytes(range(200, 256)) + b".")
    with pytest.raises(ModelFileError, match=r"a file of joblib: .*numpy.savez"):
        read(tmp_path / "a.joblib", "", print)
