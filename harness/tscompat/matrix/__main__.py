"""``python -m tscompat.matrix ARGUMENTS``: pytest over the matrix, in a process of its own. May import resources."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pytest

from tscompat.resources.command import begin_command


def main(arguments: Sequence[str]) -> int:
    """Run pytest, and return its exit code."""
    return int(pytest.main([*arguments]))


if __name__ == "__main__":
    begin_command()
    sys.exit(main(sys.argv[1:]))
