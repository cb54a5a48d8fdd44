"""Helps to make UseOptimizer calls: the files beside an artifact, the parameter groups. May import codec."""

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
    """The parameters and gradients, as a state dict."""
    again: Path
    """The optimizer file that TorchSharp saves after it has loaded the artifact."""
    memory: tuple[Path, Path]
    """The options and state in .NET's memory before and after the last steps, as optimizer files of the oracle."""
    parameters: tuple[Path, ...]
    """The parameters before the last steps and after each, as state dicts."""

    @classmethod
    def beside(cls, artifact: Path, steps: int) -> OptimizerFiles:
        """Files with the artifact's name, and suffixes of their own, for so many last steps."""
        return cls(
            artifact.with_suffix(".inputs"),
            artifact.with_suffix(".again"),
            (artifact.with_suffix(".memory-before"), artifact.with_suffix(".memory-after")),
            tuple(artifact.with_suffix(f".parameters-{step}") for step in range(steps + 1)),
        )


def groups_of(record: OptimizerRecord, sizes: Sequence[int]) -> tuple[ParameterGroup, ...]:
    """The groups of a record, for a call; ``sizes`` has the number of parameters of each group.

    Raises ValueError if ``sizes`` has another length than the record has groups.
    """
    return tuple(ParameterGroup(dict(options), size) for options, size in zip(record.groups, sizes, strict=True))


def poisoned(record: OptimizerRecord) -> OptimizerRecord:
    """The record with every option changed, so that an option that is not loaded cannot pass."""
    return record._replace(
        groups=[
            {name: not value if isinstance(value, bool) else value + 0.125 for name, value in options.items()}
            for options in record.groups
        ]
    )
