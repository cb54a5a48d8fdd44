"""Finds, among hundreds of patterns, those that match a verdict id. Imports nothing of ours."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection
from fnmatch import translate


class Patterns:
    """Patterns over verdict ids, in which ``*`` stands for any characters, slashes too."""

    def __init__(self, patterns: Collection[str]) -> None:
        literals = {pattern: [part for part in pattern.split("/") if "*" not in part] for pattern in patterns}
        shared_by = Counter(part for parts in literals.values() for part in set(parts))
        # A pattern can match only ids that have all of its literal parts: it is filed under the rarest one, and tried
        # only on ids that have it. "" stands for the few patterns without a literal part.
        self._filed: defaultdict[str, list[tuple[re.Pattern[str], str]]] = defaultdict(list)
        for pattern, parts in literals.items():
            rarest = min(parts, key=shared_by.__getitem__, default="")
            self._filed[rarest].append((re.compile(translate(pattern)), pattern))

    def matching(self, verdict_id: str) -> set[str]:
        """The patterns that match this id."""
        filed = self._filed
        return {
            pattern
            for part in filed.keys() & ("", *verdict_id.split("/"))
            for compiled, pattern in filed[part]
            if compiled.match(verdict_id)
        }
