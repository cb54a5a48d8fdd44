"""What the gate makes of golden files: by the real readers and writers, and by writers that have changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import msgspec
import pytest

from tscompat.catalogue import Case, load_catalogue
from tscompat.codec import encode_optimizer, encode_state_dict, encode_tensor, read_state_dict
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
from tscompat.python_side import torch_optimizers, torch_tensors
from tscompat.python_side.scripts import Script
from tscompat.resources.folders import data_folder
from tscompat.values.tensors import Entry, StateDict
from tscompat.values.verdict import PASS, Kind, Verdict
from tscompat.verdicts.divergences import Divergences, Outcome

RUNNING = ["TorchSharp 0.107.0", "TorchSharp.PyBridge 1.4.4", "libtorch 2.10.0", "torch 2.13", "safetensors 0.8"]
IMPORTSD = "importsd sha256:005c54d884745090fe81f9cb51f411f06d9f8b5aafd19e66b220d3218efd981d"
DIVERGENCES = Divergences.load(data_folder("cases") / "divergences", [*RUNNING, IMPORTSD])
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
    def found(
        corpus: dict[Path, Manifest], peer: Any = None, scripts: dict[str, Script] | None = None, text: str = ""
    ) -> list[Finding]:
        return list(check(corpus, CASES, DIVERGENCES, peer or WithoutDotnet(), tmp_path, scripts, text))

    return found


def failures(findings: list[Finding]) -> list[tuple[str, str, Kind, str]]:
    failed = [each for each in findings if each.judgement.outcome is Outcome.FAILED]
    return [(each.golden.name, each.what, each.verdict.kind, each.verdict.detail) for each in failed]


def small(form: Format) -> dict[Path, Manifest]:
    """The golden files with which the readers of a format are proven."""
    return part("optim/adamax/f32" if form is Format.OPTIMIZER else "shape/0-d/f32", form)


@pytest.mark.parametrize("form", Format)
def test_the_real_readers_and_writers_pass(
    found: Callable[..., list[Finding]], keeper: PeerKeeper, form: Format
) -> None:
    findings = found(small(form), keeper)
    assert failures(findings) == []
    scripts = {each.what for each in findings if each.verdict.kind is Kind.NOT_RUN}
    assert scripts <= {"read by importsd", "written by exportsd"}
    assert {each.verdict.kind for each in findings if each.what not in scripts} == {Kind.PASS}


def test_every_reader_reads_each_file_and_every_writer_writes_its_own(
    found: Callable[..., list[Finding]], keeper: PeerKeeper
) -> None:
    done = sorted((each.golden.manifest.writer, each.what) for each in found(part("role/both/f32", Format.DAT), keeper))
    routes = ("dat", "dat-state-dict", "dat-stream", "dat-writer")
    reads = ["read by oracle", "read by importsd", *(f"read by TorchSharp ({route})" for route in routes)]
    assert [what for writer, what in done if writer == "oracle"] == sorted([*reads, "written by oracle"])
    assert [what for writer, what in done if writer == "TorchSharp"] == sorted([*reads, "written by TorchSharp (dat)"])
    assert [what for writer, what in done if writer == "exportsd"] == ["written by exportsd"]


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
    words = f"the file, end at byte 0x5d {MORE}"
    file = "oracle-1/dat/role/both/f32.dat"
    assert failures(found(part("role/both/f32", Format.DAT))) == [(file, "written by oracle", Kind.BYTES, words)]


MORE = "(FORMAT 1.5 file.trailing): nothing expected, 6 bytes more found"
BEHIND = {
    **dict.fromkeys((Format.DAT, Format.TENSOR, Format.OPTIMIZER), MORE),
    Format.SAFETENSORS: "6 bytes too many after byte",
}
"""What is said of a footer of six bytes. A reader would refuse it in other words, or overlook it."""


@pytest.mark.parametrize("form", BEHIND)
def test_of_these_formats_the_bytes_of_what_python_writes_are_compared(
    found: Callable[..., list[Finding]], monkeypatch: pytest.MonkeyPatch, form: Format
) -> None:
    changed_writer(monkeypatch, form, lambda data: data + b"footer")
    ((file, what, kind, detail),) = failures(found(small(form)))
    assert (what, kind) == (f"written by {PYTHON[form].writer}", Kind.BYTES)
    assert (file.startswith(PYTHON[form].writer), BEHIND[form] in detail) == (True, True)


@pytest.mark.parametrize("form", BEHIND)
def test_of_these_formats_the_bytes_of_what_dotnet_writes_are_compared(
    found: Callable[..., list[Finding]], keeper: PeerKeeper, monkeypatch: pytest.MonkeyPatch, form: Format
) -> None:
    write = GoldenCase.write

    def with_footer(case: GoldenCase, form: Format, route: str) -> tuple[Verdict, Path]:
        verdict, file = write(case, form, route)
        file.write_bytes(file.read_bytes() + b"footer")
        return verdict, file

    monkeypatch.setattr(GoldenCase, "write", with_footer)
    ((_, what, kind, detail),) = failures(found(small(form), keeper))
    assert what.startswith(("written by TorchSharp (", "written by PyBridge ("))
    assert (kind, BEHIND[form] in detail) == (Kind.BYTES, True)


def test_a_finding_has_the_file_that_was_written_and_a_reader_s_has_none(
    found: Callable[..., list[Finding]], tmp_path: Path
) -> None:
    findings = {each.what: each.written for each in found(part("role/both/f32", Format.DAT))}
    assert findings["read by oracle"] is None
    assert findings["written by TorchSharp (dat)"] is None  # without .NET nothing was written
    written = findings["written by oracle"]
    assert written
    assert written.read_bytes() == (golden_folder() / "oracle-1/dat/role/both/f32.dat").read_bytes()


def test_the_file_of_an_earlier_case_is_not_taken_for_one_that_was_written_now(
    found: Callable[..., list[Finding]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(path: Path, case: Case, entries: StateDict) -> None:
        raise RuntimeError("no")

    (tmp_path / "python.written").write_bytes(b"earlier")
    side = PYTHON[Format.SAFETENSORS]._replace(write=refuse)
    monkeypatch.setitem(PYTHON, Format.SAFETENSORS, side)  # pyright: ignore[reportArgumentType]
    findings = found(part("role/both/f32", Format.SAFETENSORS))
    assert [each.written for each in findings if each.what == "written by safetensors"] == [None]


def test_a_reader_that_returns_another_order_is_seen(
    found: Callable[..., list[Finding]], monkeypatch: pytest.MonkeyPatch
) -> None:
    side = PYTHON[Format.DAT]

    def read(path: Path, expected: StateDict) -> StateDict:
        return side.read(path, expected)[::-1]

    monkeypatch.setitem(PYTHON, Format.DAT, side._replace(read=read))  # pyright: ignore[reportArgumentType]
    failed = failures(found(part("order/nested/f32", Format.DAT)))
    assert {(what, kind) for _, what, kind, _ in failed} == {("read by oracle", Kind.ORDER)}
    assert len(failed) == 2  # of TorchSharp's file, which has an order of its own, and of the oracle's


def test_only_the_files_with_a_text_in_their_path_are_checked(found: Callable[..., list[Finding]]) -> None:
    corpus = part("role/both/f32", Format.DAT, Format.PICKLE)
    assert {each.golden.name for each in found(corpus, text="oracle-1/dat")} == {"oracle-1/dat/role/both/f32.dat"}
    with pytest.raises(GoldenError, match="no golden file has 'role/none' in its path"):
        found(corpus, text="role/none")


def test_a_part_is_proven_by_the_file_of_the_proof_too(
    found: Callable[..., list[Finding]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(path: Path, expected: StateDict) -> StateDict:
        return list(expected)

    monkeypatch.setitem(PYTHON, Format.DAT, PYTHON[Format.DAT]._replace(read=read))  # pyright: ignore[reportArgumentType]
    with pytest.raises(GoldenError, match="dat, read by oracle: one byte of a file was changed"):
        found(CORPUS, text="role/both/f32")


def a_script(**functions: Callable[..., Any]) -> Script:
    """A double of a script of upstream's, with these functions."""
    module: Any = SimpleNamespace(**functions)
    return Script(Path("script.py"), "", module)


