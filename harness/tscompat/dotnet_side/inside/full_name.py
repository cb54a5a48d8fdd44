"""``python -m tscompat.dotnet_side.inside.full_name PUBLISH ASSEMBLY``: prints the full name of a .NET assembly.

.NET reads the name without loading the assembly. If there is none, the last line of stderr has .NET's reason, and the
exit code is 1. Imports its neighbours.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from . import clr


def main() -> None:
    """Print the name, or exit with the reason."""
    publish, assembly = sys.argv[1:]
    clr.start(Path(publish))
    system: Any = import_module("System")
    try:
        print(import_module("System.Reflection").AssemblyName.GetAssemblyName(assembly).FullName)
    except system.Exception as error:
        sys.exit(f"{error.GetType().FullName}: {str(error.Message).partition(chr(10))[0]}")


if __name__ == "__main__":
    main()
