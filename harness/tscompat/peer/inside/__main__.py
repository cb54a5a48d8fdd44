"""``python -m tscompat.peer.inside PUBLISH``: answers one JSON line for each JSON line, until the pipe closes.

An unknown call or a description with an unknown or missing part is refused, never answered with something close to it.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any, TextIO

import psutil

from . import clr
from .calls import CALLS, Refusal


def main() -> None:
    """Take the pipe, load .NET, answer."""
    requests, answers = _take_pipe()
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    dotnet = clr.load(Path(sys.argv[1]))
    _say(answers, {"ready": dotnet.versions})
    for line in requests:
        _say(answers, _answer(dotnet, json.loads(line)))


def _take_pipe() -> tuple[TextIO, TextIO]:
    """Keep stdin and stdout for the protocol alone: what native code prints goes to stderr, which is the peer's log."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    return os.fdopen(0, encoding="utf-8", closefd=False), answers


def _leave_with_parent() -> None:
    """A killed worker leaves no orphan, not even one that hangs in a call and does not see its pipe close."""
    parent = psutil.Process(os.getppid())
    while parent.is_running() and parent.status() != psutil.STATUS_ZOMBIE:
        time.sleep(1)
    os._exit(3)


def _say(answers: TextIO, message: dict[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


def _answer(dotnet: clr.Dotnet, request: dict[str, Any]) -> dict[str, Any]:
    name = request.pop("call", None)
    if name not in CALLS:
        return {"refusal": f"unknown call {name!r}; this peer knows {', '.join(CALLS)}"}
    try:
        return CALLS[name](dotnet, request)
    except Refusal as refusal:
        return {"refusal": str(refusal)}


if __name__ == "__main__":
    main()
