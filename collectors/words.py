"""Pieces of evidence in words."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

from manifest.units import format_bytes


def signal_name(number: int | None) -> str:
    """Return ``SIGKILL`` for 9; a number without a name stays a number."""
    try:
        return signal.Signals(number or 0).name
    except ValueError:
        return str(number)


def with_text(text: str) -> str:
    """Return a text as a further piece of evidence; nothing stays nothing."""
    return f"; {text}" if text else ""


def struck_text(oom: Mapping[str, Any]) -> str:
    """Return how a job was killed for its memory, from the pool's journal.

    >>> struck_text({"by": "pool", "bytes": 3 << 30, "request": 2 << 30, "why": "64 MB were free"})
    'peak 3 GB > request 2 GB: killed by the pool, 64 MB were free'
    """
    peak, request = oom.get("bytes"), oom.get("request")
    known = f"peak {format_bytes(peak)}" if isinstance(peak, int) else "peak not known"
    if not isinstance(request, int):
        asked = ", no memory asked for"
    elif isinstance(peak, int) and peak > request:
        asked = f" > request {format_bytes(request)}"
    else:
        asked = f", request {format_bytes(request)}"
    return f"{known}{asked}: killed by the {oom.get('by')}, {oom.get('why')}"
