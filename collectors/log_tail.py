"""The first line of the error in what a failed attempt printed."""

from __future__ import annotations

import os
import re

_TAIL = 16 << 10
_SHOWN = 200
_ERROR = re.compile(
    r"error|exception|fatal|abort|fail|cannot|could not|killed|denied|not found|no such|no space"
    r"|quota|segmentation|assert|terminate called",
    re.IGNORECASE,
)
_TRACEBACK = "Traceback (most recent call last):"


def tail_lines(path: str) -> list[str]:
    """Return the last lines of a file, at most 16 KB; a file that cannot be read has none."""
    try:
        with open(path, "rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            stream.seek(max(0, size - _TAIL))
            data = stream.read(_TAIL)
    except OSError:
        return []
    text = data.decode("utf-8", "replace")
    return [_clean(line) for line in text.splitlines() if line.strip()]


def first_error(path: str) -> str:
    """Return the line that says what went wrong, or ''.

    Of a Python traceback the last line, else the first line that sounds like an error, else the
    last line of all.
    """
    lines = tail_lines(path)
    if not lines:
        return ""
    for position, line in enumerate(lines):
        if line == _TRACEBACK:
            after = (text for text in lines[position + 1 :] if not text.startswith((" ", "\t")))
            return next(after, lines[-1])[:_SHOWN].strip()
        if _ERROR.search(line):
            return line[:_SHOWN].strip()
    return lines[-1][:_SHOWN].strip()


def _clean(line: str) -> str:
    return "".join(c if c.isprintable() or c == "\t" else "?" for c in line.rstrip())
