"""The whole of a conversion: checks, writing, verification. May import values, dotnet_side, files, verbs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from tscompat.dotnet_side.choice import PINNED, Choice
from tscompat.files.item import ModelFileError, Tell
from tscompat.values.verdict import Verdict

from .conversion import Conversion, prepare
from .names import Names
from .optimizer import OptimizerConversion, is_optimizer_file, prepare_optimizer

DAT = ".dat"
"""The format that TorchSharp reads, so TorchSharp can verify it."""

Progress: TypeAlias = Callable[[str, int, int], object]
"""Takes what is done (``writing``, ``TorchSharp loads it``), and how many bytes of how many; of the second, 0 of 0."""


@dataclass(frozen=True)
class Converted:
    """What a conversion has done."""

    target: Path
    what: str
    """What was converted, in a few words."""
    size: int
    """Bytes of the target."""
    seconds: float
    """What the writing took."""
    overflowed: Mapping[str, int]
    """By name, how many finite elements the cast to ``dtype`` has made infinite, or NaN."""
    verdict: Verdict | None
    """Whether TorchSharp loads the same bits; ``not-run``, with the reason, where it cannot be asked. None where it was
    not to be asked, and for a target that is no .dat."""
    notes: tuple[str, ...]
    """What else is to be known, a sentence each."""


def convert(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    key: str = "",
    form: str = "",
    skip: Iterable[str] = (),
    mapping: Mapping[str, str] | None = None,
    strip_prefix: str = "",
    rename: Iterable[tuple[str, str]] = (),
    add_prefix: str = "",
    dtype: str = "",
    optimizer: str = "",
    groups: str = "",
    force: bool = False,
    verify: bool = True,
    choice: Choice = PINNED,
    tell: Tell | None = None,
    progress: Progress | None = None,
) -> Converted:
    """Convert a model's tensors to another file format, bit for bit; or an optimizer's state to .dat, and back to .pth.

    The target's suffix is its format; the source is known by its content, and where that may be of several formats, by
    ``form`` (a key of ``files.kinds.FORMS``). ``key`` is where in a nested checkpoint the state dict is, ``skip`` has
    names and patterns of names to leave out. Then names change: by ``mapping`` (old to new), without ``strip_prefix``,
    by each ``rename`` (a pattern of ``re`` and its replacement), with ``add_prefix``. ``dtype`` rounds the values of
    floating tensors to that type. ``optimizer`` is the class of torch.optim whose state it has; ``groups`` are the
    sizes of the parameter groups, "2,3", where an optimizer's .dat has several. ``force`` replaces a target that is
    there. With ``verify`` TorchSharp loads a .dat, if .NET is installed: the one of ``choice``
    (``choice_of``). ``tell`` gets the notes as they come.

    The target appears whole or not at all. Raises ModelFileError for what cannot be read, or cannot be written without
    a loss, and OSError.
    """
    notes: list[str] = []

    def note(sentence: str) -> None:
        notes.append(sentence)
        if tell is not None:
            tell(sentence)

    source, target = Path(source), Path(target)
    names = Names(mapping or {}, strip_prefix, tuple(rename), add_prefix)
    conversion: Conversion | OptimizerConversion
    if optimizer or groups or is_optimizer_file(source, form):
        _refuse_for_models_only(
            {
                **{"--skip": [*skip], "--map": mapping, "--strip-prefix": strip_prefix, "--rename": names.rename},
                **{"--add-prefix": add_prefix, "--dtype": dtype},
            }
        )
        conversion = prepare_optimizer(
            source, target, key=key, form=form, name=optimizer, groups=groups, force=force, tell=note
        )
    else:
        conversion = prepare(
            source, target, key=key, form=form, skip=skip, names=names, dtype=dtype, force=force, tell=note
        )
    start, written, size = time.monotonic(), 0, conversion.size

    def advance(count: int) -> None:
        nonlocal written
        written += count
        if progress is not None:
            progress("writing", written, size)

    conversion.write(advance)
    seconds = time.monotonic() - start
    verdict = None
    if verify and target.suffix.lower() == DAT:
        if progress is not None:
            progress("TorchSharp loads it", 0, 0)
        verdict = conversion.verify(note, choice)
    overflowed: Mapping[str, int] = conversion.overflowed if isinstance(conversion, Conversion) else {}
    return Converted(target, conversion.what, target.stat().st_size, seconds, overflowed, verdict, tuple(notes))


def _refuse_for_models_only(options: Mapping[str, object]) -> None:
    for option, given in options.items():
        if given:
            raise ModelFileError(f"{option} is for models; an optimizer's state is converted whole: leave it out")
