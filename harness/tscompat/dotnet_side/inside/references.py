"""``python -m tscompat.dotnet_side.inside.references PUBLISH ASSEMBLY``: what an assembly refers to, a line each.

A line is a full name: ``TorchSharp, Version=0.107.0.0, Culture=neutral, PublicKeyToken=67b0e5e1da516a1c``. The metadata
is read, nothing is loaded or run. If the file is no .NET assembly, the last line of stderr has the reason, and the exit
code is 1. Imports its neighbours.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from . import clr


def main() -> None:
    """Print the names, or exit with the reason."""
    publish, assembly = sys.argv[1:]
    clr.start(Path(publish)).AddReference("System.Reflection.Metadata")
    io: Any = import_module("System.IO")
    executable: Any = import_module("System.Reflection.PortableExecutable")
    metadata: Any = import_module("System.Reflection.Metadata")
    try:
        with Path(assembly).open("rb"):
            image = executable.PEReader(io.File.OpenRead(assembly))
        reader = metadata.PEReaderExtensions.GetMetadataReader(image)
    except OSError as error:
        sys.exit(str(error.strerror))
    except import_module("System").Exception as error:
        sys.exit(str(error.Message))
    for handle in reader.AssemblyReferences:
        print(reader.GetAssemblyReference(handle).GetAssemblyName().FullName)


if __name__ == "__main__":
    main()
