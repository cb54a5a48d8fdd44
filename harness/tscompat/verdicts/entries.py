"""Reads the entries of ``cases/divergences/``. Their JSON Schema is made from the classes here.

May import values, resources.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from tscompat.resources.documents import read_document
from tscompat.resources.whole import write_whole
from tscompat.values.verdict import Kind

from .versions import order

Name = Annotated[str, Meta(pattern="^[a-z0-9]+(-[a-z0-9]+)*$")]
Words = Annotated[str, Meta(pattern=r"\S")]
Pattern = Annotated[str, Meta(pattern="^[A-Za-z0-9./+*-]+$")]
Patterns = Annotated[tuple[Pattern, ...], Meta(min_length=1, extra_json_schema={"uniqueItems": True})]
Fault = Annotated[str, Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*( \S+)*$")]
Regex = Annotated[str, Meta(extra_json_schema={"format": "regex"})]
Issue = Annotated[str, Meta(pattern="^https://github.com/[^/]+/[^/]+/(issues|pull)/[0-9]+$")]
Version = Annotated[
    str,
    Meta(
        pattern=r"^(((TorchSharp|TorchSharp\.PyBridge|libtorch) [0-9]+\.[0-9]+\.[0-9]+\S*)"
        r"|((torch|safetensors) [0-9]+\.[0-9]+)|((exportsd|importsd) sha256:[0-9a-f]{64}))$"
    ),
]
Language = Literal["python", "csharp"]
BEFORE: Mapping[Language, str] = {
    "python": """\
import torch
from safetensors.torch import load_file, save_file

""",
    "csharp": """\
using System.IO.Compression;
using TorchSharp;
using TorchSharp.Modules;
using TorchSharp.PyBridge;
using static TorchSharp.torch;

""",
}
"""The imports that are put before each piece of a reproduction. Those of C# go with .NET's implicit usings."""
DIFFERENT = [kind.value for kind in Kind if kind not in (Kind.PASS, Kind.NOT_RUN)]


