"""Amounts for people to read: a value with its error, in the unit that suits it."""

from __future__ import annotations

import math

from manifest.units import format_bytes, format_duration

_MINUTE, _HOUR = 60.0, 3600.0
_UNITS = ("B", "KB", "MB", "GB", "TB")
_MANY = 120
"""Up to so many of a unit, the next one is not worth it."""
_SURE = 1e-6
"""An error that is a smaller part of its value is rounding."""


def with_error(value: float, error: float | None) -> str:
    """Return a value with its error, both to the error's second digit.

    >>> with_error(8.2134, 0.1312), with_error(81234.5, 1312.0), with_error(3.5, None)
    ('8.21 ± 0.13', '81,234 ± 1,312', '3.5')
    """
    if error is None or error <= abs(value) * _SURE:
        return f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"  # noqa: PLR2004 (digits)
    digits = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:,.{digits}f} ± {error:,.{digits}f}"


def time_with_error(seconds: float, error: float | None) -> str:
    """Return a time.

    >>> time_with_error(3.6123, 0.021), time_with_error(29560, 470)
    ('3.612 ± 0.021 s', '8.21 ± 0.13 h')
    """
    name, scale = time_unit(seconds)
    return f"{with_error(seconds / scale, None if error is None else error / scale)} {name}"


def bytes_with_error(amount: float, error: float | None) -> str:
    """Return an amount of bytes, in the 1024-based units of specs.

    >>> bytes_with_error(1 << 40, 1 << 34)
    '1.000 ± 0.016 TB'
    """
    at = 0
    while amount / 1024**at >= 1000 and at < len(_UNITS) - 1:  # noqa: PLR2004 (three digits)
        at += 1
    scaled = None if error is None else error / 1024**at
    return f"{with_error(amount / 1024**at, scaled)} {_UNITS[at]}"


def time_unit(seconds: float) -> tuple[str, float]:
    """Return the name and the seconds of the unit that suits a time.

    >>> time_unit(90), time_unit(900), time_unit(90000)
    (('s', 1.0), ('min', 60.0), ('h', 3600.0))
    """
    if seconds <= _MANY:
        return "s", 1.0
    return ("min", _MINUTE) if seconds <= _MANY * _MINUTE else ("h", _HOUR)


def short_time(seconds: float) -> str:
    """Return a time in a few characters, as columns need it.

    >>> short_time(0.007012), short_time(0.01234), short_time(12.34), short_time(3723)
    ('0.0070s', '0.0123s', '12.3s', '1h02m')
    """
    if 0 < seconds < 0.01:  # noqa: PLR2004 (three digits would be wider than the column)
        return f"{seconds:.4f}s"
    return f"{seconds:.3g}s" if seconds < _MINUTE else format_duration(seconds)


def short_bytes(amount: float) -> str:
    """Return bytes in a few characters.

    >>> short_bytes(1536.4)
    '1.5 KB'
    """
    return format_bytes(round(amount))
