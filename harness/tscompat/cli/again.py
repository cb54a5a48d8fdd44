"""The command that does a part of what a command did once more. May import resources."""

from __future__ import annotations

from typing import cast

import typer

from tscompat.resources.repeat import repeat

LEFT_OUT = ("keyword", "out", "markdown")


def again(context: typer.Context, part: str) -> str:
    """The command of the context with its options and ``-k PART``.

    An option that comes from a variable of the environment is named, too; ``-k``, ``--out`` and ``--markdown`` are left
    out.
    """
    words: list[str] = []
    for option in context.command.params:
        value = context.params.get(option.name or "")
        if option.name in LEFT_OUT or not value:
            continue
        values = cast("list[object]", value) if isinstance(value, list) else [value]
        words += (
            [option.opts[-1]] if value is True else [str(each) for one in values for each in (option.opts[-1], one)]
        )
    return repeat(str(context.info_name), [*words, "-k", part])
