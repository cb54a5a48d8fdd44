"""What the calls about optimizers share: the files beside an artifact, and the groups to build. May import codec."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tscompat.codec import OptimizerRecord

from .messages import ParameterGroup


@dataclass(frozen=True)
class OptimizerFiles:
    """The files of a UseOptimizer call."""

    inputs: Path
    """The parameters and gradients."""
    again: Path
    """What TorchSharp saves of what it has loaded."""
    memory: tuple[Path, Path]
    """What the optimizer holds before and after the last step."""
    parameters: tuple[Path, Path]
    """The parameters before and after the last step."""

    @classmethod
    def beside(cls, artifact: Path) -> OptimizerFiles:
        """Files whose names begin with the artifact's."""
        return cls(
            artifact.with_suffix(".inputs"),
            artifact.with_suffix(".again"),
            (artifact.with_suffix(".memory-before"), artifact.with_suffix(".memory-after")),
            (artifact.with_suffix(".parameters-before"), artifact.with_suffix(".parameters-after")),
        )


def groups_of(record: OptimizerRecord, sizes: Sequence[int]) -> tuple[ParameterGroup, ...]:
    """The groups of a record, which have ``sizes`` parameters each. Raises ValueError for another number of groups."""
    return tuple(ParameterGroup(dict(options), size) for options, size in zip(record.groups, sizes, strict=True))


def poisoned(record: OptimizerRecord) -> OptimizerRecord:
    """The same with other options everywhere, so that an option that is not loaded cannot pass."""
    return record._replace(
        groups=[
            {name: not value if isinstance(value, bool) else value + 0.125 for name, value in options.items()}
            for options in record.groups
        ]
    )
