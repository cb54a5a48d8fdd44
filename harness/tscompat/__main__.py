"""``tscompat`` and ``python -m tscompat``: the process of a command, and how it ends. May import values, resources,
cli."""

from __future__ import annotations

import sys
import traceback
from contextlib import suppress

from tscompat.resources.command import begin_command
from tscompat.values.text import reason

COULD_NOT_RUN, INTERRUPTED = 2, 130


def main() -> None:
    """The entry point. Exit codes: 0 fine, 1 an incompatibility, 2 could not run, 130 interrupted."""
    begin_command()
    sys.exit(exit_code())


def exit_code() -> int | str | None:
    """Run the command that the arguments of the process name. Returns its exit code."""
    try:
        from tscompat.cli import app  # takes a second, in which Ctrl-C can come

        try:
            app(prog_name="tscompat")
        finally:
            sys.stdout.flush()
    except SystemExit as ended:
        if ended.code != INTERRUPTED:
            return ended.code
    except KeyboardInterrupt:
        pass
    except (OSError, ImportError, MemoryError) as error:
        _last_words(f"could not run: {reason(error) or 'out of memory'}")
        return COULD_NOT_RUN
    except Exception:  # Python would exit with 1, which means an incompatibility here
        _last_words(traceback.format_exc())
        return COULD_NOT_RUN
    _last_words("interrupted")
    return INTERRUPTED


def _last_words(words: str) -> None:
    with suppress(OSError):  # where nothing can be written, the exit code is all that there is
        print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