def save_adamax(optimizer: Any, stream: BinaryIO) -> None:
    record = torch_optimizers.record_of("Adamax", optimizer.state_dict())
    stream.write(b"".join(encode_optimizer(record)))


def save_state_dict(state: dict[str, Any], stream: BinaryIO) -> None:
    stream.write(b"".join(encode_state_dict(torch_tensors.export(state))))


def write_tensor(tensor: Any, file: str) -> None:
    Path(file).write_bytes(b"".join(encode_tensor(torch_tensors.from_torch(tensor))))


EXPORTSD = {
    Format.DAT: {"save_state_dict": save_state_dict},
    Format.TENSOR: {"write_tensor": write_tensor},
    Format.OPTIMIZER: {"save_adamax": save_adamax},
}


def by_exportsd(found: Callable[..., list[Finding]], form: Format, script: Script) -> Finding:
    findings = found(small(form), scripts={"exportsd": script})
    (finding,) = (each for each in findings if each.golden.manifest.writer is Writer.EXPORTSD)
    return finding


@pytest.mark.parametrize("form", EXPORTSD)
def test_a_script_that_writes_the_golden_hash_passes(found: Callable[..., list[Finding]], form: Format) -> None:
    assert by_exportsd(found, form, a_script(**EXPORTSD[form])).verdict is PASS


