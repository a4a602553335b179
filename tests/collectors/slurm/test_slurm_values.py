from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.slurm_columns import parse_memory
from collectors.slurm_rows import parse_duration, parse_size, parse_time, script_of, told


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("00:00:00", 0), ("00:00:05", 5), ("01:02:03", 3723), ("2-01:02:03", 176523),
        ("365-00:00:00", 31_536_000), ("00:01.234", 1.234), ("03:07", 187), ("1:00", 60),
        ("1:02:03", 3723), ("00:00.001", 0.001), ("61:00:00", 219_600),
        ("UNLIMITED", None), ("Partition_Limit", None), ("NOT_SET", None), ("INVALID", None),
        ("", None), ("5", None), ("-1:00", None), ("1:2:3:4", None), ("٣:٤", None),
        ("1:00\n", None),
        ("9" * 5000 + ":00", None),
    ],
)  # fmt: skip
def test_durations(text: str, seconds: float | None) -> None:
    assert parse_duration(text) == seconds


@given(st.integers(0, 400 * 86_400), st.integers(0, 999))
def test_durations_read_back(seconds: int, thousandths: int) -> None:
    days, rest = divmod(seconds, 86_400)
    clock = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    assert parse_duration(f"{days}-{clock}" if days else clock) == seconds
    short = f"{seconds // 60 % 60:02}:{seconds % 60:02}.{thousandths:03}"
    assert parse_duration(short) == pytest.approx(seconds % 3600 + thousandths / 1000)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", (0, "")), ("4000M", (4000 << 20, "")), ("2345K", (2345 << 10, "")),
        ("1.50G", (3 << 29, "")), ("4Gn", (4 << 30, "n")), ("2Gc", (2 << 30, "c")),
        ("123456", (123_456, "")), ("1T", (1 << 40, "")), ("0n", (0, "n")),
        ("3.2M", (3_355_443, "")),
        ("16?", None), ("", None), ("M", None), ("-5M", None), ("1e3", None), ("5MB", None),
        ("9" * 5000, None), ("٣K", None), ("1K\n", None),
        ("1\u212a", None), ("1k", (1024, "")),
    ],
)  # fmt: skip
def test_sizes(text: str, size: tuple[int, str] | None) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "cpus", "asked"),
    [
        ("4000M", 8, 4000 << 20),
        ("4000", 8, 4000 << 20),
        ("4Gn", 8, 4 << 30),
        ("2Gc", 8, 16 << 30),
        ("2Gc", None, None),
        ("0", 8, None),
        ("0n", 8, None),
        ("", 8, None),
        ("what", 8, None),
    ],
)
def test_memory_asked_for(text: str, cpus: int | None, asked: int | None) -> None:
    assert parse_memory(text, cpus) == asked


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York"])
def test_times_are_the_same_in_seconds_and_as_dates(
    monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        for moment in 1_760_000_000, 1_767_225_599:
            assert parse_time(str(moment)) == moment
            assert (
                parse_time(datetime.fromtimestamp(moment, UTC).astimezone().isoformat()) == moment
            )
            local = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(moment))
            assert parse_time(local) == moment
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "text",
    [
        "Unknown", "None", "N/A", "", "(null)", "0", "4294967294", "4294967295", "9" * 5000,
        "12:34:56", "Ystday 12:00", "0001-01-01T00:00:00", "9999-12-31T23:59:59",
        "2025-13-01T00:00:00", "-1", "x",
    ],
)  # fmt: skip
def test_no_times(text: str) -> None:
    assert parse_time(text) is None


@given(st.text(max_size=30) | st.from_regex(r"[0-9T:.+-]{1,25}", fullmatch=True))
def test_any_text_is_a_value_or_none(text: str) -> None:
    for parse in parse_time, parse_duration, parse_size, told:
        parse(text)


def test_words_for_nothing() -> None:
    for text in None, "", "None", "(null)", "N/A", "Unknown", "None assigned", "n/a":
        assert told(text) is None
    assert told("JobHeldUser") == "JobHeldUser"


@pytest.mark.parametrize(
    ("line", "workdir", "script"),
    [
        ("sbatch /r/slurm_array_job.sh", "/r", "/r/slurm_array_job.sh"),
        ("sbatch /r/slurm_array_job.2.sh", "/r", "/r/slurm_array_job.2.sh"),
        ("sbatch -p long slurm_array_job.sh", "/r", "slurm_array_job.sh"),
        ("sbatch /r/resubmit-1/slurm_array_job.sh", "/r", "/r/resubmit-1/slurm_array_job.sh"),
        # SLURM joins the words with blanks and quotes none: seen with 22.05
        ("sbatch --chdir=/w/run a /w/run a/slurm_array_job.sh", "/w/run a",
         "/w/run a/slurm_array_job.sh"),
        ("sbatch /w/run a/slurm_array_job.sh", "/w/run a/", "/w/run a/slurm_array_job.sh"),
        ("sbatch /w/run a/slurm_array_job.sh", None, "a/slurm_array_job.sh"),
        ("sbatch /r/slurm_array_job.sh ", "/r", "/r/slurm_array_job.sh"),
        ("sbatch x.sh ", "/r", "x.sh"),
        ("sbatch --chdir=/r --wrap=sleep 600", "/r", None),
        ("sbatch --wrap /r/x.sh", "/r", None),
        ("sbatch", "/r", None),
        ("sbatch --array=0-3", "/r", None),
        ("", "/r", None),
        ("", None, None),
        ("sbatch ", "/", None),
    ],
)  # fmt: skip
def test_the_script_of_a_submit_line(line: str, workdir: str | None, script: str | None) -> None:
    assert script_of(line, workdir) == script
