"""A person's class, as they name it. May import dotnet_side, files."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from tscompat.dotnet_side.messages import OwnModule
from tscompat.files.item import ModelFileError


@dataclass(frozen=True)
class Own:
    """A person's class. To build it runs their code."""

    assembly: str | os.PathLike[str]
    """The path of their .dll."""
    name: str
    """Its full name, or its name alone."""
    arguments: str = "[]"
    """A JSON array of the constructor's arguments."""

    def module(self) -> OwnModule:
        """What a peer builds. Raises ModelFileError for arguments that are no JSON array, or without the file."""
        assembly = Path(self.assembly)
        if not assembly.is_file():
            raise ModelFileError(f"--assembly {self.assembly}: there is no such file: give the .dll of dotnet build")
        try:
            given = json.loads(self.arguments)
        except (ValueError, RecursionError) as error:
            raise ModelFileError(f"--args {self.arguments}: no JSON: {error}") from error
        if not isinstance(given, list):
            raise ModelFileError(f"--args {self.arguments}: expected a JSON array, such as '[10, true]'")
        return OwnModule(assembly=str(assembly.absolute()), class_name=self.name, arguments=self.arguments)

    def __str__(self) -> str:
        return f"{self.name}({json.dumps(json.loads(self.arguments))[1:-1]})"

    def in_csharp(self) -> str:
        """As C# calls the constructor. Numbers, truth values, texts and arrays are written alike; objects are not."""
        given: list[object] = json.loads(self.arguments)
        words = ", ".join(json.dumps(each) for each in given)
        return f"{self.name.replace('+', '.')}({f'/* {words} */' if '{' in words else words})"
