"""Upstream's own Python scripts, from the path that a person gives: identified, loaded in isolation, called.

Imports nothing of ours. The scripts are exportsd.py and importsd.py of dotnet/TorchSharp, src/Python; they are never a
part of this project. What is loaded is what was hashed; ``sys.path`` and ``sys.modules`` know nothing of it.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

_OPTIMIZERS = "sgd asgd rprop rmsprop adam adamw nadam radam adamax adadelta adagrad"
FUNCTIONS: Mapping[str, tuple[str, ...]] = {
    "exportsd": ("save_state_dict", "write_tensor", *map("save_{}".format, _OPTIMIZERS.split())),
    "importsd": ("load_state_dict",),
}
"""The functions of each script that routes call."""


class ScriptUnusable(Exception):
    """No script can be had from this path; the message says why and what to do."""


class ScriptRaised(Exception):
    """The script raised an exception: its type's name and its message."""


class Script(NamedTuple):
    """A loaded script."""

    path: Path
    """Absolute."""
    digest: str
    """``sha256:`` and the hash of its text with LF at the line ends, so that a checkout on Windows has the same."""
    module: ModuleType

    def call(self, function: str, *arguments: Any) -> Any:
        """What the function returns. Raises ScriptRaised with whatever it raises."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's about arrays that may not be written to
            try:
                return getattr(self.module, function)(*arguments)
            except Exception as error:  # a stranger's code: whatever comes out of it is a finding
                raise ScriptRaised(_words(error)) from error


def load(name: str, path: Path) -> Script:
    """Load the script that routes know by this name. Raises ScriptUnusable."""
    given = f"--{name} {path}"
    try:
        source = path.read_bytes().replace(b"\r\n", b"\n")
    except OSError as error:
        raise ScriptUnusable(f"{given}: {error.strerror}; expected the file {name}.py of TorchSharp") from error
    module = ModuleType(f"tscompat-{name}")
    try:
        exec(compile(source, path, "exec", dont_inherit=True), module.__dict__)
    except ModuleNotFoundError as error:
        raise ScriptUnusable(f"{given}: it needs a package: python -m pip install {error.name}") from error
    except Exception as error:  # a stranger's code, as above
        raise ScriptUnusable(f"{given}: it cannot be loaded: {_words(error)}") from error
    missing = [function for function in FUNCTIONS[name] if not callable(getattr(module, function, None))]
    if missing:
        raise ScriptUnusable(f"{given}: it has no function {' and no '.join(missing)}; is it {name}.py of TorchSharp?")
    return Script(path.absolute(), f"sha256:{hashlib.sha256(source).hexdigest()}", module)


def load_all(paths: Mapping[str, str]) -> dict[str, Script]:
    """The scripts by name, from their paths. Raises ScriptUnusable."""
    return {name: load(name, Path(path)) for name, path in paths.items()}


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
