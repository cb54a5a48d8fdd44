"""``python -m tscompat.dotnet_side.inside.libtorch_version FOLDER``: prints the version of the libtorch in a folder.

In a process of its own, since a libtorch cannot be unloaded. If it does not load or states no version, the last line of
stderr has the reason, and the exit code is 1. May import dotnet_side.native.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tscompat.dotnet_side.native import libtorch_version, load_libtorch


def main() -> None:
    """Print the version, or exit with the reason."""
    try:
        print(libtorch_version(load_libtorch(Path(sys.argv[1]))))
    except OSError as error:
        sys.exit(str(error))
    except AttributeError:
        sys.exit("it states no version (2.9 and later do)")


if __name__ == "__main__":
    main()
