"""What a run with a fault has shown, and the section of docs/proof.md that is made of all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from proof import table
from tscompat.catalogue import load_catalogue
from tscompat.results.environment import Environment
from tscompat.routes import verdict_ids

from .fault import THE_RUN, Fault

LEAST = 3
"""How many faults each kind of check must see at least."""
IMPLIED: Mapping[str, str] = {}
"""The checks that may see nothing alone, and why."""


class Seen(NamedTuple):
    """What one run has shown."""

    fault: Fault
    code: int
    """The exit code of ``tscompat run``."""
    checks: tuple[str, ...]
    """The checks that failed; ``THE_RUN`` if the run could not go on."""
    words: str
    """The first verdict that failed, or why the run could not go on."""

    @property
    def problem(self) -> str:
        """What is wrong with it; empty if all checks that must see the fault do."""
        blind = [check for check in self.fault.checks if check not in self.checks]
        if not self.checks:
            what = "survives"
        elif blind:
            what = f"is not seen by {', '.join(blind)}"
        elif self.code != (2 if THE_RUN in self.fault.checks else 1):
            what = "is not seen as it must be"
        else:
            return ""
        by = ", ".join(self.checks) or "none"
        return f"{self.fault.name} {what} (exit code {self.code}; seen by {by}): {self.words}"


def unneeded(seen: Sequence[Seen]) -> Iterator[str]:
    """The kinds of check that see too few faults, or none that no other kind sees."""
    for check in kinds():
        by = [each for each in seen if check in each.checks]
        if len(by) < LEAST:
            yield f"{check} sees {len(by)} faults; expected {LEAST} or more"
        if not any(each.checks == (check,) for each in by) and check not in IMPLIED:
            yield f"{check} sees no fault that no other kind of check sees"


def kinds() -> list[str]:
    """All kinds of check."""
    return list(dict.fromkeys(verdict_id.check for verdict_id in verdict_ids(load_catalogue())))


def page(seen: Sequence[Seen], environment: Environment, minutes: float) -> str:
    """The section, in Markdown."""
    lines = [
        f"`nox -s sabotage` on {datetime.now(UTC):%Y-%m-%d}, {minutes:.0f} minutes, {len(seen)} faults.",
        _versions(environment),
        "Each fault changes one thing in one place: an *answer* of the peer (or a file that the answer stands for),",
        "*TorchSharp* (its real assembly, patched), or the *bytes* between writer and reader. Each is awake in a run",
        "of its own, of a part of the matrix that passes without it. *Seen by* lists every kind of check that failed",
        "there. The first table shows that each kind of check is needed.",
        "",
        *table(
            ("check", "faults it sees", "seen by no other kind"), (_need(check, seen) for check in (*kinds(), THE_RUN))
        ),
        "",
        *(f"`{check}` sees none alone: {why}" for check, why in IMPLIED.items()),
        "",
        *table(("fault", "place", "what it does", "seen by", "exit code", "first verdict"), map(_cells, seen)),
    ]
    return "\n".join(lines)


def _need(check: str, seen: Sequence[Seen]) -> tuple[str, ...]:
    by = [each for each in seen if check in each.checks]
    alone = [each.fault.name for each in by if each.checks == (check,)]
    others = f", and {len(alone) - 1} more" if len(alone) > 1 else ""
    return f"`{check}`" if check != THE_RUN else check, str(len(by)), f"{alone[0]}{others}" if alone else "none"


def _cells(each: Seen) -> tuple[str, ...]:
    fault = each.fault
    return fault.name, fault.place, fault.what, ", ".join(each.checks) or "**none**", str(each.code), each.words[:300]


def _versions(environment: Environment) -> str:
    """A sentence with the versions of what ran."""
    assert environment.torchsharp
    assert environment.libtorch
    assert environment.dotnet
    dotnet = environment.dotnet
    return (
        f"TorchSharp {environment.torchsharp.version} with libtorch {environment.libtorch.version} and PyBridge "
        f"{dotnet.pybridge} on .NET {dotnet.version}; torch {environment.torch.version}, Python {environment.python}, "
        f"{environment.system}.\n"
    )
