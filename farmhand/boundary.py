"""The one place where errors become messages and exit codes."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from typing import NoReturn

from manifest.errors import FarmhandError, UserError

BUG = 3
INTERRUPTED = 130


def guarded(action: Callable[[], object]) -> NoReturn:
    """Run ``action`` and leave the process with the right exit code; no traceback for a user."""
    # Nothing here makes cycles by the thousand; looking for them costs a fifth of a collect.
    gc.set_threshold(200_000, 50, 50)
    _mend_streams()
    try:
        _perform(action)
        sys.exit(0)
    except UserError as error:
        _say(f"farmhand: {error}")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _say("farmhand: interrupted")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader (head, less) has gone: stop quietly, the way other programs do.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)
    except OSError as error:
        _give_up_unwritten()
        _say(f"farmhand: {error.strerror or error}")
        if error.filename:
            _say(f"  where: {error.filename}")
        sys.exit(UserError.exit_code)
    except (FarmhandError, Exception) as error:  # noqa: BLE001 (the boundary: nothing may pass)
        _report_bug(error)
        sys.exit(BUG)


def _perform(action: Callable[[], object]) -> None:
    try:
        action()
    except SystemExit as leaving:
        # Typer has answers of its own to ^C (no word) and to a reader who has gone (exit code 1,
        # which here means that the answer is no): go back to what it answered.
        cause = leaving.__context__
        while cause is not None:
            if isinstance(cause, KeyboardInterrupt | BrokenPipeError):
                raise cause from None
            cause = cause.__context__
        sys.stdout.flush()
        raise
    sys.stdout.flush()


def _mend_streams() -> None:
    """Open what the caller has closed, and let every text be printed whatever the locale."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # a file opened later must not become the standard output
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 (stays)
    if isinstance(sys.stdout, io.TextIOWrapper):
        utf8 = sys.stdout.encoding.lower() in ("utf-8", "utf8")
        # Names of files come out byte for byte where that can be.
        sys.stdout.reconfigure(errors="surrogateescape" if utf8 else "backslashreplace")


def _give_up_unwritten() -> None:
    """Drop what standard output does not take: Python would try again at the very end, and fail."""
    try:
        sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(text: str) -> None:
    try:
        print(text, file=sys.stderr, flush=True)  # noqa: T201 (the boundary speaks for everybody)
    except OSError:  # a full disk: what could not be said must not be tried again at the very end
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _report_bug(error: BaseException) -> None:
    from farmhand import __version__  # noqa: PLC0415 (only for the report)

    text = "".join(traceback.format_exception(error))
    text = f"farmhand {__version__}, Python {sys.version}\n{sys.argv!r}\n\n{text}"
    try:
        handle, path = tempfile.mkstemp(prefix="farmhand-bug-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(text)
    except OSError:
        path = None
    _say(f"farmhand: a bug: {type(error).__name__}: {error}")
    _say(f"  to do: please report it with {path}" if path else text)
