"""The sessions of nox. Arguments after ``--`` go to ``tscompat run``, or to pytest in the sessions that run it.

    nox                        the compatibility matrix on all cores
    nox -- -k bf16 -n 2        a part of it
    nox -s tests               the project's own tests

The sessions share one environment, .nox/env-*, so that torch is installed once. It is built when a session first needs
it and again when pyproject.toml changes. pip's and NuGet's variables (PIP_*, NUGET_*) apply as usual.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["matrix"]

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".nox" / f"env-{sys.version_info.major}.{sys.version_info.minor}"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
PROJECT = "project"
"""A need besides the dependency groups of pyproject.toml: the project itself, as an editable install."""


@nox.session(venv_backend="none")
def matrix(session: nox.Session) -> None:
    """The compatibility matrix against the real TorchSharp (arguments: tscompat run --help)"""
    run_tscompat(session, "run")


@nox.session(venv_backend="none")
def full(session: nox.Session) -> None:
    """The matrix with more float dtypes of the architectures, and slow routes; takes many minutes and gigabytes"""
    run_tscompat(session, "run", "--full")


@nox.session(venv_backend="none")
def large(session: nox.Session) -> None:
    """Tensors above 2 GiB and files above 4 GiB; needs 20 GiB of memory and 10 GiB of disk, takes 20 minutes"""
    run_tscompat(session, "run", "--large")


@nox.session(venv_backend="none")
def gate(session: nox.Session) -> None:
    """The golden corpus, read and written by all; under a minute (arguments: tscompat gate --help)"""
    run_tscompat(session, "gate")


@nox.session(venv_backend="none")
def cuda(session: nox.Session) -> None:
    """The matrix on a CUDA device; --sources DIR compiles TorchSharp's native half (arguments: tscompat run --help)"""
    wait_and_exit(environment(session, PROJECT, "matrix"), str(ROOT / "tests" / "on_cuda.py"), *session.posargs)


def run_tscompat(session: nox.Session, *command: str) -> None:
    """Run a verb of tscompat and exit with its exit code."""
    wait_and_exit(environment(session, PROJECT, "matrix"), "-m", "tscompat", *command, *session.posargs)


def wait_and_exit(*command: str) -> None:
    """Run a command and exit with its exit code."""
    code = wait_for(*command)
    if code != 0:
        # A failed nox session always exits with 1, but tscompat's 1 (incompatible), 2 (could not run) and 130 (Ctrl-C)
        # differ. A negative code is a signal that killed it.
        sys.exit(code if code > 0 else 2)


@nox.session(venv_backend="none")
def tests(session: nox.Session) -> None:
    """The project's own tests, with a fast slice of the matrix (arguments: pytest's)"""
    python = environment(session, PROJECT, "tests")
    session.run(python, "-m", "pytest", "-n", "auto", *session.posargs, interrupt_timeout=30)


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """ruff: check and format"""
    python = environment(session, "lint")
    session.run(python, "-m", "ruff", "check")
    session.run(python, "-m", "ruff", "format", "--check")


@nox.session(venv_backend="none")
def types(session: nox.Session) -> None:
    """pyright, through npx (needs Node.js)"""
    if shutil.which("npx") is None:
        session.error("pyright is started with npx, which is not on the PATH: install Node.js, which brings it")
    python = environment(session, PROJECT, "tests")
    session.run("npx", "--yes", "pyright", "--pythonpath", python)


@nox.session(venv_backend="none")
def bench(session: nox.Session) -> None:
    """Codec, convert, inspect, diff, verify and parity beside named peers; takes gigabytes (arguments: pytest's)"""
    python = environment(session, PROJECT, "tests", "bench")
    session.run(python, "-m", "pytest", "-o", "python_files=bench_*.py", "tests/bench", *session.posargs)


@nox.session(venv_backend="none")
def fuzz(session: nox.Session) -> None:
    """Random modules, built on both sides; FUZZ_EXAMPLES=2000 sets how many (arguments: pytest's)"""
    python = environment(session, PROJECT, "tests")
    session.run(python, "-m", "pytest", "-o", "python_files=fuzz_*.py", "tests/fuzz", *session.posargs)


@nox.session(venv_backend="none")
def kaitai(session: nox.Session) -> None:
    """format.ksy against the codec (needs Node.js and npm; arguments: pytest's)"""
    python = environment(session, PROJECT, "tests", "kaitai")
    session.run(python, "-m", "pytest", "-o", "python_files=kaitai_*.py", "tests/kaitai", *session.posargs)


