"""``python -m tscompat.dotnet_side.inside PUBLISH WORKER``: answers each JSON line with one, until the pipe closes.

An unknown call or a description with an unknown or missing part is refused, never answered with something close to it.
WORKER is the id of the process that the peer works for, and leaves with.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

import psutil

from . import clr
from .calls import CALLS
from .work import Refusal

FAULT_LINES = 10


def main() -> None:
    """Take the pipe, load .NET, answer."""
    publish, worker = sys.argv[1:]
    requests, answers = _take_pipe()
    threading.Thread(target=_leave_with, args=[int(worker)], daemon=True).start()
    dotnet = clr.load(Path(publish))
    _say(answers, json.dumps({"ready": dotnet.versions}))
    for line in requests:
        _say(answers, _answer(dotnet, line))
    os._exit(0)  # nothing is left to be written, and the ends of .NET and libtorch take a second


def _take_pipe() -> tuple[TextIO, TextIO]:
    """Keep stdin and stdout for the protocol alone: what native code prints goes to stderr, which is the peer's log."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    return os.fdopen(0, encoding="utf-8", closefd=False), answers


def _leave_with(worker: int) -> None:
    """A killed worker leaves no orphan, not even one that hangs in a call and does not see its pipe close.

    The parent would not do: on Windows it is the launcher of the virtual environment, which waits for this process.
    """
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(worker)
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(1)
    os._exit(3)


def _say(answers: TextIO, line: str) -> None:
    answers.write(line + "\n")
    answers.flush()


def _answer(dotnet: clr.Dotnet, line: str) -> str:
    """The outermost door: a fault of ours is told as one; if it ended this process, TorchSharp would be blamed."""
    try:
        return json.dumps(_reply(dotnet, json.loads(line)))
    except Refusal as refusal:
        return json.dumps({"refusal": str(refusal)})
    except Exception:
        return json.dumps({"fault": "\n".join(traceback.format_exc().splitlines()[-FAULT_LINES:])})


def _reply(dotnet: clr.Dotnet, request: dict[str, Any]) -> dict[str, Any]:
    name = request.pop("call", None)
    if name not in CALLS:
        raise Refusal(f"unknown call {name!r}; this peer knows {', '.join(CALLS)}")
    return CALLS[name](dotnet, request)


if __name__ == "__main__":
    main()
