"""The key of an environment."""

from typing import Any

import msgspec
import pytest

from records import ENVIRONMENT, ZEROS
from tscompat.results.environment import Library, names_of

OTHER = Library(version="0.1", sha256=ZEROS)
SAME_VERSION = Library(version="2.10.0", sha256=ZEROS.replace("0", "1"))


@pytest.mark.parametrize(
    "change",
    [
        {"platform": "windows-amd64"},
        {"device": "NVIDIA H100"},
        {"torch": OTHER},
        {"torchsharp": OTHER},
        {"libtorch": SAME_VERSION},
        {"libtorchsharp": OTHER.sha256.replace("0", "2")},
        {"scripts": {"exportsd": ZEROS}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_of_what_identifies_it_is_another_key(change: dict[str, Any]) -> None:
    assert msgspec.structs.replace(ENVIRONMENT, **change).key != ENVIRONMENT.key


def test_another_machine_of_the_kind_has_the_same_key() -> None:
    assert msgspec.structs.replace(ENVIRONMENT, cpus=64, system="Debian").key == ENVIRONMENT.key


def test_the_order_of_the_scripts_does_not_matter() -> None:
    one, other = (dict.fromkeys(names, ZEROS) for names in (("importsd", "exportsd"), ("exportsd", "importsd")))
    assert (
        msgspec.structs.replace(ENVIRONMENT, scripts=one).key == msgspec.structs.replace(ENVIRONMENT, scripts=other).key
    )


def test_what_runs_is_named_as_divergences_name_it() -> None:
    script = "sha256:" + 64 * "1"
    environment = msgspec.structs.replace(ENVIRONMENT, scripts={"exportsd": script})
    assert sorted(environment.running) == [
        *("TorchSharp 0.107.0", "TorchSharp.PyBridge 1.4.4", f"exportsd {script}"),
        *("libtorch 2.10.0", "safetensors 0.8", "torch 2.13"),
    ]


def test_without_dotnet_none_of_its_packages_runs() -> None:
    alone = msgspec.structs.replace(ENVIRONMENT, dotnet=None, torchsharp=None, libtorch=None, libtorchsharp=None)
    assert sorted(alone.running) == ["safetensors 0.8", "torch 2.13"]


def test_what_follows_a_plus_is_no_other_torchsharp() -> None:
    local = msgspec.structs.replace(ENVIRONMENT, torchsharp=Library(version="0.107.0+mine", sha256=ZEROS))
    assert "TorchSharp 0.107.0" in local.running


NEW = Library(version="0.108.0-dev", sha256=ZEROS)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"torchsharp": NEW}, ["TorchSharp 0.107.0", "TorchSharp 0.108.0-dev"]),
        (
            {"torchsharp": NEW, "libtorch": OTHER},
            ["TorchSharp 0.107.0, libtorch 2.10.0", "TorchSharp 0.108.0-dev, libtorch 0.1"],
        ),
        ({"torchsharp": None}, ["TorchSharp 0.107.0", "no TorchSharp"]),
        ({"torch": OTHER}, ["torch 2.13.0+cpu", "torch 0.1"]),
        ({"platform": "windows-amd64"}, ["linux-x86_64", "windows-amd64"]),
        ({"device": "NVIDIA H100"}, ["cpu", "NVIDIA H100"]),
        ({"device": "cuda", "python": "3.14.0"}, ["cpu, Python 3.11", "cuda, Python 3.14"]),
    ],
    ids=lambda change: ",".join(change),
)
def test_environments_are_named_by_what_differs(change: dict[str, Any], names: list[str]) -> None:
    both = [ENVIRONMENT, msgspec.structs.replace(ENVIRONMENT, **change)]
    assert [*names_of({each.key: each for each in both}).values()] == names


def test_environments_that_differ_in_a_hash_alone_are_named_by_their_keys() -> None:
    both = [ENVIRONMENT, msgspec.structs.replace(ENVIRONMENT, libtorch=SAME_VERSION)]
    assert names_of({each.key: each for each in both}) == {each.key: f"environment ({each.key})" for each in both}


def test_names_that_are_not_distinct_get_their_keys() -> None:
    other = msgspec.structs.replace(ENVIRONMENT, device="cuda")
    three = [ENVIRONMENT, msgspec.structs.replace(ENVIRONMENT, libtorch=SAME_VERSION), other]
    names = [f"cpu ({three[0].key})", f"cpu ({three[1].key})", f"cuda ({three[2].key})"]
    assert [*names_of({each.key: each for each in three}).values()] == names


SUITE = f"sha256:{64 * '1'}"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tscompat": "0.2.0"}, "torchsharp-compat 0.1.0 and 0.2.0"),
        ({"suite": SUITE}, "suite sha256:00000000 and sha256:11111111"),
        ({"python": "3.14.0"}, "Python 3.11.2 and 3.14.0"),
        ({"numpy": "9"}, "numpy 2.4.0 and 9"),
        ({"safetensors": "9"}, "safetensors 0.8.0 and 9"),
        ({"torchvision": "9"}, "torchvision 0.28.0 and 9"),
        ({"dotnet": None}, "TorchSharp.PyBridge 1.4.4 and None, .NET 8.0.0 and None"),
    ],
    ids=lambda each: ",".join(each) if isinstance(each, dict) else "",  # pyright: ignore
)
def test_facts_by_which_a_suite_decides_differ(change: dict[str, Any], words: str) -> None:
    other = msgspec.structs.replace(ENVIRONMENT, **change)
    assert ENVIRONMENT.differs(other) == words


@pytest.mark.parametrize("change", [{"cpus": 9}, {"memory_bytes": 1}, {"system": "other"}, {"again": "other"}])
def test_another_machine_decides_the_same(change: dict[str, Any]) -> None:
    assert ENVIRONMENT.differs(msgspec.structs.replace(ENVIRONMENT, **change)) == ""
