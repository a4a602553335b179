"""sacct's listings. Lines that look real were printed by SLURM 22.05; its columns are shortened."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.slurm_rows import DELIMITER, SlurmRow
from collectors.slurm_sacct import FIELDS, read_sacct
from collectors.slurm_states import BASE

MB = 1 << 20

REQUEUED = """\
JobID|State|ExitCode|MaxRSS|Submit|Start|End|ElapsedRaw|Reason
13080022_0|REQUEUED|0:0||1795436539|1795436539|1795436542|3|None
13080022_0.batch|CANCELLED|0:15|12404K|1795436539|1795436539|1795436542|3|
13080022_0.0|COMPLETED|0:0|2948K|1795436540|1795436540|1795436542|2|
13080022_1|REQUEUED|0:0||1795436539|1795436539|1795436542|3|JobHeldUser
13080022_1.batch|CANCELLED|0:15|12536K|1795436539|1795436539|1795436543|4|
13080022_3|FAILED|4:0||1795436539|1795436539|1795436542|3|None
13080022_3.batch|FAILED|4:0|12268K|1795436539|1795436539|1795436542|3|
13080022_0|FAILED|4:0||1795436542|1795436553|1795436553|0|BeginTime
13080022_0.batch|FAILED|4:0|3568K|1795436553|1795436553|1795436553|0|
13080022_0.0|COMPLETED|0:0|2952K|1795436553|1795436553|1795436553|0|
13080022_1|PENDING|0:0||1795436543|Unknown|Unknown|0|JobHeldUser
"""


def read(text: str, unread: int = 0) -> list[SlurmRow]:
    parsed = read_sacct(text)
    assert parsed.unread == unread
    return parsed.rows


def only(text: str) -> SlurmRow:
    (row,) = read(text)
    return row


def listing(*lines: dict[str, str], columns: tuple[str, ...] = FIELDS, between: str = "|") -> str:
    body = [between.join(line.get(column, "") for column in columns) for line in lines]
    return "\n".join([between.join(columns), *body, ""])


JOB = {
    "JobID": "123_4", "State": "FAILED", "ExitCode": "3:0", "Start": "1760000100",
    "End": "1760000160", "ElapsedRaw": "60", "TotalCPU": "00:58.250", "NodeList": "n1",
    "Submit": "1760000000", "TimelimitRaw": "240", "ReqMem": "2000M", "ReqCPUS": "2",
    "AllocCPUS": "2", "Reason": "None", "JobName": "toys.1", "WorkDir": "/r",
    "SubmitLine": "sbatch /r/slurm_array_job.sh",
}  # fmt: skip
BATCH = {"JobID": "123_4.batch", "State": "FAILED", "ExitCode": "3:0", "MaxRSS": "90000K"}
ROW = SlurmRow(
    job=123, elements=(range(4, 5),), truncated=False, source="sacct", state="FAILED",
    flags=frozenset(), by=None, code=3, signal=0, reason=None, submit=1760000000.0,
    start=1760000100.0, end=1760000160.0, elapsed_s=60, limit_s=14400, nodes="n1", name="toys.1",
    workdir="/r", script="/r/slurm_array_job.sh", asked_memory=2000 * MB, peak=90000 << 10, cpus=2,
    cpu_s=58.25, oom=False, restarts=None,
)  # fmt: skip


def test_a_job_and_its_step_make_one_row() -> None:
    assert read(listing(JOB, BATCH)) == [ROW]


def test_every_execution_has_its_own_steps() -> None:
    rows = [(r.elements, r.state, sorted(r.flags), r.end, r.peak) for r in read(REQUEUED)]
    zero, one, three = (range(1),), (range(1, 2),), (range(3, 4),)
    assert rows == [
        (zero, "PENDING", ["REQUEUED"], 1795436542.0, 12404 << 10),
        (one, "PENDING", ["REQUEUED"], 1795436542.0, 12536 << 10),
        (three, "FAILED", [], 1795436542.0, 12268 << 10),
        (zero, "FAILED", [], 1795436553.0, 3568 << 10),
        (one, "PENDING", [], None, None),
    ]


def test_zero_is_not_a_time_for_what_never_started() -> None:
    waiting, short = read(REQUEUED)[-1], read(REQUEUED)[-2]
    assert (waiting.start, waiting.elapsed_s, waiting.code) == (None, None, None)
    assert (short.start, short.elapsed_s, short.code) == (1795436553.0, 0, 4)


@pytest.mark.parametrize(
    ("job", "steps", "oom"),
    [
        (("OUT_OF_MEMORY", "0:125"), [("batch", "OUT_OF_MEMORY", "0:125")], True),
        (("COMPLETED", "0:0"), [("batch", "COMPLETED", "0:0"), ("0", "OOM", "0:125")], True),
        (("FAILED", "1:0"), [("batch", "FAILED", "0:125"), ("extern", "COMPLETED", "0:0")], True),
        (("RUNNING", "0:0"), [("batch", "RUNNING", "0:0"), ("0", "OUT_OF_ME+", "0:0")], True),
        (("FAILED", "0:9"), [("batch", "CANCELLED", "0:9")], False),
        (("FAILED", "125:0"), [("batch", "FAILED", "125:0")], False),
    ],
)  # fmt: skip
def test_a_step_may_know_of_memory_what_the_job_does_not(
    job: tuple[str, str], steps: list[tuple[str, str, str]], oom: bool
) -> None:
    lines = [
        JOB | {"State": job[0], "ExitCode": job[1]},
        *({"JobID": f"123_4.{name}", "State": s, "ExitCode": e} for name, s, e in steps),
        {"JobID": "123_5", "State": "COMPLETED", "ExitCode": "0:0"},
    ]
    killed, other = read(listing(*lines))
    assert killed.oom == oom
    assert killed.state == job[0]
    assert not other.oom, "the next job is another"


def test_the_peak_is_that_of_the_hungriest_step() -> None:
    steps = [BATCH | {"JobID": f"123_4.{n}", "MaxRSS": p} for n, p in
             (("batch", "100K"), ("extern", "0"), ("0", "1.50G"), ("1", "2345"))]  # fmt: skip
    assert only(listing(JOB, *steps)).peak == 3 << 29
    assert only(listing(JOB, BATCH | {"MaxRSS": "0"})).peak is None, "0: nothing was measured"
    assert only(listing(JOB, BATCH | {"MaxRSS": ""})).peak is None
    assert only(listing(JOB)).peak is None
    assert only(listing(JOB, BATCH | {"MaxRSS": f"{'9' * 5000}K"})).peak is None, "not to be read"


def test_another_jobs_step_does_not_count() -> None:
    other = BATCH | {"JobID": "123_44.batch", "MaxRSS": "9G", "ExitCode": "0:125"}
    early = {"JobID": "122.batch", "State": "COMPLETED"}
    assert read(listing(early, JOB, BATCH, other), unread=2) == [ROW]


@pytest.mark.parametrize("between", ["|", DELIMITER, "^|^", ";", "\t", ", "])
@pytest.mark.parametrize("ends", [False, True])
def test_any_delimiter_with_and_without_one_at_the_end(between: str, ends: bool) -> None:
    text = listing(JOB, BATCH, between=between)
    if ends:
        text = text.replace("\n", f"{between}\n")
    assert read(text) == [ROW]


@pytest.mark.parametrize("seed", range(20))
def test_any_order_of_columns(seed: int) -> None:
    columns = [*FIELDS, "User", "Partition", "AveCPU"]
    random.Random(seed).shuffle(columns)
    assert read(listing(JOB, BATCH, columns=tuple(columns))) == [ROW]
    assert read(listing(JOB, BATCH, columns=tuple(columns)).replace("\n", "|\n")) == [ROW]


@pytest.mark.parametrize("left", [name for name in FIELDS if name not in {"JobID", "State"}])
def test_a_missing_column_is_not_known(left: str) -> None:
    attribute = {
        "ExitCode": ["code", "signal"], "MaxRSS": ["peak"], "Start": ["start"], "End": ["end"],
        "ElapsedRaw": ["elapsed_s"], "TotalCPU": ["cpu_s"], "NodeList": ["nodes"],
        "Submit": ["submit"], "TimelimitRaw": ["limit_s"], "ReqMem": ["asked_memory"],
        "ReqCPUS": [], "AllocCPUS": [], "Reason": ["reason"], "JobName": ["name"],
        "WorkDir": ["workdir"], "SubmitLine": ["script"],
    }[left]  # fmt: skip
    columns = tuple(column for column in FIELDS if column != left)
    missing: dict[str, Any] = dict.fromkeys(attribute) if left != "JobName" else {"name": ""}
    assert read(listing(JOB, BATCH, columns=columns)) == [ROW._replace(**missing)]


def test_two_columns_are_enough() -> None:
    (row,) = read("JobID|State\n7_[1-3]|CANCELLED by 1000\n")
    assert (row.job, row.elements, row.state, row.by) == (7, (range(1, 4),), "CANCELLED", 1000)
    assert row.submit is row.start is row.code is row.workdir is None


def test_columns_that_say_the_same_otherwise() -> None:
    lines = JOB | {"Elapsed": "1-00:01:00", "Timelimit": "04:00:00", "NCPUS": "2", "Restarts": "3"}
    columns = ("JobID", "State", "Elapsed", "Timelimit", "NCPUS", "Restarts")
    row = only(listing(lines, columns=columns))
    assert (row.elapsed_s, row.limit_s, row.cpus, row.restarts) == (86_460, 14_400, 2, 3)


@pytest.mark.parametrize(
    ("said", "attribute", "value"),
    [
        ({"TimelimitRaw": "UNLIMITED"}, "limit_s", None),
        ({"TimelimitRaw": "Partition_Limit"}, "limit_s", None),
        ({"TimelimitRaw": "525600"}, "limit_s", 31_536_000),
        ({"ReqMem": "2Gc"}, "asked_memory", 4 << 30),
        ({"ReqMem": "2Gn"}, "asked_memory", 2 << 30),
        ({"ReqMem": "0"}, "asked_memory", None),
        ({"AllocCPUS": "0", "ReqCPUS": "6"}, "cpus", 6),
        ({"AllocCPUS": "0", "ReqCPUS": "0"}, "cpus", None),
        ({"NodeList": "None assigned"}, "nodes", None),
        ({"Start": "None"}, "start", None),
        ({"Start": "Unknown"}, "start", None),
        ({"TotalCPU": "00:00:00"}, "cpu_s", None),
        ({"TotalCPU": "1-00:00:10"}, "cpu_s", 86_410.0),
        ({"TotalCPU": ""}, "cpu_s", None),
        ({"Reason": "JobHeldUser"}, "reason", "JobHeldUser"),
        ({"JobName": "pv spaced name"}, "name", "pv spaced name"),
        ({"SubmitLine": "sbatch"}, "script", None),
        ({"ExitCode": ""}, "code", None),
        ({"ExitCode": "0:53"}, "signal", 53),
        ({"ExitCode": "127:0"}, "code", 127),
        ({"State": "BRAND_NEW"}, "state", "BRAND_NEW"),
    ],
)
def test_values(said: dict[str, str], attribute: str, value: Any) -> None:
    assert getattr(only(listing(JOB | said)), attribute) == value


def test_local_dates_read_like_seconds() -> None:
    from time import localtime, strftime  # noqa: PLC0415

    dates = {
        name: strftime("%Y-%m-%dT%H:%M:%S", localtime(int(JOB[name])))
        for name in ("Submit", "Start", "End")
    }
    assert only(listing(JOB | dates, BATCH)) == ROW


def test_a_submit_line_may_hold_the_delimiter_and_line_breaks() -> None:
    line = "sbatch /r/slurm_array_job.sh a|b 'c"
    text = listing(JOB | {"SubmitLine": f"{line}\nd|e\n123_9\n\nf'"}, BATCH)
    row, unread = read_sacct(text)
    assert row == [ROW._replace(script=f"{line[7:]}")]
    assert unread == 3


@pytest.mark.parametrize("ends", ["\n", "|\n"])
@pytest.mark.parametrize("at", range(5))
def test_a_submit_line_may_hold_the_delimiter_in_any_column(at: int, ends: str) -> None:
    line = JOB | {"SubmitLine": "sbatch /r/slurm_array_job.sh a|b ||c"}
    columns = ["State", "JobName", "JobID", "WorkDir"]
    columns.insert(at, "SubmitLine")
    row = only(listing(line, columns=tuple(columns)).replace("\n", ends))
    assert (row.job, row.state, row.name, row.workdir) == (123, "FAILED", "toys.1", "/r")
    assert row.script == "/r/slurm_array_job.sh a|b ||c"


def test_a_column_twice() -> None:
    columns = ("JobID", "State", "JobName", "JobID", "JobName", "State")
    assert [row.name for row in read(listing(JOB, BATCH, columns=columns))] == ["toys.1"]


def test_a_torn_line_where_all_end_in_a_delimiter() -> None:
    (row,) = read("JobID|State|\n1|FAILED|\n2|FAILED", unread=1)
    assert (row.job, row.state) == (1, "FAILED")


def test_a_name_that_holds_the_delimiter_costs_its_own_line_only() -> None:
    columns = ("JobID", "JobName", "State", "ExitCode")
    foreign = JOB | {"JobID": "9", "JobName": "a|b"}
    (row,) = read(listing(JOB, foreign, columns=columns), unread=1)
    assert row.job == 123
    (row,) = read(listing(JOB, foreign, columns=(*columns, "SubmitLine")), unread=1)
    assert row.job == 123
    first, second = read(listing(foreign, JOB, BATCH))
    assert (first.job, first.name, first.workdir) == (9, "a", "b")
    assert second == ROW


@pytest.mark.parametrize(
    "line",
    [
        "rubbish", "123_4", "123_4|FAILED", "x_4|FAILED|3:0|", "|", "||||", "123_4|FAILED|x|y",
        "sacct: error: slurmdbd: no answer", "123_4|" * 3, "123_4|FAILED|3:0" + "|" * 30,
        "123_4|FAILED|3:0" + "|" * 13, "123_4|FAILED|3:0x" + "|" * 15,
        "123_٤|FAILED|3:0" + "|" * 15, f"123_{'9' * 5000}|FAILED|3:0" + "|" * 15,
        "123_[5-6].batch|FAILED|3:0" + "|" * 15, "JobID|State;", "JobID|State;User",
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_read_costs_itself_only(line: str) -> None:
    columns = (*FIELDS[:-1], "User")
    head, *rest = listing(JOB, BATCH, columns=columns).split("\n")
    rows = read("\n".join([head, line, *rest[:2], line, *rest[2:]]), unread=2)
    assert rows == [ROW._replace(script=None)]


def test_the_steps_of_a_job_that_cannot_be_read_are_not_those_of_its_last_execution() -> None:
    columns = (*FIELDS[:-1], "User")
    again = JOB | {"ExitCode": "shifted"}
    rows = read(listing(JOB, again, BATCH, columns=columns), unread=2)
    assert rows == [ROW._replace(script=None, peak=None)]


def test_no_header_nothing_read() -> None:
    text = listing(JOB, BATCH)
    assert read_sacct(text.partition("\n")[2]) == ([], 2)
    assert read_sacct("") == ([], 0)
    assert read_sacct("\n\n") == ([], 0)
    assert read_sacct("JobID|ExitCode\n1|0:0\n") == ([], 2), "without State nothing is said"
    assert read_sacct("JobIDRaw|State\n1|FAILED\n") == ([], 2), "without the index of the element"


def test_the_table_for_people_is_not_read() -> None:
    text = "JobID        State      ExitCode \n------------ ---------- -------- \n1  FAILED 1:0 \n"
    assert read_sacct(text) == ([], 3)
    assert read_sacct("JobID State\n1 FAILED\n") == ([], 2)


def test_listings_one_after_another() -> None:
    again = listing({"JobID": "8", "State": "RUNNING"}, columns=("State", "JobID"), between=";")
    warning = "sacct: warning: something\n"
    text = warning + listing(JOB, BATCH) + "\n" + listing(JOB) + again
    rows = read(text, unread=1)
    assert [row.job for row in rows] == [123, 123, 8]
    assert rows[:2] == [ROW, ROW._replace(peak=None)]


def test_line_ends_of_another_system() -> None:
    assert read(listing(JOB, BATCH).replace("\n", "\r\n")) == [ROW]
    assert read(listing(JOB, BATCH).rstrip("\n")) == [ROW]


def test_characters_that_end_lines_elsewhere_do_not_here() -> None:
    name = "a\x0b\x0c\x1c\x85\u2028b"
    assert only(listing(JOB | {"JobName": name}, BATCH)) == ROW._replace(name=name)


def test_lines_longer_than_a_chunk() -> None:
    long = {**JOB, "JobName": "x" * (3 << 20)}
    assert [row.job for row in read(listing(JOB, long, BATCH, JOB))] == [123, 123, 123]


def test_many_elements_cross_the_chunks() -> None:
    lines = []
    for index in range(12_000):
        lines.append(JOB | {"JobID": f"123_{index}"})
        lines.append(BATCH | {"JobID": f"123_{index}.batch", "MaxRSS": f"{index + 1}K"})
    rows = read(listing(*lines))
    expected = [
        ROW._replace(elements=(range(i, i + 1),), peak=(i + 1) << 10) for i in range(12_000)
    ]
    assert rows == expected


def test_heterogeneous_and_odd_ids() -> None:
    lines = [
        {"JobID": "50+0", "State": "COMPLETED"},
        {"JobID": "50+0.batch", "State": "COMPLETED", "MaxRSS": "5K"},
        {"JobID": "50+1", "State": "COMPLETED"},
        {"JobID": "50+1.0", "State": "COMPLETED", "MaxRSS": "7K"},
        {"JobID": "60_[1-5%2]", "State": "PENDING"},
        {"JobID": "60_[1,3,...]", "State": "PENDING"},
        {"JobID": "60_4000001", "State": "PENDING"},
    ]
    rows = read(listing(*lines), unread=1)
    assert [(row.job, row.elements, row.truncated, row.peak) for row in rows] == [
        (50, None, False, 5120),
        (50, None, False, 7168),
        (60, (range(1, 6),), False, None),
        (60, (range(1, 2), range(3, 4)), True, None),
    ]


TEXT = st.text(st.characters(exclude_characters="\n\r|", exclude_categories=["Cs"]), max_size=15)
MOMENT = st.none() | st.integers(1, 4_000_000_000)


@st.composite
def jobs(draw: st.DrawFn) -> tuple[list[dict[str, str]], SlurmRow]:
    """A job as sacct prints it, and the row that it is."""
    job = draw(st.integers(1, 1 << 32))
    index = draw(st.none() | st.integers(0, 4_000_000))
    state = draw(st.sampled_from(sorted(BASE)))
    by = draw(st.none() | st.integers(0, 70_000)) if state == "CANCELLED" else None
    code, signal = draw(st.sampled_from([(0, 0), (1, 0), (0, 9), (0, 125), (127, 0)]))
    submit, start, end = draw(MOMENT), draw(MOMENT), draw(MOMENT)
    elapsed = draw(st.integers(1, 10**6)) if start else 0
    steps = draw(st.lists(st.tuples(st.integers(0, 1 << 40), st.booleans()), max_size=3))
    name, workdir = draw(TEXT), draw(TEXT.map("/{}".format))
    identity = str(job) if index is None else f"{job}_{index}"
    lines = [
        {
            "JobID": identity,
            "State": state if by is None else f"{state} by {by}",
            "ExitCode": f"{code}:{signal}",
            "Start": str(start or "Unknown"),
            "End": str(end or "Unknown"),
            "ElapsedRaw": str(elapsed),
            "Submit": str(submit or "Unknown"),
            "JobName": name,
            "WorkDir": workdir,
        },
        *(
            {"JobID": f"{identity}.{n}", "State": "COMPLETED", "MaxRSS": f"{peak}",
             "ExitCode": "0:125" if killed else "0:0"}
            for n, (peak, killed) in enumerate(steps)
        ),
    ]  # fmt: skip
    alive = state in {"PENDING", "RUNNING", "SUSPENDED"} and code == signal == 0
    row = ROW._replace(
        job=job, elements=None if index is None else (range(index, index + 1),), state=state, by=by,
        code=None if alive else code, signal=None if alive else signal, submit=submit, start=start,
        end=end, elapsed_s=elapsed or None, limit_s=None, nodes=None, name=name, workdir=workdir,
        script=None, asked_memory=None, cpus=None, cpu_s=None,
        peak=max((peak for peak, _ in steps), default=0) or None,
        oom=state == "OUT_OF_MEMORY" or signal == 125 or any(killed for _, killed in steps),
    )  # fmt: skip
    return lines, row


@settings(deadline=None)
@given(st.lists(jobs(), max_size=8), st.permutations(FIELDS), st.booleans())
def test_generated_listings_read_back(
    made: list[tuple[list[dict[str, str]], SlurmRow]], columns: list[str], ends: bool
) -> None:
    lines = [line for group, _ in made for line in group]
    text = listing(*lines, columns=tuple(columns))
    if ends:
        text = text.replace("\n", "|\n")
    assert read(text) == [row for _, row in made]


@given(st.text(max_size=300))
def test_any_text_is_read(text: str) -> None:
    for start in "", "|".join(FIELDS) + "\n", "JobID|State\n", "State|JobID|MaxRSS|\n":
        rows, unread = read_sacct(start + text)
        assert len(rows) + unread <= (start + text).count("\n") + 1


@settings(deadline=None)
@given(st.data())
def test_a_damaged_listing_is_read(data: st.DataObject) -> None:
    text = REQUEUED
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        length = data.draw(st.integers(0, 40))
        text = (
            text[:at]
            + data.draw(st.text("0123456789_.|:\n[]-%+,JobIDx", max_size=8))
            + text[at + length :]
        )
    rows, unread = read_sacct(text)
    assert len(rows) + unread <= text.count("\n") + 1
