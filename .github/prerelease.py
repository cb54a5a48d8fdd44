"""Finds the newest pre-release of TorchSharp on a feed, and the libtorch that goes with it. Imports nothing of ours.

    python .github/prerelease.py FEED

``FEED`` is the address of its index.json. Prints ``torchsharp=VERSION`` and ``libtorch=VERSION``, the outputs of a
step; nothing where no pre-release is newer than the newest release.
"""

import json
import re
import sys
from typing import Any
from urllib.request import urlopen


def main(feed: str) -> None:
    """Raises OSError where the feed cannot be read, LookupError where it has no such packages."""
    resources = read(feed)["resources"]
    packages = next(each["@id"] for each in resources if each["@type"] == "PackageBaseAddress/3.0.0").rstrip("/")
    newest = max(read(f"{packages}/torchsharp/index.json")["versions"], key=order)
    if "-" not in newest:
        print(f"no pre-release on {feed} is newer than {newest}", file=sys.stderr)
        return
    with urlopen(f"{packages}/torchsharp-cpu/{newest}/torchsharp-cpu.nuspec") as answer:
        needed = re.search(r'id="libtorch-cpu" version="\D*(\d+\.\d+\.\d+(?:\.[1-9]\d*)?)', answer.read().decode())
    if needed is None:
        raise LookupError(f"torchsharp-cpu {newest} on {feed}: found no dependency on libtorch-cpu")
    print(f"torchsharp={newest}\nlibtorch={needed[1]}")


def read(address: str) -> Any:
    with urlopen(address) as answer:
        return json.load(answer)


def order(version: str) -> tuple[list[int], bool, list[tuple[bool, int, str]]]:
    """NuGet's order: a pre-release comes before its release, a number in its label before a word."""
    numbers, dash, label = version.partition("-")
    parts = [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in label.split(".")]
    return [int(part) for part in numbers.split(".")], not dash, parts


if __name__ == "__main__":
    main(sys.argv[1])
