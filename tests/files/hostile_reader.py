"""A process that reads model files which may be hostile, within limits of time and memory.

test_hostile_files starts it. Each line of its input is a path, as JSON; its answer is an ``Answer``. The limits are the
system's: an address space of ``MEMORY`` bytes above the start, and an alarm after ``SECONDS``.
"""

from __future__ import annotations

import gc
import hashlib
import json
import resource
import signal
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypedDict

from tscompat.files.item import Contents, Item, ModelFileError, Unfit
from tscompat.files.kinds import read

SECONDS = 10
MEMORY = 1 << 30
_MOST_ELEMENTS = 1 << 30
"""Bytes of elements that are read: a conversion of more is refused where the disk has no room for it."""


class Answer(TypedDict):
    """What came of a file."""

    tensors: dict[str, str] | None
    """Dtype, shape and SHA-256 of each tensor by its name; None if the file was refused."""
    sentence: str
    """The refusal, or what else was raised."""
    refused: bool
    """Whether it was refused with ModelFileError, or as it would be by a conversion."""
    notes: list[str]
    seconds: float
    """Of processor time."""
    memory: int
    """The largest resident size above that at the start, in bytes."""


class TooLong(BaseException):
    """The alarm."""


def _alarm(*_: object) -> None:
    raise TooLong


def _status(name: str) -> int:
    """A number of bytes in /proc/self/status."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(f"{name}:"))


@contextmanager
def _limited() -> Generator[None]:
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_status("VmSize") + MEMORY, hard))
    signal.setitimer(signal.ITIMER_REAL, 6 * SECONDS)  # others use the processor too
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


def _refusal(contents: Contents) -> str:
    """Why a conversion would refuse the contents; empty if it would not."""
    odd = next((each for each in contents if isinstance(each, Unfit)), None)
    names = [each.name for each in contents]
    if odd:
        return odd.why
    if not contents:
        return "there are no tensors left to convert"
    if len(set(names)) < len(names):
        return "several tensors have one name"
    return "the name has no UTF-8 form" if any(not _has_utf8(name) for name in names) else ""


def _has_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _hashes(contents: Contents) -> dict[str, str]:
    found: dict[str, str] = {}
    left = _MOST_ELEMENTS
    for item in contents:
        assert isinstance(item, Item)
        left -= item.nbytes
        if left < 0:
            break
        data = memoryview(item.read()).cast("B")
        assert len(data) == item.nbytes, f"{item.name} has {len(data)} bytes of {item.nbytes}"
        found[item.name] = f"{item.dtype.name} {[*item.shape]} {hashlib.sha256(data).hexdigest()}"
    return found


def _read(path: Path, options: dict[str, str], notes: list[str]) -> tuple[dict[str, str] | None, str, bool]:
    try:
        contents = read(path, options.get("key", ""), notes.append, options.get("form", "")).contents
        refusal = _refusal(contents)
        return (None, refusal, True) if refusal else (_hashes(contents), "", False)
    except ModelFileError as error:
        return None, str(error), True
    except TooLong:
        return None, f"more than {6 * SECONDS} seconds", False
    except BaseException as error:
        return None, f"{type(error).__name__}: {str(error)[:500]}", False


def answer(path: Path, options: dict[str, str]) -> Answer:
    """Read a file within the limits."""
    gc.collect()
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # the largest size begins anew
    start = time.process_time()
    notes: list[str] = []
    with _limited():
        tensors, sentence, refused = _read(path, options, notes)
    seconds = time.process_time() - start
    peak = _status("VmHWM") - before
    return Answer(
        tensors=tensors, sentence=sentence, refused=refused, notes=notes, seconds=seconds, memory=max(peak, 0)
    )


def main() -> None:
    signal.signal(signal.SIGALRM, _alarm)
    for line in sys.stdin:
        asked: Any = json.loads(line)
        made = answer(Path(asked["path"]), asked["options"])
        print(json.dumps(made), flush=True)


if __name__ == "__main__":
    main()