@nox.session(name="report-tests", venv_backend="none")
def report_tests(session: nox.Session) -> None:
    """The report's page in a real browser (needs Chromium, Node.js and npm; arguments: pytest's)"""
    python = environment(session, PROJECT, "tests")
    session.run(python, "-m", "pytest", "-o", "python_files=page_*.py", "tests/page", *session.posargs)


@nox.session(venv_backend="none")
def versions(session: nox.Session) -> None:
    """A second version of TorchSharp, packed from the first, run beside it; takes minutes (arguments: pytest's)"""
    python = environment(session, PROJECT, "tests", "matrix")
    session.run(python, "-m", "pytest", "-o", "python_files=show_*.py", "tests/versions", *session.posargs)


@nox.session(venv_backend="none")
def reproductions(session: nox.Session) -> None:
    """The reproduction of each known divergence; LARGE=1 adds those that need gigabytes (arguments: pytest's)"""
    python = environment(session, PROJECT, "tests", "matrix")
    # --confcutdir leaves out tests/conftest.py, which hides the paths to upstream's scripts from the other tests.
    options = ["--confcutdir=tests/reproductions", "-o", "python_files=reproduce_*.py"]
    session.run(python, "-m", "pytest", *options, "tests/reproductions", *session.posargs)


@nox.session(venv_backend="none")
def sabotage(session: nox.Session) -> None:
    """Faults put in on purpose, all of which must be seen; takes 20 minutes (arguments: names of faults)"""
    python = environment(session, PROJECT, "tests", "matrix")
    session.run(python, "-m", "sabotage", *session.posargs, env={"PYTHONPATH": str(ROOT / "tests")})


@nox.session(venv_backend="none")
def mutants(session: nox.Session) -> None:
    """The code that judges, changed in one place at a time, which its tests must see (arguments: values/compare.py)"""
    python = environment(session, PROJECT, "tests", "mutants")
    session.run(python, "-m", "mutants", *session.posargs, env={"PYTHONPATH": str(ROOT / "tests")})


@nox.session(venv_backend="none")
def sensitivity(session: nox.Session) -> None:
    """Scaled parameters and faulty steps, which checks must see; takes many minutes (arguments: patterns of cases)"""
    python = environment(session, PROJECT, "tests")
    session.run(python, "-m", "sensitivity", *session.posargs, env={"PYTHONPATH": str(ROOT / "tests")})


def environment(session: nox.Session, *needs: str) -> str:
    """Install what is needed into the shared environment, unless it is there, and return its Python.

    Each need has a stamp file. A moved folder, another Python or a changed pyproject.toml gives another stamp.
    """
    pyproject = ROOT / "pyproject.toml"
    stamp = hashlib.sha256(f"{sys.version}\n{ROOT}\n".encode() + pyproject.read_bytes()).hexdigest()
    stamps = {need: ENVIRONMENT / f"{need}.stamp" for need in needs}
    missing = [need for need in needs if not (PYTHON.exists() and is_text(stamps[need], stamp))]
    if not missing:
        return str(PYTHON)

    groups = [need for need in missing if need != PROJECT]
    requirements = nox.project.dependency_groups(nox.project.load_toml(pyproject), *groups)
    editable = ["--editable", str(ROOT)] if PROJECT in missing else []
    session.log(f"Installing {' and '.join(missing)} into {ENVIRONMENT}, once: later runs find it there.")
    for command in (
        # virtualenv comes with nox; venv is missing from some systems' Pythons.
        [sys.executable, "-m", "virtualenv", "--quiet", "--no-periodic-update", str(ENVIRONMENT)],
        [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", *editable, *requirements],
    ):
        if subprocess.call(command, cwd=ROOT) != 0:
            session.warn(
                f"Could not install what this session needs: {command[2]} failed, see its message above. Where the "
                "package index cannot be reached, give pip a folder of wheels: PIP_NO_INDEX=1 PIP_FIND_LINKS=FOLDER"
            )
            sys.exit(2)
    for need in missing:
        stamps[need].write_text(stamp, encoding="utf-8")
    return str(PYTHON)


def is_text(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


def wait_for(*command: str) -> int:
    """Run a command until it ends. Ctrl-C reaches it too; it is not killed while it tidies up."""
    with subprocess.Popen(command, cwd=ROOT) as child:
        while True:
            try:
                return child.wait()
            except KeyboardInterrupt:
                continue
