"""What each route does with a file's tensors, in the real TorchSharp; each transfer can fail."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec import structs

from samples import random_entry, to_torch
from tscompat.dotnet_side.cache import Publish
from tscompat.files.item import Item, ModelFileError
from tscompat.values.dtypes import DTYPES
from tscompat.verbs.verify import RouteFound, Verified, verify
from tscompat.verbs.verify import transfers as room
from tscompat.verbs.verify.document import Transfer
from verbs.items import entry, write

DAT, SAFETENSORS, PICKLE = (route.name for route in room.ROUTES)


def kinds(found: Verified) -> dict[tuple[str, str], tuple[str, str]]:
    """The kinds of both verdicts, by route and by what it was given."""
    return {(each.route, each.file): (each.to_dotnet.kind, each.to_python.kind) for each in found.routes}


def by(found: Verified, route: str) -> RouteFound:
    return next(each for each in found.routes if each.route == route)


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A file of two tensors, as torch.save writes it."""
    torch.save({"fc.weight": torch.rand(3, 4), "steps": torch.tensor(7)}, tmp_path / "plain.pth")
    return tmp_path / "plain.pth"


def test_a_plain_file_arrives_by_all_routes(plain: Path, publish: Publish) -> None:
    found = verify(plain)
    assert (found.outcome, kinds(found)) == (
        "arrives",
        {
            (DAT, ".dat"): ("pass", "pass"),
            (SAFETENSORS, ".safetensors"): ("pass", "pass"),
            (PICKLE, "plain.pth"): ("pass", "pass"),
        },
    )


def test_every_dtype_arrives_as_dat(tmp_path: Path, publish: Publish) -> None:
    torch.save(to_torch([random_entry(dtype.name, dtype) for dtype in DTYPES]), tmp_path / "a.pth")
    found = verify(tmp_path / "a.pth")
    assert kinds(found)[DAT, ".dat"] == ("pass", "pass")


def test_what_a_route_cannot_hold_is_stated(tmp_path: Path, publish: Publish) -> None:
    torch.save({"w": torch.ones(2, dtype=torch.complex32)}, tmp_path / "a.pth")
    found = by(verify(tmp_path / "a.pth"), SAFETENSORS)
    assert found.to_dotnet.kind == found.to_python.kind == "refused"
    assert "complex32 does not exist in safetensors" in found.to_dotnet.detail


def test_what_torchsharp_cannot_hold_reaches_it_by_no_route(tmp_path: Path, publish: Publish) -> None:
    torch.save({"w": torch.ones(2).to(torch.float8_e5m2)}, tmp_path / "a.pth")
    found = verify(tmp_path / "a.pth")
    assert found.outcome == "differs"
    assert {each.to_dotnet.kind for each in found.routes} == {"refused"}
    assert "float8_e5m2 has no code in a .dat" in found.routes[0].to_dotnet.detail


def test_a_nested_checkpoint_is_tried_as_it_is_and_converted(tmp_path: Path, publish: Publish) -> None:
    torch.save({"model": {"w": torch.ones(2)}, "epoch": 3}, tmp_path / "a.pth")
    found = kinds(verify(tmp_path / "a.pth"))
    assert (found[PICKLE, "a.pth"][0], found[PICKLE, ".pth"]) == ("refused", ("pass", "pass"))


def test_a_file_of_torchsharp_is_loaded_as_it_is(tmp_path: Path, publish: Publish) -> None:
    write(tmp_path / "a.dat", entry("w", [1, 2]))
    assert kinds(verify(tmp_path / "a.dat"))[DAT, "a.dat"] == ("pass", "pass")


def test_a_file_of_one_tensor(tmp_path: Path, publish: Publish) -> None:
    torch.save(torch.rand(3), tmp_path / "a.pth")
    found = verify(tmp_path / "a.pth")
    assert (found.outcome, kinds(found)) == ("arrives", {(room.SINGLE[0].name, ".dat"): ("pass", "pass")})
    assert found.code[-1] == 'var tensor = Tensor.Load("a.dat");'


def test_options_of_convert_choose_the_tensors(plain: Path, publish: Publish) -> None:
    found = verify(plain, skip=["steps"], rename=[("^fc", "head")])
    assert (found.tensors, found.outcome) == (1, "arrives")
    assert found.code[0] == f"// tscompat convert {plain} plain.dat --skip steps --rename '^fc=head'"


def _with_another_bit(target: Path, items: Sequence[Item], *, single: bool = False) -> None:
    """Write the items, and change the last byte of what is no expected file."""
    _write(target, items, single=single)
    if target.name.startswith("artifact"):
        target.write_bytes(target.read_bytes()[:-1] + b"\x7f")


_write = room.write


def test_a_bit_that_changes_on_the_way_to_dotnet_is_seen(
    plain: Path, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "write", _with_another_bit)
    assert kinds(verify(plain))[SAFETENSORS, ".safetensors"] == ("bits", "pass")


def test_a_bit_that_changes_on_the_way_back_is_seen(
    plain: Path, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: Any = room.__dict__["read"]

    def other(path: Path, *rest: Any) -> Any:
        path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
        return read(path, *rest)

    monkeypatch.setattr(room, "read", other)
    assert kinds(verify(plain))[DAT, ".dat"] == ("pass", "bits")


def test_a_name_that_is_lost_on_the_way_back_is_seen(
    plain: Path, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: Any = room.__dict__["read"]

    def other(path: Path, *rest: Any) -> Any:
        model = read(path, *rest)
        return model._replace(contents=model.contents[1:])

    monkeypatch.setattr(room, "read", other)
    assert kinds(verify(plain))[DAT, ".dat"] == ("pass", "names")


def test_what_is_saved_and_cannot_be_read_is_seen(
    plain: Path, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(path: Path, *rest: Any) -> Any:
        raise ModelFileError(f"{path}: damaged")

    monkeypatch.setattr(room, "read", damaged)
    found = by(verify(plain), DAT).to_python
    assert (found.kind, found.detail) == ("bytes", "the file: damaged")


def test_without_dotnet_nothing_is_decided(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    found = verify(plain)
    assert (found.outcome, found.routes, found.code) == ("undecided", (), ())
    assert found.notes[-1].startswith("TorchSharp was not asked: there is no dotnet on PATH")


def test_what_is_not_saved_back_does_not_arrive(plain: Path, publish: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    real = room.Transfers.by

    def lost(self: room.Transfers, *arguments: Any) -> RouteFound:
        return structs.replace(real(self, *arguments), to_python=Transfer(kind="refused", detail="no room"))

    monkeypatch.setattr(room.Transfers, "by", lost)
    assert verify(plain).outcome == "differs"
