"""Placeholder."""

from __future__ import annotations

from .source import Source


def words(source: Source) -> str:
    return "not known"