def test_a_script_that_writes_other_bytes_is_named_with_the_field(found: Callable[..., list[Finding]]) -> None:
    def with_footer(state: dict[str, Any], stream: BinaryIO) -> None:
        save_state_dict(state, stream)
        stream.write(b"footer")

    finding = by_exportsd(found, Format.DAT, a_script(save_state_dict=with_footer))
    assert (finding.verdict.kind, finding.verdict.detail) == (Kind.BYTES, f"the file, end at byte 0xe {MORE}")
    assert finding.judgement.outcome is Outcome.FAILED
    assert finding.written
    assert finding.written.read_bytes().endswith(b"footer")


def test_a_script_that_raises_is_refused(found: Callable[..., list[Finding]]) -> None:
    def no(*_: object) -> None:
        raise KeyError("no")

    finding = by_exportsd(found, Format.DAT, a_script(save_state_dict=no))
    assert (finding.verdict.kind, finding.verdict.detail) == (Kind.REFUSED, "KeyError: 'no'")
    assert finding.judgement.outcome is Outcome.FAILED


def load_state_dict(stream: BinaryIO) -> dict[str, Any]:
    entries = read_state_dict(stream.name)
    return {name: torch_tensors.to_torch(tensor) for name, tensor in entries}


def by_importsd(found: Callable[..., list[Finding]], case: str, read: Callable[[BinaryIO], Any]) -> list[Finding]:
    findings = found(part(case, Format.DAT), scripts={"importsd": a_script(load_state_dict=read)})
    return [each for each in findings if each.what == "read by importsd"]


def test_importsd_reads_the_files_of_the_oracle_and_of_torchsharp(found: Callable[..., list[Finding]]) -> None:
    done = by_importsd(found, "order/nested/f32", load_state_dict)
    assert [(each.golden.manifest.writer, each.verdict) for each in done] == [("TorchSharp", PASS), ("oracle", PASS)]


def test_importsd_is_held_to_the_order_of_the_file(found: Callable[..., list[Finding]]) -> None:
    done = by_importsd(found, "order/nested/f32", lambda stream: dict(reversed(load_state_dict(stream).items())))
    assert [each.verdict.kind for each in done] == 2 * [Kind.ORDER]


def test_what_importsd_is_known_to_refuse_is_expected(found: Callable[..., list[Finding]]) -> None:
    def refuse(stream: BinaryIO) -> None:
        raise TypeError("'NotImplementedType' object is not callable")

    known = by_importsd(found, "role/both/bf16", refuse)
    assert {each.judgement.divergence for each in known} == {"importsd-eight-types"}
    new = by_importsd(found, "role/both/f32", refuse)
    assert {each.judgement.outcome for each in new} == {Outcome.FAILED}


def test_a_fault_of_torchsharp_s_writer_is_not_expected_where_importsd_reads_a_golden_file(
    found: Callable[..., list[Finding]],
) -> None:
    """The matrix's id has 'tied-in-one-module', which is about the file that TorchSharp writes there."""
    (done,) = by_importsd(found, "tied/flat/f32", load_state_dict)
    assert (done.verdict, done.judgement.outcome) == (PASS, Outcome.PASSED)


def test_importsd_is_proven_to_read(found: Callable[..., list[Finding]]) -> None:
    def stale(stream: BinaryIO) -> Any:
        (entry,) = read_state_dict(golden_folder() / "oracle-1/dat/shape/0-d/f32.dat")
        return {entry.name: torch_tensors.to_torch(entry.tensor)}

    with pytest.raises(GoldenError, match="dat, read by importsd: one byte of a file was changed"):
        by_importsd(found, "shape/0-d/f32", stale)