class Expected(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table ``expect`` of an entry: verdicts of one kind that the entry expects."""

    kind: Annotated[Kind, Meta(description="What happens.", extra_json_schema={"enum": DIFFERENT})]
    ids: Annotated[Patterns, Meta(description="Patterns over verdict ids; * stands for any characters, / too.")]
    unless: Annotated[
        Patterns, Meta(description="Patterns of ids that the entry does not cover, though ids matches them.")
    ] = ()
    undefined: Annotated[
        bool,
        Meta(
            description="The fault is undefined behaviour, whose outcome differs from run to run: the ids may pass, or "
            "be as another table of the entry that is undefined and covers them expects."
        ),
    ] = False
    message: Annotated[
        Regex,
        Meta(
            pattern=r"^\^",
            description="A regular expression for the beginning of the verdict's detail. That of a refusal has the "
            "full name of the exception's type.",
        ),
    ] = ""
    predicts: Annotated[
        tuple[Fault, ...],
        Meta(
            min_length=1,
            description="The faults (harness/tscompat/routes/predictions.py), each with its arguments, in the order in "
            "which they act. They make of what is expected exactly what is found.",
        ),
    ] = ()


_EXACT = {
    "if": {"properties": {"kind": {"const": "order"}}, "required": ["kind"]},
    "then": {"required": ["predicts"]},
    "else": {"anyOf": [{"required": ["predicts"]}, {"required": ["message"]}]},
}
"""A kind alone is not enough: another fault of the same kind would be expected too. No message states a whole order."""


class Reproduction(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Pieces of code that show the fault. They run in this order, each in its own process, all in one new folder."""

    python: Annotated[str, Meta(description="Python.")] = ""
    csharp: Annotated[str, Meta(description="C#, as a program with top-level statements.")] = ""
    then_python: Annotated[str, Meta(description="Python that reads what the C# has written.")] = ""
    shows: Annotated[
        Regex,
        Meta(
            min_length=1,
            description="A regular expression that is found in what the last piece prints, while the fault exists.",
        ),
    ]
    large: Annotated[bool, Meta(description="Needs gigabytes of memory and disk.")] = False
    cuda: Annotated[bool, Meta(description="Needs a CUDA device, and for C# a TorchSharp that sees it.")] = False

    @property
    def pieces(self) -> list[tuple[Language, str]]:
        """The pieces that are not empty, each with its language, in the order in which they run."""
        all_pieces: list[tuple[Language, str]] = [
            ("python", self.python),
            ("csharp", self.csharp),
            ("python", self.then_python),
        ]
        return [(language, piece) for language, piece in all_pieces if piece]


class Entry(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One fault: what differs because of it, and how to see it without this suite (fields: divergences/README.md)."""

    cause: Annotated[Words, Meta(description="What goes wrong. The first sentence stands in tables.")]
    upstream: Annotated[Words, Meta(description="The file upstream and what happens there.")]
    issue: Annotated[Issue, Meta(description="Where it is reported upstream.")] = ""
    versions: Annotated[
        frozenset[Version],
        Meta(
            min_length=1,
            description="The packages at fault with their versions; a script's version is its hash.",
            extra_json_schema={"uniqueItems": True},
        ),
    ]
    reproduction: Annotated[Reproduction, Meta(description="How to see it without this suite.")]
    expect: Annotated[
        tuple[Annotated[Expected, Meta(extra_json_schema=_EXACT)], ...],
        Meta(min_length=1, description="What differs: one table for each kind of verdict."),
    ]


Entries = dict[Name, Entry]
"""Entries by name: those of one file, or of all files."""


class DivergencesError(ValueError):
    """A file of the folder is wrong. The message has the file, the place, what was found and what was expected."""


def read_entries(folder: Path) -> Entries:
    """The entries of all TOML files of the folder, by name. Their JSON Schema lies beside the folder.

    Raises DivergencesError if a file does not fit the schema or two files have an entry of the same name, OSError if a
    file cannot be read.
    """
    entries: Entries = {}
    for file in sorted(folder.glob("*.toml")):
        document: dict[str, Any] = read_document(file, DivergencesError, folder.with_suffix(".schema.json"))
        twice = sorted(entries.keys() & document)
        if twice:
            raise DivergencesError(f"{file}: {', '.join(twice)}: an entry of this name stands in another file too")
        entries |= msgspec.convert(document, Entries)
    return entries


def add_versions(folder: Path, added: Mapping[str, Sequence[str]]) -> None:
    """Write more versions into entries, by their names. All else in the files stays as it is.

    Raises DivergencesError for an entry whose line ``versions`` is not found, OSError if a file cannot be written.
    """
    texts = {file: file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.toml"))}
    for name, versions in added.items():
        line = re.compile(rf"^\[{name}\]\n(?:(?!\[).*\n)*?versions = \[.*(?=\]$)", re.MULTILINE)
        more = "".join(f', "{version}"' for version in versions)
        file = next((file for file, text in texts.items() if line.search(text)), None)
        if file is None:
            raise DivergencesError(f"{folder}: found no line `versions = [...]` of the entry '{name}'")
        texts[file] = line.sub(lambda found, more=more: found[0] + more, texts[file], count=1)
    for file, text in texts.items():
        if text != file.read_text(encoding="utf-8"):
            write_whole(file, (text.encode(),))


def newest_versions(entries: Mapping[str, Entry]) -> dict[str, str]:
    """The newest version that an entry names of each package, by the package's name.

    A script's version is its hash; if entries name several, one of them is returned.
    """
    named = {version for entry in entries.values() for version in entry.versions}
    newest: dict[str, str] = {}
    for name_and_version in sorted(named, key=lambda each: (order(each), each)):
        name, version = name_and_version.split()
        newest[name] = version
    return newest
