"""What farmhand says: data to stdout, talk to stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import orjson


def say(text: str) -> None:
    """Say something to the person, on stderr."""
    sys.stdout.flush()  # into one file, the two stay in order
    print(text, file=sys.stderr)  # noqa: T201 (this is the mouth)


def warn(text: str) -> None:
    """Warn the person, on stderr."""
    say(f"warning: {text}")


def give(text: str) -> None:
    """Give a line of data, on stdout."""
    print(text)  # noqa: T201 (as above)


def give_json(data: Any) -> None:  # noqa: ANN401 (any JSON)
    """Give data as JSON, on stdout."""
    sys.stdout.write(orjson.dumps(data, option=orjson.OPT_INDENT_2).decode() + "\n")


def some(names: Sequence[str], most: int = 3) -> str:
    """Return the first of many names: ``a, b, c and 4 more``."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def short_path(path: str) -> str:
    """Return a path as a person would write it from here."""
    relative = os.path.relpath(path)
    return path if relative.startswith("../..") else relative
