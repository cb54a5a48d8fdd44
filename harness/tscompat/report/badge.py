"""Makes a badge of a run: the JSON that shields.io's endpoint badge reads. May import verdicts, results."""

from __future__ import annotations

from collections import Counter

import msgspec

from tscompat.results.end import green
from tscompat.results.file import Results
from tscompat.verdicts.divergences import Outcome


def badge(results: Results) -> bytes:
    """The JSON (https://shields.io/badges/endpoint-badge): what ran, how much passed, green or red."""
    sums = Counter(record.outcome for record in results.verdicts)
    versions = dict.fromkeys(each.torchsharp.version for each in results.environments.values() if each.torchsharp)
    message = f"{sums[Outcome.PASSED]} passed, {sums[Outcome.DIVERGENCE]} known divergences"
    if sums[Outcome.FAILED]:
        message = f"{sums[Outcome.FAILED]} unexpected, {message}"
    elif not green(results):
        message = f"not as expected, {message}"
    parts = " ".join(["shard", results.part.shard]) + ": " if results.part else ""
    fields = {
        "schemaVersion": 1,
        "label": " ".join(["TorchSharp", ", ".join(versions)]).strip(),
        "message": f"{parts}{message}",
        "color": "brightgreen" if green(results) else "red",
    }
    return msgspec.json.encode(fields)
