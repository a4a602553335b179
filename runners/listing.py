"""What a command of the user's prints, taken whole: names of files, one a line."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from manifest.errors import UserError


def listing(argv: Sequence[str], cwd: str, timeout_s: float, where: str) -> str:
    """Run a command to its end and return what it printed; its stderr is the user's.

    Raises:
        UserError: it cannot be started, fails, takes too long, or prints no text.
    """
    try:
        done = subprocess.run(
            argv, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=timeout_s,
            check=False,
        )  # fmt: skip
        text = done.stdout.decode("utf-8")
    except subprocess.TimeoutExpired as error:
        raise UserError(f"'{argv[0]}' took longer than {timeout_s:.0f} s", where=where) from error
    except UnicodeDecodeError as error:
        raise UserError(f"what '{argv[0]}' prints is not UTF-8", where=where) from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UserError(
            f"'{argv[0]}' cannot be started: {why}",
            where=where,
            hint="the command is a list of words, run in the spec's directory without a shell",
        ) from error
    if done.returncode != 0:
        how = (
            f"exit code {done.returncode}" if done.returncode > 0 else f"signal {-done.returncode}"
        )
        raise UserError(
            f"'{argv[0]}' failed with {how}; it should print the names of files", where=where
        )
    return text
