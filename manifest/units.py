"""Amounts with units, parsed once at the edge into whole bytes and whole seconds.

K, M, G and T, with or without B or iB, are all 1024-based: SLURM and HTCondor both mean 1024 MB
by 1 GB (sbatch(1) --mem, condor_submit request_memory), so a stricter reading would ask for less
than the user's other scripts do.
"""

from __future__ import annotations

import re
import time
from fractions import Fraction
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, SerializationInfo

_BYTES = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:([KMGT])(?:i?B)?|B|bytes?)\s*", re.IGNORECASE)
_PART = re.compile(
    r"(\d+(?:\.\d+)?)\s*(d(?:ays?)?|h(?:ours?)?|m(?:in(?:utes?)?)?|s(?:ec(?:onds?)?)?)\s*"
)
MIB = 1 << 20
_SCALE = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


def parse_bytes(text: str) -> int:
    """Return whole bytes (rounded up) for texts such as ``2 GB``, ``1.5G``, ``100 B``.

    Raises:
        ValueError: no unit, an unknown unit, or not a number.
    """
    match = _BYTES.fullmatch(text)
    if not match:
        if re.fullmatch(r"\s*\d+(\.\d+)?\s*", text):
            message = f"'{text}' has no unit; write {text.strip()} MB or {text.strip()} GB"
        else:
            message = f"'{text}' is not an amount of bytes; write for example 500 MB or 2 GB"
        raise ValueError(message)
    number, scale = match.groups()
    whole, _, fraction = number.partition(".")
    unit = _SCALE[scale.upper()] if scale else 1
    denominator: int = 10 ** len(fraction)
    return -(-int(whole + fraction) * unit // denominator)


def parse_duration(text: str) -> int:
    """Return whole seconds for ``4h``, ``1h30m``, ``90s``, ``1d``, ``01:30:00`` or ``1-02:00:00``.

    Two-field times are refused: ``4:00`` is four minutes to SLURM and four hours to LSF.

    Raises:
        ValueError: the text is none of these.
    """
    stripped = text.strip()
    if re.fullmatch(r"\d+:\d+", stripped):
        first = stripped.split(":", maxsplit=1)[0]
        message = (
            f"'{stripped}' means minutes to SLURM and hours to LSF; write {first}h or {first}m"
        )
        raise ValueError(message)
    clock = re.fullmatch(r"(?:(\d+)-)?(\d+):([0-5]?\d):([0-5]?\d)", stripped)
    if clock:
        days, hours, minutes, seconds = (int(part or 0) for part in clock.groups())
        return days * 86400 + hours * 3600 + minutes * 60 + seconds
    if re.fullmatch(r"\d+(\.\d+)?", stripped):
        message = f"'{stripped}' has no unit; write {stripped}h, {stripped}m or {stripped}s"
        raise ValueError(message)
    total, position = Fraction(), 0  # 1.1 * 3600 is more than 3960 in floating point
    while match := _PART.match(stripped, position):
        total += Fraction(match[1]) * _SECONDS[match[2][0]]
        position = match.end()
    if not stripped or position != len(stripped):
        message = f"'{text}' is not a length of time; write for example 4h, 90m or 1h30m"
        raise ValueError(message)
    return -int(-total // 1)


def format_bytes(amount: int) -> str:
    """Return a short text such as ``2.0 GB``, 1024-based like the units that users write."""
    if amount < 1 << 10:
        return f"{amount} B"
    for suffix, scale in (("KB", 1 << 10), ("MB", 1 << 20), ("GB", 1 << 30)):
        if amount < scale << 10:
            return f"{amount / scale:.4g} {suffix}"
    return f"{amount / (1 << 40):.4g} TB"


def format_duration(seconds: float) -> str:
    """Return a short text such as ``3.2s``, ``4m10s`` or ``1d02h``."""
    if seconds < 60:  # noqa: PLR2004 (sixty seconds to a minute)
        return f"{seconds:.1f}s" if seconds % 1 else f"{int(seconds)}s"
    whole = round(seconds)
    minutes, secs = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d{hours:02}h"
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{secs:02}s"


def format_time(seconds: float) -> str:
    """Return a time since the epoch in UTC, as manifests show it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _bytes(value: Any) -> Any:  # noqa: ANN401 (pydantic hands over whatever stood in the spec)
    return parse_bytes(value) if isinstance(value, str) else value


def _seconds(value: Any) -> Any:  # noqa: ANN401 (as above)
    return parse_duration(value) if isinstance(value, str) else value


def _spelled(unit: str) -> PlainSerializer:
    """Return how a number is written: with its unit where a spec is (``SPELLED``), else bare."""

    def write(value: int, info: SerializationInfo) -> int | str:
        return f"{value}{unit}" if info.context is SPELLED else value

    return PlainSerializer(write)


SPELLED = object()
"""Context of ``model_dump``: what is written can be read as a spec again."""

Bytes = Annotated[int, BeforeValidator(_bytes), Field(ge=0), _spelled(" B")]
"""Whole bytes; text such as ``2 GB`` is accepted, a bare number in text is not."""

Seconds = Annotated[int, BeforeValidator(_seconds), Field(gt=0), _spelled("s")]
"""Whole seconds; text such as ``4h`` is accepted, ``4:00`` is not."""