def test_without_a_script_it_is_not_run_and_the_reason_is_given(found: Callable[..., list[Finding]]) -> None:
    findings = found(small(Format.DAT))
    reasons = {each.what: each.verdict.detail for each in findings if each.what.endswith("sd")}
    assert reasons == {"read by importsd": "no path to importsd.py", "written by exportsd": "no path to exportsd.py"}


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
    *(("dat", route) for route in ("oracle", "dat", "dat-stream", "dat-writer", "dat-state-dict", "importsd")),
    *(("optimizer", route) for route in ("oracle", "optimizer", "optimizer-writer")),
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
            form, reader = purpose.removeprefix("proof of ").split(", read by ")
            proven.add((form, reader.rpartition("(")[2].rstrip(")")))
        return start(self, purpose)

    monkeypatch.setattr(PeerKeeper, "start", noting)
    found(part("shape/0-d/f32", *Format), keeper)
    found(small(Format.OPTIMIZER), keeper)
    assert proven == READERS


@pytest.mark.parametrize("form", Format)
def test_a_reader_in_python_that_does_not_read_is_found_out(
    found: Callable[..., list[Finding]], monkeypatch: pytest.MonkeyPatch, form: Format
) -> None:
    def read(path: Path, expected: StateDict) -> StateDict:
        return list(expected)

    monkeypatch.setitem(PYTHON, form, PYTHON[form]._replace(read=read))  # pyright: ignore[reportArgumentType]
    with pytest.raises(GoldenError, match=f"{form}, read by .*: one byte of a file was changed, and that was not seen"):
        found(small(form))


@pytest.mark.parametrize(("form", "route"), [(Format.DAT, "dat"), (Format.OPTIMIZER, "optimizer")])
def test_a_reader_in_dotnet_that_does_not_read_is_found_out(
    found: Callable[..., list[Finding]], keeper: PeerKeeper, monkeypatch: pytest.MonkeyPatch, form: Format, route: str
) -> None:
    read = GoldenCase.read

    def other(case: GoldenCase, form: Format, route: str, file: Path) -> Verdict:
        return read(case, form, route, case.folder / "expected.dat")

    monkeypatch.setattr(GoldenCase, "read", other)
    words = rf"{form}, read by TorchSharp \({route}\): one byte of a file was changed, and that was not seen"
    with pytest.raises(GoldenError, match=words):
        found(small(form), keeper)


def test_a_corpus_without_a_writer_is_refused() -> None:
    less = {folder: manifest for folder, manifest in CORPUS.items() if manifest.writer is not Writer.PYBRIDGE}
    with pytest.raises(GoldenError, match="found nothing of PyBridge: take it from git again, or write it"):
        refuse_missing(less, CASES)


@pytest.mark.parametrize(
    ("form", "case"),
    [
        (Format.DAT, "role/both/u8"),
        (Format.TENSOR, "shape/0-d/f32"),
        (Format.OPTIMIZER, "optim/adamax/f32"),
        (Format.PICKLE, "shape/0-d/f32"),
        (Format.TORCHSCRIPT, "shape/0-d/f32"),
        (Format.SAFETENSORS, "shape/0-d/f32"),
    ],
)
def test_a_corpus_without_a_case_is_refused(form: Format, case: str) -> None:
    """Of TorchSharp's own format each is needed, of another the one with which its readers are proven."""
    files = {
        folder: msgspec.structs.replace(
            each, files=tuple(file for file in each.files if (file.format, file.case) != (form, case))
        )
        for folder, each in CORPUS.items()
    }
    with pytest.raises(GoldenError, match=f"found nothing of {form}/{case}"):
        refuse_missing(files, CASES)


@pytest.mark.parametrize(("case", "form"), [("role/both/f32", Format.DAT), ("optim/adamax/f32", Format.OPTIMIZER)])
def test_a_case_whose_bits_have_changed_is_named(found: Callable[..., list[Finding]], case: str, form: Format) -> None:
    corpus = part(case, form)
    folder = golden_folder() / "oracle-1"
    (file,) = corpus[folder].files
    first, *others = file.tensors
    wrong = GoldenTensor(name=first.name, dtype=first.dtype, shape=first.shape, sha256=64 * "0")
    changed: GoldenFile = msgspec.structs.replace(file, tensors=(wrong, *others))
    corpus = {folder: msgspec.structs.replace(corpus[folder], files=(changed,))}
    words = f"the case has other bits now: {first.name!r}"
    assert failures(found(corpus)) == [(f"oracle-1/{form}/{case}.dat", "its case", Kind.BITS, words)]


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

    def violating(case: GoldenCase, form: Format, route: str) -> tuple[Verdict, Path]:
        return Verdict(Kind.BITS, ".NET changed what it must leave as it is"), write(case, form, route)[1]

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
