from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest.units import format_bytes, format_duration, parse_bytes, parse_duration

KB, MB, GB, TB = (1 << power for power in (10, 20, 30, 40))


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("100 B", 100),
        ("100 bytes", 100),
        ("1K", KB),
        ("1 kb", KB),
        ("1KiB", KB),
        (" 500MB ", 500 * MB),
        ("2 GB", 2 * GB),
        ("1.5G", 3 * GB // 2),
        ("0.1 K", 103),
        ("0.0001 B", 1),
        ("3T", 3 * TB),
        ("0 B", 0),
    ],
)
def test_bytes(text: str, amount: int) -> None:
    assert parse_bytes(text) == amount


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2000", "has no unit; write 2000 MB or 2000 GB"),
        ("2 XB", "not an amount"),
        ("-1 GB", "not an amount"),
        ("1e3 MB", "not an amount"),
        ("1,5 GB", "not an amount"),
        ("", "not an amount"),
        ("GB", "not an amount"),
    ],
)
def test_bytes_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_bytes(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("4h", 14400),
        ("90m", 5400),
        ("1h30m", 5400),
        ("1 h 30 min", 5400),
        ("1d", 86400),
        ("2 days", 172800),
        ("90s", 90),
        ("1.1h", 3960),
        ("0.1s", 1),
        ("1.5m", 90),
        ("01:30:00", 5400),
        ("100:00:00", 360000),
        ("1-02:00:00", 93600),
    ],
)
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("4:00", "minutes to SLURM and hours to LSF; write 4h or 4m"),
        ("90", "has no unit; write 90h, 90m or 90s"),
        ("", "not a length of time"),
        ("4x", "not a length of time"),
        ("h", "not a length of time"),
        ("1:60:00", "not a length of time"),
        ("-4h", "not a length of time"),
        ("4h later", "not a length of time"),
    ],
)
def test_durations_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_duration(text)


@given(st.integers(0, 10**6), st.integers(0, 999), st.sampled_from("KMGT"))
def test_a_fraction_of_a_byte_is_rounded_up(whole: int, thousandths: int, unit: str) -> None:
    exact = (whole + Fraction(thousandths, 1000)) * {"K": KB, "M": MB, "G": GB, "T": TB}[unit]
    assert 0 <= parse_bytes(f"{whole}.{thousandths:03} {unit}B") - exact < 1


@given(st.integers(0, 999 * TB))
def test_shown_bytes_read_back_to_four_digits(amount: int) -> None:
    assert abs(parse_bytes(format_bytes(amount)) - amount) <= amount / 1000


@given(st.integers(0, 10**8))
def test_shown_times_read_back(seconds: int) -> None:
    unit = 1 if seconds < 3600 else 60 if seconds < 86400 else 3600
    assert 0 <= seconds - parse_duration(format_duration(seconds)) < unit


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0 B"), (1023, "1023 B"), (2 * GB, "2 GB"), (3 * GB // 2, "1.5 GB"), (5 * TB, "5 TB")],
)
def test_bytes_as_shown(amount: int, text: str) -> None:
    assert format_bytes(amount) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (3.24, "3.2s"), (250, "4m10s"), (3599.7, "1h00m"), (93600, "1d02h")],
)
def test_durations_as_shown(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
