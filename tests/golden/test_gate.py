"""What the gate makes of golden files: by the real readers and writers, and by writers that have changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tscompat.catalogue import Case, load_catalogue
from tscompat.dotnet_side.client import WithoutDotnet
from tscompat.dotnet_side.errors import PeerDied
from tscompat.dotnet_side.process import Peer, PeerKeeper
from tscompat.golden.gate import Finding, check, refuse_missing
from tscompat.golden.jobs import GoldenCase
from tscompat.golden.manifest import (
    Format,
    GoldenError,
    GoldenFile,
    GoldenTensor,
    Manifest,
    Writer,
    golden_folder,
    read_corpus,
)
from tscompat.golden.tables import PYTHON
from tscompat.resources.folders import data_folder
from tscompat.values.tensors import Entry, StateDict
from tscompat.values.verdict import Kind, Verdict
from tscompat.verdicts.divergences import Divergences, Outcome

RUNNING = ["TorchSharp 0.107.0", "TorchSharp.PyBridge 1.4.4", "libtorch 2.10.0", "torch 2.13", "safetensors 0.8"]
DIVERGENCES = Divergences.load(data_folder("cases") / "divergences", RUNNING)
CORPUS = read_corpus(golden_folder())
CASES = load_catalogue()


def part(case: str, *formats: Format) -> dict[Path, Manifest]:
    """The golden files of one case."""
    return {
        folder: msgspec.structs.replace(
            manifest, files=tuple(each for each in manifest.files if each.case == case and each.format in formats)
        )
        for folder, manifest in CORPUS.items()
    }


@pytest.fixture
def found(tmp_path: Path) -> Callable[..., list[Finding]]:
    def found(corpus: dict[Path, Manifest], peer: Any = None) -> list[Finding]:
        return list(check(corpus, CASES, DIVERGENCES, peer or WithoutDotnet(), tmp_path))

    return found


def failures(findings: list[Finding]) -> list[tuple[str, str, Kind, str]]:
    failed = [each for each in findings if each.judgement.outcome is Outcome.FAILED]
    return [(each.file, each.what, each.verdict.kind, each.verdict.detail) for each in failed]


@pytest.mark.parametrize("form", Format)
def test_the_real_readers_and_writers_pass(
    found: Callable[..., list[Finding]], keeper: PeerKeeper, form: Format
) -> None:
    findings = found(part("shape/0-d/f32", form), keeper)
    assert failures(findings) == []
    assert {each.verdict.kind for each in findings} == {Kind.PASS}


def test_every_reader_reads_each_file_and_every_writer_writes_its_own(
    found: Callable[..., list[Finding]], keeper: PeerKeeper
) -> None:
    done = sorted((each.file.split("/")[0], each.what) for each in found(part("role/both/f32", Format.DAT), keeper))
    routes = ("dat", "dat-state-dict", "dat-stream", "dat-writer")
    reads = ["read by oracle", *(f"read by TorchSharp ({route})" for route in routes)]
    assert [what for folder, what in done if folder == "oracle-1"] == sorted([*reads, "written by oracle"])
    assert [what for folder, what in done if folder != "oracle-1"] == sorted([*reads, "written by TorchSharp (dat)"])


def test_without_dotnet_python_s_half_is_decided(found: Callable[..., list[Finding]]) -> None:
    findings = found(part("role/both/f32", *Format))
    decided = {each.what.split(" (")[0] for each in findings if each.verdict.kind is not Kind.NOT_RUN}
    readers = {f"{verb} by {name}" for verb in ("read", "written") for name in ("oracle", "torch", "safetensors")}
    assert decided == readers
    assert failures(findings) == []


def test_a_known_divergence_of_a_reader_is_expected(found: Callable[..., list[Finding]], keeper: PeerKeeper) -> None:
    findings = found(part("role/both/c32", Format.PICKLE), keeper)
    assert {each.judgement.divergence for each in findings if each.verdict.kind is Kind.REFUSED} == {
        "pybridge-pickle-dtypes"
    }
    assert failures(findings) == []


def changed_writer(monkeypatch: pytest.MonkeyPatch, form: Format, change: Callable[[bytes], bytes]) -> None:
    side = PYTHON[form]

    def write(path: Path, case: Case, entries: StateDict) -> None:
        side.write(path, case, entries)
        path.write_bytes(change(path.read_bytes()))

    monkeypatch.setitem(PYTHON, form, side._replace(write=write))  # pyright: ignore[reportArgumentType]


def test_a_writer_that_writes_other_bytes_is_named_with_the_field(
    found: Callable[..., list[Finding]], monkeypatch: pytest.MonkeyPatch
) -> None:
    changed_writer(monkeypatch, Format.DAT, lambda data: data + b"footer")
    words = "the file, end at byte 0x5d (FORMAT 1.5 file.trailing): nothing expected, 6 bytes more found"
    file = "oracle-1/dat/role/both/f32.dat"
    assert failures(found(part("role/both/f32", Format.DAT))) == [(file, "written by oracle", Kind.BYTES, words)]


def test_a_writer_of_safetensors_is_held_to_its_bytes(
    found: Callable[..., list[Finding]], monkeypatch: pytest.MonkeyPatch
) -> None:
    changed_writer(monkeypatch, Format.SAFETENSORS, lambda data: data[:-1] + bytes([data[-1] ^ 1]))
    ((file, what, kind, _),) = failures(found(part("role/both/f32", Format.SAFETENSORS)))
    assert (file.split("/")[0], what, kind) == ("safetensors-0.8", "written by safetensors", Kind.BYTES)


@pytest.mark.parametrize(("byte", "fails"), [(0, []), (1, [("written by torch", Kind.BITS)])])
def test_of_a_zip_archive_the_bits_are_compared(
    found: Callable[..., list[Finding]], monkeypatch: pytest.MonkeyPatch, byte: int, fails: list[tuple[str, Kind]]
) -> None:
    side = PYTHON[Format.PICKLE]

    def write(path: Path, case: Case, entries: StateDict) -> None:
        (name, tensor), *others = entries
        data = bytearray(memoryview(tensor.data).cast("B"))
        data[0] ^= byte
        side.write(path, case, [Entry(name, tensor._replace(data=bytes(data))), *others])

    monkeypatch.setitem(PYTHON, Format.PICKLE, side._replace(write=write))  # pyright: ignore[reportArgumentType]
    failed = failures(found(part("role/both/f32", Format.PICKLE)))
    assert [(what, kind) for _, what, kind, _ in failed] == fails


def test_a_file_with_other_bits_is_seen_by_its_reader(found: Callable[..., list[Finding]], tmp_path: Path) -> None:
    """As one of another version may be: the manifest has the hash of the file as it is."""
    data = (golden_folder() / "oracle-1/dat/role/both/f32.dat").read_bytes()
    file = tmp_path / "TorchSharp-0.1.0" / "dat/role/both/f32.dat"
    file.parent.mkdir(parents=True)
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    ((original,),) = (each.files for each in part("role/both/f32", Format.DAT).values() if each.writer == "oracle")
    corpus = {file.parents[3]: Manifest(writer=Writer.TORCHSHARP, version="0.1.0", files=(original,))}
    ((_, what, kind, detail),) = failures(found(corpus))
    assert (what, kind) == ("read by oracle", Kind.BITS)
    assert detail.startswith("element ")


READERS = {
    *(("dat", route) for route in ("oracle", "dat", "dat-stream", "dat-writer", "dat-state-dict")),
    *(("tensor", route) for route in ("oracle", "tensor", "tensor-stream", "tensor-writer")),
    *(("tensor", route) for route in ("tensor-reader", "tensor-new", "tensor-ref")),
    *(("safetensors", route) for route in ("safetensors", "pybridge-safetensors", "pybridge-safetensors-stream")),
    *(("safetensors", "pybridge-safetensors-dict"), ("pickle", "torch"), ("pickle", "pybridge-pickle")),
    *(("pickle", "pybridge-pickle-stream"), ("pickle", "pybridge-pickler")),
    *(("torchscript", route) for route in ("torch", "torchscript", "torchscript-bytes")),
}


def test_each_reader_is_proven_to_read(
    found: Callable[..., list[Finding]], keeper: PeerKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    proven: set[tuple[str, str]] = set()
    start = PeerKeeper.start

    def noting(self: PeerKeeper, purpose: str = "") -> Peer:
        if purpose.startswith("proof of "):
            form, reader = purpose.removeprefix("proof of ").split(", ")
            proven.add((form, reader))
        return start(self, purpose)

    monkeypatch.setattr(PeerKeeper, "start", noting)
    found(part("shape/0-d/f32", *Format), keeper)
    assert proven == READERS


@pytest.mark.parametrize("form", Format)
def test_a_reader_in_python_that_does_not_read_is_found_out(
    found: Callable[..., list[Finding]], monkeypatch: pytest.MonkeyPatch, form: Format
) -> None:
    def read(path: Path, expected: StateDict) -> StateDict:
        return list(expected)

    monkeypatch.setitem(PYTHON, form, PYTHON[form]._replace(read=read))  # pyright: ignore[reportArgumentType]
    with pytest.raises(GoldenError, match=f"{form}, read by .*: one byte of a file was changed, and that was not seen"):
        found(part("shape/0-d/f32", form))


def test_a_reader_in_dotnet_that_does_not_read_is_found_out(
    found: Callable[..., list[Finding]], keeper: PeerKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = GoldenCase.read

    def other(case: GoldenCase, form: Format, route: str, file: Path) -> Verdict:
        return read(case, form, route, case.folder / "expected.dat")

    monkeypatch.setattr(GoldenCase, "read", other)
    with pytest.raises(GoldenError, match="dat, read by dat: one byte of a file was changed, and that was not seen"):
        found(part("shape/0-d/f32", Format.DAT), keeper)


def test_a_corpus_without_a_writer_or_a_case_is_refused() -> None:
    less = {folder: manifest for folder, manifest in CORPUS.items() if manifest.writer is not Writer.PYBRIDGE}
    with pytest.raises(GoldenError, match="found nothing of PyBridge: take it from git again, or write it"):
        refuse_missing(less, CASES)
    files = {
        folder: msgspec.structs.replace(
            each, files=tuple(file for file in each.files if (file.format, file.case) != (Format.DAT, "role/both/u8"))
        )
        for folder, each in CORPUS.items()
    }
    with pytest.raises(GoldenError, match="found nothing of dat/role/both/u8: take"):
        refuse_missing(files, CASES)


def test_a_case_whose_bits_have_changed_is_named(found: Callable[..., list[Finding]]) -> None:
    corpus = part("role/both/f32", Format.DAT)
    folder = golden_folder() / "oracle-1"
    (file,) = corpus[folder].files
    first, *others = file.tensors
    wrong = GoldenTensor(name=first.name, dtype=first.dtype, shape=first.shape, sha256=64 * "0")
    changed: GoldenFile = msgspec.structs.replace(file, tensors=(wrong, *others))
    corpus = {folder: msgspec.structs.replace(corpus[folder], files=(changed,))}
    words = f"the case has other bits now: {first.name!r}"
    assert failures(found(corpus)) == [("oracle-1/dat/role/both/f32.dat", "its case", Kind.BITS, words)]


def test_a_case_that_is_gone_is_named(found: Callable[..., list[Finding]]) -> None:
    folder = golden_folder() / "oracle-1"
    (file,) = part("role/both/f32", Format.DAT)[folder].files
    gone = msgspec.structs.replace(file, case="role/none/f32")
    corpus = {folder: msgspec.structs.replace(CORPUS[folder], files=(gone,))}
    words = "there is no case 'role/none/f32' now: its id must not change"
    assert failures(found(corpus)) == [("oracle-1/dat/role/none/f32.dat", "its case", Kind.NAMES, words)]


def test_a_library_that_refuses_what_it_wrote_is_seen(
    found: Callable[..., list[Finding]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, case: Case, entries: StateDict) -> None:
        raise RuntimeError("no")

    side = PYTHON[Format.SAFETENSORS]._replace(write=refuse)
    monkeypatch.setitem(PYTHON, Format.SAFETENSORS, side)  # pyright: ignore[reportArgumentType]
    ((_, what, kind, detail),) = failures(found(part("role/both/f32", Format.SAFETENSORS)))
    assert (what, kind, detail) == ("written by safetensors", Kind.REFUSED, "RuntimeError: no")


def test_a_save_that_changes_what_it_saves_is_seen_though_the_bytes_are_golden(
    found: Callable[..., list[Finding]], keeper: PeerKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = GoldenCase.write

    def violating(case: GoldenCase, route: str) -> tuple[Verdict, Path]:
        return Verdict(Kind.BITS, ".NET changed what it must leave as it is"), write(case, route)[1]

    monkeypatch.setattr(GoldenCase, "write", violating)
    ((_, what, kind, _),) = failures(found(part("role/both/f32", Format.DAT), keeper))
    assert (what, kind) == ("written by TorchSharp (dat)", Kind.BITS)


def test_a_peer_that_dies_is_the_reader_s_verdict(
    found: Callable[..., list[Finding]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise PeerDied(Kind.CRASH, "it died", "")

    monkeypatch.setattr(GoldenCase, "read", die)
    verdicts = {(each.what, each.verdict.kind) for each in found(part("shape/0-d/f32", Format.SAFETENSORS))}
    assert ("read by PyBridge (pybridge-safetensors)", Kind.CRASH) in verdicts
