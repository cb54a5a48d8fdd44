"""A file beside a person's class, which is built in the real TorchSharp: each fault of tests/dotnet is one finding."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dotnet.ports import make
from dotnet_ports import SOURCES, build
from tscompat.dotnet_side.cache import Publish
from tscompat.dotnet_side.errors import PeerBroken
from tscompat.files.item import ModelFileError
from tscompat.verbs.verify import Own, Verified, verification, verify
from tscompat.verbs.verify.listing import LINES

FINDINGS = {
    "Right": [],
    "RenamedLayer": [("renamed", "fc1", "hidden in the class (weight, bias)")],
    "MissingBuffer": [("missing-in-class", "bn.num_batches_tracked", "the class has none")],
    "WrongEps": [],
    "TransposedLinear": [("transposed", "fc2.weight", "[5, 12] in the file, [12, 5] in the class")],
    "OtherOrder": [
        (
            "order",
            "conv.weight",
            "the first is conv.weight in the file and fc2.weight in the class; a load finds tensors by name",
        )
    ],
    "ActivationLeftOut": [],
}
"""What verify finds; parity finds the others."""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("file") / "net.pth"
    torch.save(make().state_dict(), path)
    return path


def beside(file: Path, ports: Path, name: str, arguments: str = "[]") -> Verified:
    return verify(file, own=Own(ports, f"Ports.{name}", arguments))


@pytest.mark.parametrize("name", FINDINGS)
def test_each_fault_is_one_finding(name: str, file: Path, ports: Path, publish: Publish) -> None:
    found = beside(file, ports, name)
    assert found.fit is not None
    assert [(each.what, each.name, each.detail) for each in found.fit.findings] == FINDINGS[name]


@pytest.mark.parametrize("name", ["Right", "WrongEps", "OtherOrder", "ActivationLeftOut"])
def test_what_fits_is_loaded_bit_for_bit(name: str, file: Path, ports: Path, publish: Publish) -> None:
    found = beside(file, ports, name)
    assert (found.outcome, found.fit and found.fit.loaded and found.fit.loaded.kind) == ("arrives", "pass")


def test_with_the_options_a_renamed_layer_is_loaded(file: Path, ports: Path, publish: Publish) -> None:
    found = beside(file, ports, "RenamedLayer")
    assert found.fit is not None
    assert (found.outcome, found.fit.options) == ("differs", (r"--rename '^fc1\.=hidden.'",))
    assert (found.fit.enough, found.fit.loaded and found.fit.loaded.kind) == (True, "pass")


def test_what_cannot_fit_is_not_loaded(file: Path, ports: Path, publish: Publish) -> None:
    found = beside(file, ports, "TransposedLinear")
    assert found.code == ()
    assert (found.outcome, found.fit and found.fit.enough, found.fit and found.fit.loaded) == ("differs", False, None)


def test_options_that_were_given_make_it_fit(file: Path, ports: Path, publish: Publish) -> None:
    own = Own(ports, "Ports.RenamedLayer")
    assert verify(file, own=own, rename=[(r"^fc1\.", "hidden.")]).outcome == "arrives"


def test_a_file_of_another_type_fits_with_a_cast(tmp_path: Path, ports: Path, publish: Publish) -> None:
    torch.save(make().bfloat16().state_dict(), tmp_path / "half.pth")
    found = beside(tmp_path / "half.pth", ports, "Right").fit
    assert found is not None
    assert (found.options, found.enough, found.loaded and found.loaded.kind) == (("--dtype float32",), True, "pass")


def test_arguments_of_the_constructor(file: Path, ports: Path, publish: Publish) -> None:
    found = beside(file, ports, "Right", "[7]")
    assert found.fit is not None
    assert [(each.what, each.name) for each in found.fit.findings] == [("shape", "fc2.weight"), ("shape", "fc2.bias")]


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("My.Net", '[10, true, "a", [3, 3], null]', 'My.Net(10, true, "a", [3, 3], null)'),
        ("My.Outer+Net", "[]", "My.Outer.Net()"),
        ("Net", '[{"width": 3}]', 'Net(/* {"width": 3} */)'),
    ],
)
def test_the_constructor_in_csharp(name: str, arguments: str, words: str) -> None:
    assert Own("a.dll", name, arguments).in_csharp() == words


WRONG: dict[str, tuple[str, str, str]] = {
    "no such class": ("Ports.Wrong", "[]", r"Ports\.dll has no module 'Ports\.Wrong': it has Ports\.Act"),
    "a class that is no module": ("Ports.Listing", "[]", r"Ports\.Listing is .*: give a class that can be"),
    "other arguments": (
        "Right",
        '["a"]',
        r'no constructor of Ports\.Right takes \["a"\]: it has \(int classes = 5, bool',
    ),
    "no JSON": ("Right", "[", r"--args \[: no JSON"),
    "no array": ("Right", "5", r"--args 5: expected a JSON array"),
    "what throws": ("Right", "[-1]", r"cannot be built: .*negative dimension"),
    "what cannot be initialized": (
        "Uninitialized",
        "[]",
        r"Ports\.Uninitialized cannot be initialized: .*FormatException",
    ),
    "what ends the process": (
        "Ends",
        "[]",
        r"\.NET ended when it was built: its process died with .*: .*the end of it",
    ),
    "what exits": ("Ends", '["Exit"]', r"its process died with exit code 0, as after Environment\.Exit$"),
    "what overflows the stack": ("Ends", '["Overflow"]', r"its process died with .*: Stack overflow.*Ends\.Deeper"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_built(what: str, file: Path, ports: Path, publish: Publish) -> None:
    name, arguments, sentence = WRONG[what]
    with pytest.raises(ModelFileError, match=sentence):
        verify(file, own=Own(ports, name, arguments))


def test_a_class_that_asks_a_person_gets_no_answer(file: Path, ports: Path, publish: Publish) -> None:
    assert verify(file, own=Own(ports, "Ends", '["Ask"]')).fit


def test_a_file_that_is_no_assembly(file: Path, publish: Publish) -> None:
    with pytest.raises(ModelFileError, match=r"it is no \.NET assembly"):
        verify(file, own=Own(Path(__file__), "X"))


def test_an_assembly_that_is_not_there(file: Path) -> None:
    with pytest.raises(ModelFileError, match=r"there is no such file: give the \.dll of dotnet build"):
        verify(file, own=Own(Path("none.dll"), "X"))


def test_an_assembly_that_was_built_for_another_torchsharp(file: Path, tmp_path: Path, publish: Publish) -> None:
    older = tmp_path / "older" / "TorchSharp.csproj"
    older.parent.mkdir()
    older.write_text(PROJECT.format(more="<Version>0.106.0</Version>", items=""), encoding="utf-8")
    (older.parent / "A.cs").write_text("namespace TorchSharp; public class A { }", encoding="utf-8")
    port = tmp_path / "port" / "Port.csproj"
    port.parent.mkdir()
    reference = f'<ProjectReference Include="{older}" />'
    port.write_text(PROJECT.format(more="", items=reference), encoding="utf-8")
    (port.parent / "B.cs").write_text("public class B : TorchSharp.A { }", encoding="utf-8")
    with pytest.raises(ModelFileError, match=r"Port was built for TorchSharp 0\.106\.0, and this is 0\.107\.0: give"):
        verify(file, own=Own(build(port, tmp_path / "built"), "B"))


PROJECT = """<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup><TargetFramework>net8.0</TargetFramework>{more}</PropertyGroup>
  <ItemGroup>{items}</ItemGroup>
