"""What is made of the entries, beside judging by them."""

from __future__ import annotations

from tscompat.verdicts.entries import newest_versions
from verdicts.entry import SCRIPT, divergence


def test_the_newest_version_of_each_package_is_found_by_its_numbers() -> None:
    entries = {
        name: divergence(name, versions).entry
        for name, versions in {
            "one": ("TorchSharp 0.107.0", "torch 2.9"),
            "two": ("TorchSharp 0.99.1", "torch 2.13"),
            "three": ("TorchSharp 0.107.1", SCRIPT),
        }.items()
    }
    name, digest = SCRIPT.split()
    assert newest_versions(entries) == {"TorchSharp": "0.107.1", "torch": "2.13", name: digest}
