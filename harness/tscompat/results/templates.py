"""Fills the templates of Markdown pages, which lie beside this file. Imports nothing of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2


def filled(template: str, **values: Any) -> str:
    """The page that a template gives with these values. Raises jinja2.UndefinedError where one is missing."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    return templates.get_template(template).render(values)
