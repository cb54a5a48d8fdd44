"""What a process of a command begins with: streams that last, signals that end it tidily. Imports nothing of ours.

A run is worth more than what it prints: when nobody reads its output any more (``| head``), it goes on to its end.
"""

from __future__ import annotations

import errno
import io
import os
import signal
import sys

from typing_extensions import Buffer

WINDOWS = os.name == "nt"
_NOBODY_READS = (errno.EPIPE, errno.EINVAL, errno.EIO)
"""Of a pipe; of a pipe on Windows; of a terminal that is closed."""
_ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
"""What ends a job in CI, a session with its terminal closed, and a job in CI on Windows."""


class Pipe(io.FileIO):
    """A file for writing. After an error all that is written goes nowhere, what other processes write there, too.

    That nobody reads it any more is no error."""

    def write(self, data: Buffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            if error.errno not in _NOBODY_READS:
                raise OSError(error.errno, error.strerror, self.name) from None
            return memoryview(data).nbytes


def begin_command() -> None:
    """Prepare the standard streams, and have the signals that end a process raise KeyboardInterrupt, as Ctrl-C does."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        given = getattr(sys, name)
        if given is None:  # it is closed. In this order each new file gets the number that the stream had
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123
        elif mode == "w":
            setattr(sys, name, _lasting(given))
    for each in _ENDING:
        if signal.getsignal(each) is not signal.SIG_IGN:  # as nohup leaves it
            signal.signal(each, signal.default_int_handler)


def tidy_up_undisturbed() -> None:
    """Ignore these signals from here on: CI sends a second one some seconds after the first."""
    for each in _ENDING:
        signal.signal(each, signal.SIG_IGN)


def _lasting(given: io.TextIOWrapper) -> io.TextIOWrapper:
    """The stream, with ``\\u2026`` in place of a character that it lacks, by ``Pipe``: but for Windows' console, which
    takes no bytes.
    """
    if WINDOWS and given.isatty():
        given.reconfigure(errors="backslashreplace")
        return given
    given.flush()
    pipe = Pipe(given.fileno(), "wb", closefd=False)
    pipe.name = given.name
    return io.TextIOWrapper(
        io.BufferedWriter(pipe),
        encoding=given.encoding,
        errors="backslashreplace",
        line_buffering=given.line_buffering or given.write_through,
    )
