"""``python -m tscompat.matrix ARGUMENTS``: pytest over the matrix, in a process of its own. Imports nothing of ours."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

import pytest


def main(arguments: Sequence[str]) -> int:
    """Run pytest, and return its exit code. What ends a job in CI (SIGTERM) tidies up, as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return int(pytest.main([*arguments]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
