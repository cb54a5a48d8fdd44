"""Loads upstream's Python scripts from a path that a person gives, identifies and calls them. Imports nothing of ours.

The scripts are exportsd.py and importsd.py of dotnet/TorchSharp, src/Python; they are never a part of this project. The
text that is hashed is the text that runs; ``sys.path`` and ``sys.modules`` do not change.
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
    """The script at this path cannot be used. The message has the reason and what to do."""


class ScriptRaised(Exception):
    """The script raised an exception. The message has that exception's type and message."""


class Script(NamedTuple):
    """A loaded script."""

    path: Path
    """Absolute."""
    digest: str
    """``sha256:`` and the hash of its text with LF at the line ends: a checkout on Windows has the same digest."""
    module: ModuleType

    def call(self, function: str, *arguments: Any) -> Any:
        """Call a function of the script. Raises ScriptRaised for any exception."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns about read-only arrays
            try:
                return getattr(self.module, function)(*arguments)
            except Exception as error:  # upstream's code: any exception is a finding
                raise ScriptRaised(_words(error)) from error


def load(name: str, path: Path) -> Script:
    """Load a script by its name, a key of ``FUNCTIONS``, from a path.

    Raises ScriptUnusable if the file cannot be read, raises an exception, or lacks one of those functions.
    """
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
    except Exception as error:  # upstream's code, as above
        raise ScriptUnusable(f"{given}: it cannot be loaded: {_words(error)}") from error
    missing = [function for function in FUNCTIONS[name] if not callable(getattr(module, function, None))]
    if missing:
        raise ScriptUnusable(f"{given}: it has no function {' and no '.join(missing)}; is it {name}.py of TorchSharp?")
    return Script(path.absolute(), f"sha256:{hashlib.sha256(source).hexdigest()}", module)


def load_all(paths: Mapping[str, str]) -> dict[str, Script]:
    """Load the scripts at these paths, which are given by name. Raises ScriptUnusable as ``load`` does."""
    return {name: load(name, Path(path)) for name, path in paths.items()}


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
