"""Pieces of evidence in words."""

from __future__ import annotations

import signal


def signal_name(number: int | None) -> str:
    """Return ``SIGKILL`` for 9; a number without a name stays a number."""
    try:
        return signal.Signals(number or 0).name
    except ValueError:
        return str(number)


def with_text(text: str) -> str:
    """Return a text as a further piece of evidence; nothing stays nothing."""
    return f"; {text}" if text else ""
