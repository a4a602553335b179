"""The one place where errors become messages and exit codes."""

from __future__ import annotations

import gc
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
    try:
        action()
        sys.stdout.flush()
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
        _say(f"farmhand: {error.strerror or error}")
        if error.filename:
            _say(f"  where: {error.filename}")
        sys.exit(UserError.exit_code)
    except (FarmhandError, Exception) as error:  # noqa: BLE001 (the boundary: nothing may pass)
        _report_bug(error)
        sys.exit(BUG)


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201 (the boundary speaks for everybody)


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
