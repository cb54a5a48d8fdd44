"""The report of a known divergence has all that is filed upstream."""

from __future__ import annotations

import platform
import re
from typing import Any

import jinja2
import msgspec
import pytest

from tscompat.resources.folders import data_folder
from tscompat.results.divergence_report import EXPECTED, divergence_report
from tscompat.results.templates import filled
from tscompat.values.verdict import Kind
from tscompat.verdicts.coverage import Row, read_covered
from tscompat.verdicts.entries import DIFFERENT, Entry, Reproduction, read_entries
from verdicts.entry import CAUSE, VERSION, divergence

FOLDER = data_folder("cases") / "divergences"
ENTRIES, WRITTEN = read_entries(FOLDER), read_covered(FOLDER)
COVERED = {"no-c32": [Row(Kind.REFUSED, {"dat": 1, "tensor": 2}), Row(Kind.BYTES, {"dat": 4})]}
VERSIONS = {"TorchSharp": "0.107.0", "exportsd": "sha256:0"}


def report(entry: Entry | None = None) -> str:
    return divergence_report("no-c32", entry or divergence().entry, COVERED, VERSIONS)


def test_the_title_is_the_first_sentence_of_the_cause() -> None:
    assert report().startswith("# TorchSharp has no complex32\n\n" + CAUSE + "\n")


def test_it_states_where_the_fault_is_and_in_which_versions() -> None:
    assert "\nsrc/TorchSharp/Tensor/torch.ScalarType.cs: the member is commented out\n" in report()
    assert f"## Versions\n\n* {VERSION}\n" in report()


def test_the_code_stands_in_a_fenced_block_with_its_imports() -> None:
    (block,) = re.findall(r"```csharp\n(.*?)\n```", report(), re.DOTALL)
    assert block.splitlines()[0] == "using System.IO.Compression;"
    assert block.endswith("\n\nzeros(1, (ScalarType)8);")


def test_what_the_code_shows_stands_in_a_block_as_it_may_have_backquotes() -> None:
    assert "\n```\nnot supported\n```\n" in report()


def test_the_verdicts_of_all_tables_are_counted_by_route() -> None:
    assert "7 verdicts, by route:\n\n* dat: 5\n* tensor: 2\n" in report()


def test_an_entry_whose_ids_were_not_counted_has_none() -> None:
    assert "0 verdicts, by route:" in divergence_report("new", divergence().entry, COVERED, VERSIONS)


def test_the_environment_has_packages_and_no_hashes() -> None:
    assert report().endswith(f"## Environment\n\n* TorchSharp 0.107.0\n* {platform.platform()}\n")


def test_an_issue_is_named_and_where_there_is_none_no_line_is() -> None:
    issue = "https://github.com/dotnet/TorchSharp/issues/1"
    assert f"Reported as {issue}." in report(msgspec.structs.replace(divergence().entry, issue=issue))
    assert "Reported" not in report()


def test_it_states_what_is_expected_instead_of_each_kind() -> None:
    assert f"## Expected\n\n* {EXPECTED[Kind.REFUSED]}\n\n" in report()
    assert {kind.value for kind in EXPECTED} == set(DIFFERENT)


def test_all_of_a_report_stands_in_its_place_and_nothing_is_escaped() -> None:
    entry = msgspec.structs.replace(
        divergence().entry,
        cause="It has 1 < X.  Both\nare & stay.",
        issue="https://github.com/dotnet/TorchSharp/issues/1",
        versions=frozenset({"torch 2.13"}),
        reproduction=Reproduction(python="\nprint(1)\n", shows="1"),
    )
    assert divergence_report("no-c32", entry, COVERED, VERSIONS).splitlines() == [
        "# It has 1 < X",
        "",
        "It has 1 < X.  Both",
        "are & stay.",
        "",
        "Reported as https://github.com/dotnet/TorchSharp/issues/1.",
        "",
        "## Expected",
        "",
        "* No exception, as in PyTorch.",
        "",
        "## Where",
        "",
        "src/TorchSharp/Tensor/torch.ScalarType.cs: the member is commented out",
        "",
        "## Versions",
        "",
        "* torch 2.13",
        "",
        "## Reproduction",
        "",
        "```python",
        "import torch",
        "from safetensors.torch import load_file, save_file",
        "",
        "print(1)",
        "```",
        "",
        "As long as the fault is there, what the last piece prints has a match of this regular expression:",
        "",
        "```",
        "1",
        "```",
        "",
        "## Where it was seen",
        "",
        "torchsharp-compat declares it as `no-c32`: 7 verdicts, by route:",
        "",
        "* dat: 5",
        "* tensor: 2",
        "",
        "## Environment",
        "",
        "* TorchSharp 0.107.0",
        f"* {platform.platform()}",
    ]


def test_a_value_that_a_template_lacks_is_an_error() -> None:
    entry = divergence().entry
    values: dict[str, Any] = {
        "entry": entry,
        "expected": [],
        "pieces": [],
        "routes": [],
        "versions": {},
        "system": "",
        "name": "",
    }
    with pytest.raises(jinja2.UndefinedError, match="'title' is undefined"):
        filled("divergence.md.jinja", **values)


@pytest.mark.parametrize("name", ENTRIES)
def test_every_entry_has_a_report_without_empty_parts(name: str) -> None:
    made = divergence_report(name, ENTRIES[name], WRITTEN, VERSIONS)
    assert not re.search(r"\n\n\n|^## .*\n\n##|```\w+\n```", made, re.MULTILINE)
