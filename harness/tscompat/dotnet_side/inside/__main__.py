"""``python -m tscompat.dotnet_side.inside PUBLISH WORKER``: answers each call with a reply, until the pipe closes.

The messages are those of ``dotnet_side.messages``. WORKER is the id of the process that the peer works for: the peer
ends when that process ends. Imports its neighbours and values.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec
import psutil

from tscompat.dotnet_side.messages import TAKEN, Fault, Ready, Refusal, Reply, decode_call, encode
from tscompat.values.text import escaped

from . import clr
from .calls import reply
from .work import Refused

FAULT_LINES = 10


def main() -> None:
    """Take the pipe, load .NET, and answer calls until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole family, and the worker closes the pipe
    # What .NET makes for debuggers in the temporary folder would stay there after the hard exit below.
    os.environ["DOTNET_EnableDiagnostics"] = "0"  # noqa: SIM112
    publish, worker = sys.argv[1:]
    calls, replies = _take_pipe()
    threading.Thread(target=_leave_with, args=[int(worker)], daemon=True).start()
    try:
        dotnet = clr.load(Path(publish))
    except clr.Unusable as error:
        sys.exit(str(error))
    _send(replies, Reply(Ready(dotnet.versions), 0.0))
    for line in calls:
        replies.write(TAKEN)
        replies.flush()
        _send(replies, _reply(dotnet, line))
    os._exit(0)  # nothing is left to write, and to shut down .NET and libtorch takes a second


def _take_pipe() -> tuple[BinaryIO, BinaryIO]:
    """Keep stdin and stdout for messages, and return both. What others print goes to stderr, the peer's log, and who
    reads finds an end.
    """
    calls, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return calls, replies


def _leave_with(worker: int) -> None:
    """End this process when the worker ends, even while a call hangs and this process does not see its pipe close.

    To watch the parent process is not enough: on Windows it is the launcher of the virtual environment, which waits for
    this process.
    """
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(worker)
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(1)
    os._exit(3)


def _send(replies: BinaryIO, message: Reply) -> None:
    replies.write(encode(message) + b"\n")
    replies.flush()


def _reply(dotnet: clr.Dotnet, line: bytes) -> Reply:
    """Answer one line. A fault of ours is an answer, too: if it ended this process, TorchSharp would be blamed."""
    try:
        return reply(dotnet, decode_call(line))
    except (Refused, msgspec.MsgspecError) as refused:
        return Reply(Refusal(escaped(str(refused))), 0.0)
    except Exception:
        return Reply(Fault(escaped("\n".join(traceback.format_exc().splitlines()[-FAULT_LINES:]))), 0.0)


if __name__ == "__main__":
    main()
