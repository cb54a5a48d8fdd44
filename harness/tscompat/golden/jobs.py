"""The cases of the corpus, and jobs that have the .NET half of a route read or write one.

May import values, resources, codec, catalogue, dotnet_side, python_side, routes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tscompat.catalogue import Case, OptimizerCase, TensorSpec
from tscompat.codec import encode_optimizer, encode_state_dict
from tscompat.dotnet_side.client import Client
from tscompat.python_side.models import native
from tscompat.resources.documents import read_document
from tscompat.resources.whole import write_whole
from tscompat.routes import ROUTES, dotnet_half, judging
from tscompat.routes.route import DOTNET_TO_PYTHON, PYTHON_TO_DOTNET, Job
from tscompat.values.tensors import StateDict
from tscompat.values.verdict import Verdict

from . import optimizers
from .manifest import Format, GoldenError, golden_folder
from .tables import ROUTES_OF, WITHOUT_MODULE


def selected(cases: Mapping[str, Case]) -> Iterator[tuple[Format, Case]]:
    """Each format with each of its cases (cases/golden/cases.toml).

    Raises GoldenError for a pattern that no case matches.
    """
    path = golden_folder() / "cases.toml"
    document: dict[str, Sequence[str]] = read_document(path, GoldenError)
    for name, patterns in document.items():
        taken: dict[str, Case] = {}
        for pattern in patterns:
            matching = {each: case for each, case in cases.items() if fnmatchcase(each, pattern)}
            if not matching:
                raise GoldenError(f"{path}: {name}: no case matches {pattern!r}")
            taken |= matching
        yield from ((Format(name), case) for case in taken.values())


@dataclass(frozen=True)
class GoldenCase:
    """A case that is read or written by several routes, with its bits."""

    case: Case
    specs: tuple[TensorSpec, ...]
    entries: StateDict
    folder: Path
    """For files."""
    peer: Client

    @classmethod
    def of(cls, case: Case, folder: Path, peer: Client) -> GoldenCase:
        """Make the case's bits, and the expected file that .NET's memory is compared with."""
        specs, subject = native.specs_of(case), case.subject
        if isinstance(subject, OptimizerCase):
            record = optimizers.record_of(case.id, subject)
            entries, encoded = optimizers.entries_of(record), encode_optimizer(record)
        else:
            entries = native.entries_of(case, specs)
            encoded = encode_state_dict(entries)
        golden_case = cls(case, specs, entries, folder, peer)
        write_whole(golden_case._expected, encoded)
        return golden_case

    @property
    def _expected(self) -> Path:
        return self.folder / "expected.dat"

    def job(self, route: str) -> Job[Any]:
        """The case on a route."""
        return Job(
            case=self.case,
            subject=self.case.subject,
            specs=self.specs,
            entries=self.entries,
            expected_file=self._expected,
            artifact=self.folder / f"{route}.written",
            overload=ROUTES[route].overload,
            writer_device="cpu",
            reader_device="cpu",
            peer=self.peer,
        )

    def readers(self, form: Format) -> list[str]:
        """The routes whose .NET half reads the case in this format."""
        return [name for name in ROUTES_OF[form] if "bits" in ROUTES[name].checks_of(self.case, PYTHON_TO_DOTNET)]

    def writer(self, form: Format) -> str | None:
        """The route whose .NET half writes the case in this format; None if none does."""
        name = ROUTES_OF[form][0]
        return name if ROUTES[name].checks_of(self.case, DOTNET_TO_PYTHON) else None

    def read(self, form: Format, route: str, file: Path) -> Verdict:
        """Have .NET read a file, and compare its memory with the case's bits."""
        job = self.job(route)
        if form is Format.OPTIMIZER:
            return optimizers.read(job, file)
        into = None if form in WITHOUT_MODULE else dotnet_half.module(job)
        return judging.arrived(dotnet_half.load(job, into, artifact=file), job)["bits"]

    def write(self, form: Format, route: str) -> tuple[Verdict, Path]:
        """Have .NET write the case. Returns the verdict of its bits, as Python reads them, and the file.

        Of an optimizer's, it is the verdict of the memory that is saved.
        """
        if form is Format.OPTIMIZER:
            return optimizers.write(self.job(route))
        transfer = ROUTES[route].directions[DOTNET_TO_PYTHON](self.job(route))
        return transfer.verdicts["bits"], transfer.artifact
