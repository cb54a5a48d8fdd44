"""Fills the templates of pages: of Markdown, which lie beside this file, and of HTML. Imports nothing of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2

HERE = Path(__file__).parent


def filled(template: str, folder: Path = HERE, **values: Any) -> str:
    """The page that a template gives with these values; in HTML they are no markup.

    Raises jinja2.UndefinedError where one is missing.
    """
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=".html." in template,
    )
    return templates.get_template(template).render(values)
