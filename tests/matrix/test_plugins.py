"""Which plugins of pytest a run of the matrix loads."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import tscompat

CONFIGURATION = Path(tscompat.__file__).parent / "matrix" / "pytest.ini"


def test_xdist_is_the_only_installed_plugin() -> None:
    """With two ``--version``, pytest lists the installed plugins that it loads."""
    command = [sys.executable, "-m", "pytest", "-c", str(CONFIGURATION), "--version", "--version"]
    listed = subprocess.check_output(command, text=True, stderr=subprocess.STDOUT)
    assert re.findall(r"^  (\S+)-\d", listed, re.MULTILINE) == ["pytest-xdist"]
