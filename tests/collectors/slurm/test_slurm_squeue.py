"""squeue's listings; lines that look real were printed by SLURM 22.05."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.slurm_rows import DELIMITER, SlurmRow
from collectors.slurm_squeue import FORMAT, read_squeue

HEADER = (
    "JOBID|STATE|REASON|RESTART_COUNT|SUBMIT_TIME|START_TIME|TIME|TIME_LIMIT|CPUS|NODELIST|NAME"
    "|WORK_DIR|COMMAND"
)
LINES = """\
13080014_[0-1000]|PENDING|JobHeldUser|0|1795436486|N/A|0:00|UNLIMITED|1||pv.big|/pv|/pv/run a/job.sh
13080013|PENDING|JobHeldUser|0|1795436486|N/A|0:00|UNLIMITED|1||pv spaced name|/pv|(null)
13080012_[12-99:3%4]|PENDING|JobArrayTaskLimit|0|1795436486|N/A|0:00|1-02:00:00|2||pv.held|/pv|/pv/j
13080010_7|RUNNING|None|1|1795436540|1795436551|4:24|365-00:00:00|1|n1|pv.1|/pv|/pv/job.sh
13080022_2|SPECIAL_EXIT|job requeued in held state|1|1795436542|N/A|0:00|5:00|1||pv.rq|/pv|/pv/j
13080010_6|COMPLETING|None|1|1795436540|1795436551|1-00:00:01|NOT_SET|1|n[1-2]|pv.1|/pv|/pv/j a b
"""


def read(text: str, unread: int = 0) -> list[SlurmRow]:
    parsed = read_squeue(text)
    assert parsed.unread == unread
    return parsed.rows


def ours(lines: str) -> str:
    return lines.replace("|", DELIMITER)


def test_what_waits_and_what_runs() -> None:
    big, single, throttled, running, special, completing = read(f"{HEADER}\n{LINES}")
    assert running == SlurmRow(
        job=13080010, elements=(range(7, 8),), truncated=False, source="squeue", state="RUNNING",
        flags=frozenset(), by=None, code=None, signal=None, reason=None, submit=1795436540.0,
        start=1795436551.0, end=None, elapsed_s=264, limit_s=31_536_000, nodes="n1", name="pv.1",
        workdir="/pv", script="/pv/job.sh", asked_memory=None, peak=None, cpus=1, cpu_s=None,
        oom=False, restarts=1,
    )  # fmt: skip
    assert (big.elements, big.reason, big.start) == ((range(1001),), "JobHeldUser", None)
    assert (big.elapsed_s, big.limit_s, big.nodes) == (None, None, None)
    assert big.script == "/pv/run a/job.sh", "squeue gives the whole path, blanks and all"
    assert (single.elements, single.name, single.script) == (None, "pv spaced name", None)
    assert (throttled.elements, throttled.limit_s, throttled.cpus) == (
        (range(12, 100, 3),), 93_600, 2,
    )  # fmt: skip
    assert (special.state, special.flags) == ("PENDING", {"SPECIAL_EXIT"})
    assert special.reason == "job requeued in held state"
    assert (completing.state, completing.flags) == ("RUNNING", {"COMPLETING"})
    assert completing.elapsed_s == 86_401
    assert completing.script == "/pv/j a b"


def test_with_our_delimiter_with_and_without_header() -> None:
    rows = read(f"{HEADER}\n{LINES}")
    assert read(ours(f"{HEADER}\n{LINES}")) == rows
    assert read(ours(LINES)) == rows


def test_the_format_asks_for_what_is_read() -> None:
    columns = [part.split(":") for part in FORMAT.split(",")]
    assert [suffix for _, suffix in columns] == [DELIMITER] * 12 + [""]
    assert len(columns) == len(HEADER.split("|"))
    assert not any(suffix[:1].isdecimal() for _, suffix in columns), "a width would cut"


def test_letters_of_the_short_format() -> None:
    text = "JOBID|ARRAY_JOB_ID|JOBID|ST|NODELIST(REASON)\n123_[4-5]|123|124|PD|(Priority)\n"
    (row,) = read(text)
    assert (row.job, row.elements, row.state, row.reason) == (123, (range(4, 6),), "PENDING", None)


@pytest.mark.parametrize(
    "line",
    [
        "rubbish", "CLUSTER: main", "slurm_load_jobs error: Unable to contact slurm controller",
        "123", "123|RUNNING", "|" * 12, LINES.split("\n")[3].replace("13080010_7", "13080010_x"),
        LINES.split("\n")[3].replace("13080010_7", "13080010_7.batch"),
        LINES.split("\n")[3].replace("|/pv|/pv/job.sh", ""),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_read_costs_itself_only(line: str) -> None:
    rows = read(f"{HEADER}\n{LINES}")
    text = ours(f"{line}\n{HEADER}\n{line}\n\n{LINES}{line}\n")
    assert read(text, unread=3) == rows


def test_a_command_with_the_delimiter() -> None:
    text = ours(f"{HEADER}\n{LINES}").replace("/pv/j a b", f"/pv/j a{DELIMITER}b")
    assert read(text)[-1].script == f"/pv/j a{DELIMITER}b"


def test_a_command_with_a_line_break() -> None:
    first, _, rest = LINES.partition("\n")
    (row, *others), unread = read_squeue(ours(f"{HEADER}\n{first} li\nne q|x\n{rest}"))
    assert row.script == "/pv/run a/job.sh li"
    assert len(others) == 5
    assert unread == 1


def test_the_table_for_people_is_not_read() -> None:
    assert read_squeue(" JOBID PARTITION NAME\n 12 main x\n") == ([], 2)
    assert read_squeue("JOBID STATE\n12 RUNNING\n") == ([], 2)
    assert read_squeue("") == ([], 0)


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    for start in "", f"{HEADER}\n", "JOBID|STATE\n":
        rows, unread = read_squeue(start + text)
        assert len(rows) + unread <= (start + text).count("\n") + 1


@given(st.data())
def test_a_damaged_listing_is_read(data: Any) -> None:
    text = ours(f"{HEADER}\n{LINES}")
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        new = data.draw(st.text(f"0123456789_.:\n[]-%+,JOBID{DELIMITER}", max_size=8))
        text = text[:at] + new + text[at + data.draw(st.integers(0, 40)) :]
    rows, unread = read_squeue(text)
    assert len(rows) + unread <= text.count("\n") + 1