</Project>
"""


def test_the_lines_that_list_a_state_dict(file: Path, ports: Path, tmp_path: Path, publish: Publish) -> None:
    source = (SOURCES / "Ports" / "Listing.cs").read_text(encoding="utf-8")
    assert [line.strip() for line in LINES] == [line.strip() for line in source.splitlines()][10:13]
    script = (
        "import sys; from pathlib import Path; from tscompat.dotnet_side.inside import clr\n"
        "clr.load(Path(sys.argv[1]))\n"
        "from System.Reflection import Assembly\n"
        "Assembly.LoadFrom(sys.argv[2]); from Ports import Listing, RenamedLayer; Listing.Write(RenamedLayer())"
    )
    subprocess.run(
        [sys.executable, "-c", script, str(publish.folder), str(ports)], cwd=tmp_path, env={**os.environ}, check=True
    )
    found = verify(file, listed=tmp_path / "listing.txt").fit
    assert found is not None
    assert [(each.what, each.name) for each in found.findings] == [("renamed", "fc1")]


def test_a_class_that_could_not_be_asked_for_decides_nothing(
    file: Path, ports: Path, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object) -> None:
        raise PeerBroken("the peer refused")

    monkeypatch.setattr(verification, "_schema", broken)
    found = beside(file, ports, "Right")
    assert (found.outcome, found.notes[-1]) == ("undecided", "TorchSharp was not asked: the peer refused")
