"""Whatever LSF's files and answers hold, readers do not fail; what was written is read back."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collectors.lsf_bjobs import DELIMITER, FIELDS, JobRow, read_json, read_table
from collectors.lsf_history import HistoryRow, read_history
from collectors.lsf_observation import Asked, of_history, of_report, of_row
from collectors.lsf_report import last_report, read_reports
from tests.collectors.lsf.layouts import (
    DASHES,
    DONE,
    LAYOUTS,
    RUNLIMIT,
    START,
    Made,
    date,
    report,
    with_output,
)

STATES = (
    "PEND",
    "PROV",
    "PSUSP",
    "RUN",
    "USUSP",
    "SSUSP",
    "DONE",
    "EXIT",
    "UNKWN",
    "WAIT",
    "ZOMBI",
)
NOW = START + 10_000.0
ASKED = Asked(1, memory=1 << 30, walltime=60)

LINES = report(Made()).splitlines() + report(Made("9", "Exited.", RUNLIMIT, "Done")).splitlines()
SCRAPS = [
    *LINES,
    "",
    DASHES,
    "Sender: LSF System <",
    "Subject: Job 4711[99]: <x",
    "Job <",
    "TERM_:",
    "Exited",
    "Exited with exit code .",
    "Exited with exit code 99999999999999999999.",
    "Exited with signal termination: .",
    "Exited with signal termination: 999999999999.",
    "    : ",
    "    Max Memory : 1e9 MB",
    "    Max Memory : 99999999999999999999999999999 MB",
    "    CPU time : \u0661 sec.",
    "Started at Thu Feb 30 25:61:61 2026",
    "Started at Sun Nov 22 07:28:04 9999999",
    "Job <1[2]>,",
    "Sun Nov 22 07:19:31: Completed <exit>; TERM_OWNER: job killed by owner;",
    "Sun Nov 22 07:19:31: Exited with exit code 130. The CPU time used is",
    f"{'':21}code 1;",
    "MAX MEM: 1 Gbytes",
    "Job <9> is not found",
    "Cannot connect to LSF. Please wait ...",
    "1|2|EXIT|3",
    '{"RECORDS":[{"JOBID":"1"}]}',
]
scraps = st.lists(st.sampled_from(SCRAPS) | st.text(max_size=40), max_size=60).map("\n".join)
texts = scraps | st.text()
words = st.text(st.characters(codec="utf-8", exclude_characters="<>|\r\n"), min_size=1, max_size=30)
names = st.from_regex(r"[A-Za-z0-9._-]{1,60}(\[1-[1-9][0-9]{0,3}\](%[1-9])?)?", fullmatch=True)
ends = st.sampled_from(
    [DONE, "Exited.", *(f"Exited with exit code {code}." for code in (1, 3, 130, 137, 140, 255))]
)
mades = st.builds(
    Made,
    layout=st.sampled_from(LAYOUTS),
    said=ends,
    term=st.sampled_from(["", RUNLIMIT, "TERM_OWNER: job killed by owner."]),
    job=st.integers(1, 10**9),
    index=st.integers(0, 10**6),
    name=names,
    hosts=st.lists(
        st.from_regex(r"([1-9][0-9]?\*)?[a-z][a-z0-9.-]{0,30}", fullmatch=True),
        min_size=1,
        max_size=5,
    ).map(tuple),
    started=st.integers(START, 2_000_000_000).filter(lambda at: at % 1 == 0),
    took=st.integers(0, 10**6),
    cpu_s=st.integers(0, 10**6).map(lambda cents: cents / 100),
    peak_mb=st.none() | st.integers(0, 10**7),
    usage=st.booleans(),
    script=st.lists(st.sampled_from([one for one in SCRAPS if one != DASHES]) | words).map(tuple),
)
plain_output = texts.filter(lambda text: "Sender: LSF System" not in text)


@given(st.binary() | texts.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_file_makes_the_reader_of_reports_fail(data: bytes) -> None:
    for found in read_reports(data):
        of_report(found, ASKED)
        of_report(found, Asked())
        last_report([found], found.native_id)


@given(st.data())
def test_nor_does_a_damaged_report(data: st.DataObject) -> None:
    text = bytearray(with_output(data.draw(mades), "out", above=data.draw(st.booleans())), "utf-8")
    for _ in range(data.draw(st.integers(1, 5))):
        at, end = sorted(data.draw(st.integers(0, len(text))) for _ in range(2))
        text[at:end] = data.draw(st.binary(max_size=5) | st.just(text[at:end] * 2))
    for found in read_reports(bytes(text)):
        of_report(found, ASKED)


@given(mades, plain_output, st.booleans())
def test_a_report_is_read_back(made: Made, output: str, above: bool) -> None:
    [found] = read_reports(with_output(made, output, above=above).encode("utf-8", "replace"))
    assert (found.job, found.index, found.name) == (made.job, made.index, made.name)
    assert found.hosts == tuple(host.rpartition("*")[2] for host in made.hosts)
    assert (found.outcome, found.above, found.queue) == (made.ends, above, "1nh")
    assert found.started is not None
    assert date(int(found.started)) == date(made.started)
    assert found.ended is not None
    assert date(int(found.ended)) == date(made.started + made.took)
    assert found.ending is not None
    assert found.ending.said == made.said
    assert found.ending.term == (made.term.partition(":")[0] or None)
    code = made.said.split()[-1].rstrip(".")
    assert found.ending.code == (0 if made.said == DONE else int(code) if code.isdigit() else None)
    usage = found.ending.usage
    assert usage.cpu_s == (made.cpu_s if made.usage else None)
    peak = made.peak_mb if made.usage else None
    assert usage.peak == (None if peak is None else peak << 20)
    told = made.layout == "10.1" or (made.layout == "9" and peak is not None)
    assert usage.threads == (8 if made.usage and told else None)


@given(st.lists(mades, min_size=1, max_size=4), plain_output, st.booleans())
def test_several_are_read_back_in_order(all_of: list[Made], output: str, above: bool) -> None:
    text = "".join(with_output(made, f"{output}\n", above=above) for made in all_of)
    found = read_reports(text.encode("utf-8", "replace"))
    assert [(one.job, one.index) for one in found] == [(one.job, one.index) for one in all_of]
    assert [one.ending and one.ending.said for one in found] == [one.said for one in all_of]


@given(texts)
@example('{"RECORDS": null}')
@example('{"RECORDS": [null, 1, {"JOBID": 7}, {"jobid": "7", "STAT": "RUN", "JOBINDEX": "x"}]}')
@example('{"COMMAND":"bjobs","JOBS":1,"RECORDS":[{"ERROR":"Job <7> is not found"}]}')
def test_no_answer_makes_the_readers_of_commands_fail(text: str) -> None:
    for listing in read_json(text, NOW), read_table(text, NOW), read_table(text, NOW, FIELDS[:1]):
        for row in listing.rows if listing else ():
            of_row(row, ASKED, NOW)
    for history in read_history(text, NOW):
        of_history(history, "bhist", ASKED)


rows = st.builds(
    JobRow,
    job=st.integers(1, 10**9),
    element=st.integers(0, 10**6),
    state=st.sampled_from(STATES),
    code=st.none() | st.integers(0, 255),
    reason=st.sampled_from(["", "TERM_OWNER: job killed by owner"]),
    name=st.none() | names.filter(lambda name: name != "-"),  # bjobs writes it for no name
    host=st.none() | st.from_regex(r"[a-z][a-z0-9.-]{0,30}", fullmatch=True),
    submitted=st.none() | st.just(float(START - 20)),
    started=st.none() | st.just(float(START + 40)),
    ended=st.none() | st.just(float(START + 100)),
    output=st.none() | st.from_regex(r"/[a-z/ ]{0,50}[a-z]", fullmatch=True),
    pends=st.sampled_from(["", "Waiting for | a slot", "Closed by LSF administrator: 3 hosts"]),
)


def columns(row: JobRow, nothing: str) -> list[str]:
    times = (row.submitted, row.started, row.ended)
    told = [nothing if when is None else date(int(when)) for when in times]
    return [
        str(row.job),
        str(row.element),
        row.state,
        nothing if row.code is None else str(row.code),
        row.reason or nothing,
        row.name or nothing,
        nothing if row.host is None else f"4*{row.host}:2*n7",
        *told,
        row.output or nothing,
        row.pends or nothing,
    ]


TALK = [
    "",
    "Cannot connect to LSF. Please wait ...\n",
    "batch daemon not responding ... still trying\n",
]


@pytest.mark.parametrize("talk", TALK)
@given(listed=st.lists(rows, max_size=5))
def test_what_bjobs_lists_is_read_back(talk: str, listed: list[JobRow]) -> None:
    names = [name.upper() for name in FIELDS]
    records: list[dict[str, str]] = [
        dict(zip(names, columns(row, ""), strict=True)) for row in listed
    ]
    records.append({"JOBID": "7", "ERROR": "Job <7> is not found"})
    tree = {"COMMAND": "bjobs", "JOBS": str(len(records)), "RECORDS": records}
    found = read_json(talk + json.dumps(tree, indent=2), NOW)
    assert found is not None
    assert (found.rows, found.unknown, found.unread) == (listed, frozenset(("7",)), 0)
    lines = [DELIMITER.join(columns(row, "-")) for row in listed]
    table = read_table(talk + "\n".join([*lines, "Job <7> is not found"]), NOW)
    assert (table.rows, table.unknown, table.unread) == (listed, frozenset(("7",)), 0)


def test_what_cannot_be_read_is_counted() -> None:
    found = read_json('{"RECORDS": [{"JOBID": "7", "STAT": ""}, 7, {"ERROR": "a new one"}]}', NOW)
    assert found is not None
    assert (found.rows, found.unread) == ([], 3)
    assert read_table("7|0|RUN\n\n8|0\nwhat?", NOW).unread == 3
    for text in ("", "No job found", "[]", "{", '{"RECORDS": 7}', "} {"):
        assert read_json(text, NOW) is None
    empty = read_json("{}", NOW)
    assert empty is not None
    assert empty.rows == []


def wrapped(line: str, indent: int) -> str:
    """Cut as LSF does."""
    room = 79 - indent
    first, rest = line[:79], line[79:]
    return "\n".join(
        [first, *(" " * indent + rest[at : at + room] for at in range(0, len(rest), room))]
    )


jobs = st.builds(
    HistoryRow,
    job=st.integers(1, 10**9),
    element=st.integers(0, 1000),
    name=st.from_regex(r"[A-Za-z0-9._-]{1,70}", fullmatch=True),
    code=st.none() | st.sampled_from([0, 1, 130, 255]),
    reason=st.sampled_from(["", "job killed by owner", "job killed after reaching LSF run limit"]),
)
fillers = st.text("ab ", max_size=90).map(lambda text: " ".join(text.split()))


def history(job: HistoryRow, program: str, year: str, filler: str) -> str:
    """What is printed of a job."""
    at = [date(START + later).removesuffix(" 2023") + year for later in (0, 40, 100)]
    ended = "" if job.code is None else f" with exit code {job.code}"
    if program == "bhist":
        end = "Done successfully." if job.code == 0 else f"Exited{ended}."
    else:
        end = (
            "Completed <done>;"
            if job.code == 0
            else f"Completed <exit>;{ended and ' Exited'}{ended};"
        )
    cpu = "" if job.code is None else " The CPU time used is 1.5 seconds;"
    term = f" TERM_OWNER: {job.reason};" if job.reason and job.code != 0 else ""
    started = {
        "bhist": "Dispatched 1 Task(s) on Host(s) <n1>, Allocated 1 Slot(s) on Host(s) <n1>;",
        "bacct": "Dispatched to <n1>, Effective RES_REQ <select[type == local] order[r15s:pg] >;",
    }[program]
    lines = [
        f"Job <{job.native_id}>, Job Name <{job.name}>, User <me>, Project <p>, Command <{filler}>",
        f"{at[0]}: Submitted from host <login>, to Queue <1nh>, CWD </home/{filler}>;",
        f"{at[1]}: {started}",
        f"{at[2]}: {end}{cpu}{term}",
    ]
    return "\n" + "\n".join(wrapped(line, 26 if year else 21) for line in lines) + "\n" + "-" * 78


@pytest.mark.parametrize("program", ["bhist", "bacct"])
@pytest.mark.parametrize("year", ["", " 2023"])
@given(listed=st.lists(st.tuples(jobs, fillers), max_size=4, unique_by=lambda one: one[0].job))
def test_what_bhist_and_bacct_tell_is_read_back(
    program: str, year: str, listed: list[tuple[HistoryRow, str]]
) -> None:
    text = "\n".join(history(job, program, year, filler) for job, filler in listed)
    found = read_history(text, NOW)
    assert len(found) == len(listed)
    for row, (job, _) in zip(found, listed, strict=True):
        assert (row.native_id, row.name, row.code) == (job.native_id, job.name, job.code)
        assert (row.over, row.done, row.host) == (True, job.code == 0, "n1")
        assert (row.submitted, row.started, row.ended) == (START, START + 40, START + 100)
        killed = bool(job.reason) and job.code != 0
        assert row.term == ("TERM_OWNER" if killed else None)
        assert row.reason == (job.reason if killed else "")
        assert row.cpu_s == (None if job.code is None else 1.5)


def test_a_line_that_lost_the_blank_at_its_end() -> None:
    """As bacct of LSF 7 printed it, in a listing that somebody has published."""
    said = """
Job <101>, Job Name <test155>, User <sanders>, Project <default>, Status <EXIT>
                     , Queue <normal>, Command <#BSUB -J test155;#BSUB -n 1;#BS
                     UB -R "span[hosts=1] && bigmem">
Fri Apr 23 14:42:54: Submitted from host <login>, CWD <$HOME/gaussian>;
Fri Apr 23 14:43:00: Dispatched to <comp-002>;
Fri Apr 23 14:43:00: Completed <exit>; TERM_RUNLIMIT: job killed after
                     reaching LSF run time limit.
"""
    [found] = read_history(said, NOW)
    assert (found.native_id, found.name, found.host) == ("101", "test155", "comp-002")
    assert (found.over, found.done, found.code) == (True, False, None)
    assert found.reason == "job killed after reaching LSF run time limit"
