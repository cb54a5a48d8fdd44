"""Upstream's scripts, by test doubles: what is loaded, how versions are distinguished, and what is no script."""

from __future__ import annotations

import hashlib
import re
import sys
import warnings
from pathlib import Path

import pytest

from tscompat.python_side import scripts
from tscompat.python_side.scripts import Script, ScriptRaised, ScriptUnusable

TEXT = "def load_state_dict(stream):\n    return {}\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "importsd.py"


def load(path: Path, text: str) -> Script:
    path.write_bytes(text.encode())
    return scripts.load("importsd", path)


def test_a_function_is_called(path: Path) -> None:
    assert load(path, TEXT.replace("{}", "stream + 1")).call("load_state_dict", 1) == 2


def test_nothing_is_left_behind(path: Path) -> None:
    modules, places = set(sys.modules), list(sys.path)
    load(path, TEXT)
    assert (set(sys.modules), sys.path, list(path.parent.iterdir())) == (modules, places, [path])


def test_the_digest_is_that_of_the_text(path: Path) -> None:
    assert load(path, TEXT).digest == f"sha256:{hashlib.sha256(TEXT.encode()).hexdigest()}"


def test_line_ends_of_windows_are_the_same_script(path: Path) -> None:
    assert load(path, TEXT.replace("\n", "\r\n")).digest == load(path, TEXT).digest


def test_any_other_change_is_another_script(path: Path) -> None:
    assert load(path, TEXT + "#").digest != load(path, TEXT).digest


def test_scripts_are_loaded_from_absolute_paths(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(path, TEXT)
    monkeypatch.chdir(path.parent)
    assert scripts.load_all({"importsd": path.name})["importsd"].path == path


def test_what_a_script_raises_is_reported_with_type_and_message(path: Path) -> None:
    script = load(path, TEXT.replace("return {}", "raise TypeError('no bfloat16')"))
    with pytest.raises(ScriptRaised, match=r"^TypeError: no bfloat16$"):
        script.call("load_state_dict", None)


def test_a_warning_is_no_exception(path: Path) -> None:
    script = load(path, "import warnings\n" + TEXT.replace("return {}", "warnings.warn('not writable')"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        script.call("load_state_dict", None)


def test_a_path_that_is_not_there_is_refused(path: Path) -> None:
    with pytest.raises(ScriptUnusable, match=rf"--importsd {re.escape(str(path))}: No such file .*importsd\.py"):
        scripts.load("importsd", path)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("load_state_dict = 1", r"it has no function load_state_dict; is it importsd\.py of TorchSharp\?"),
        ("import no_such_package", "it needs a package: python -m pip install no_such_package"),
        ("def", "it cannot be loaded: SyntaxError: "),
        ("1 / 0", "it cannot be loaded: ZeroDivisionError: division by zero"),
    ],
)
def test_what_is_no_script_is_refused_with_what_to_do(path: Path, text: str, fault: str) -> None:
    with pytest.raises(ScriptUnusable, match=fault):
        load(path, text)
