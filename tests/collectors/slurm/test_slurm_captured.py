"""The listings of a real SLURM 22.05 in data/; ids.txt there says which job did what."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors.slurm_rows import SlurmRow
from collectors.slurm_sacct import FIELDS, read_sacct
from collectors.slurm_squeue import read_squeue

DATA = Path(__file__).with_name("data")
NO_LISTING = {"sacct-fields", "sacct-version"}
LISTINGS = sorted(path.stem for path in DATA.glob("s*-*.txt") if path.stem not in NO_LISTING)


def rows_of(name: str) -> list[SlurmRow]:
    text = (DATA / f"{name}.txt").read_text(encoding="utf-8")
    rows, unread = read_sacct(text) if name.startswith("sacct") else read_squeue(text)
    assert unread == 0
    return rows


def job_of(what: str) -> int:
    """Return the id of the job that ids.txt describes so."""
    lines = (DATA / "ids.txt").read_text(encoding="utf-8").splitlines()
    (number,) = [line.split()[1][:-1] for line in lines if line.endswith(f": {what}")]
    return int(number)


def executions(what: str, name: str = "sacct-end") -> list[SlurmRow]:
    job = job_of(what)
    return [row for row in rows_of(name) if row.job == job]


def elements(what: str, name: str = "sacct-end") -> dict[int, list[SlurmRow]]:
    found: dict[int, list[SlurmRow]] = {}
    for row in executions(what, name):
        for span in row.elements or ():
            for index in span:
                found.setdefault(index, []).append(row)
    return found


@pytest.mark.parametrize("name", LISTINGS)
def test_every_line_is_read(name: str) -> None:
    rows = rows_of(name)
    assert rows or name == "sacct-start", "accounting lags behind by some seconds"
    for row in rows:
        assert row.submit is not None
        assert row.workdir
        assert row.script is None or row.script.endswith(".sh")


def test_the_fields_that_are_asked_for_are_known() -> None:
    assert set(FIELDS) <= set((DATA / "sacct-fields.txt").read_text(encoding="utf-8").split())


def test_how_elements_end_by_themselves() -> None:
    found = elements("what elements do by themselves")
    outcomes = {index: (r.state, r.code, r.signal, r.oom) for index, (r,) in found.items()}
    assert {index: outcomes[index] for index in range(16)} == {
        0: ("COMPLETED", 0, 0, False),
        1: ("FAILED", 3, 0, False),
        2: ("FAILED", 127, 0, False),  # 255
        3: ("FAILED", 0, 11, False),
        4: ("FAILED", 11, 0, False),  # 139
        5: ("OUT_OF_MEMORY", 0, 125, True),
        6: ("OUT_OF_MEMORY", 0, 125, True),  # though it ended 0
        7: ("TIMEOUT", 0, 0, False),
        8: ("TIMEOUT", 0, 0, False),
        9: ("TIMEOUT", 0, 0, False),
        10: ("FAILED", 15, 0, False),  # 143
        11: ("FAILED", 126, 0, False),
        12: ("FAILED", 127, 0, False),
        13: ("FAILED", 0, 15, False),
        14: ("FAILED", 72, 0, False),  # 200
        15: ("COMPLETED", 0, 0, False),
    }
    for (row,) in found.values():
        assert row.nodes == "n2"
        assert row.limit_s == 60
        assert row.asked_memory == 100 << 20
        assert row.peak is not None
        assert row.peak > 1 << 20
        assert row.cpu_s is not None
        assert row.end is not None
        assert row.start is not None
        assert row.elapsed_s == row.end - row.start
        assert row.name == "toys.1"


def test_what_is_done_to_elements() -> None:
    found = elements("what is done to elements")
    told = {
        index: [(row.state, *sorted(row.flags), row.end is not None) for row in rows]
        for index, rows in found.items()
    }
    again = ("PENDING", "REQUEUED", True)
    assert told[2] == [again, ("COMPLETED", True)]
    assert told[3] == [again, ("PENDING", False)]
    assert told[5] == [again, ("PENDING", False)]
    assert told[6] == [("FAILED", True)]
    assert {index: rows[-1].by for index, rows in found.items() if rows[-1].by is not None} == {
        0: 1001, 1: 0, 4: 1001, 7: 0, 9: 0,
    }  # fmt: skip
    assert [row.reason for row in found[3]] == [None, "JobHeldUser"]


def test_lost_nodes_and_preemption() -> None:
    def states(what: str) -> Iterator[str]:
        return (row.state for row in executions(what))

    assert list(states("node set down, not to be requeued")) == ["NODE_FAIL"]
    assert list(states("node set down, requeued")) == ["NODE_FAIL", "COMPLETED"]
    assert list(states("node died, requeued")) == ["NODE_FAIL", "COMPLETED"]
    assert list(states("preempted in low")) == ["PREEMPTED"]
    assert list(states("preempted in lowrq")) == ["PREEMPTED", "CANCELLED"]
    assert list(states("preempted in lowgrace, ends 0 on TERM")) == ["PREEMPTED"]
    latest = [row for row in rows_of("sacct-without-duplicates") if row.state == "NODE_FAIL"]
    assert {row.job for row in latest} == {
        job_of("node set down, not to be requeued"),
        job_of("node died, not to be requeued"),
    }, "without --duplicates a lost node that was made good does not show"


def test_what_never_ran_has_no_start() -> None:
    (output,) = executions("output directory missing")
    assert (output.state, output.code, output.signal) == ("FAILED", 0, 53)
    (dropped,) = executions("dependency never satisfied, told to end")
    assert (dropped.state, dropped.start, dropped.elapsed_s) == ("CANCELLED", None, None)
    (late,) = executions("waits for a license beyond its deadline")
    assert (late.state, late.start, late.code) == ("DEADLINE", None, 1)
    (stuck,) = executions("dependency never satisfied")
    assert (stuck.state, stuck.reason, stuck.code) == ("PENDING", "DependencyNeverSatisfied", None)


def test_a_cancelled_element_that_never_started_is_in_no_list() -> None:
    held, throttled = (
        "held; element 1 cancelled by the user",
        "throttled; element 2 cancelled before it starts",
    )
    for name in "sacct-end", "squeue-end":
        assert set(elements(held, name)) == {0, 2, 3}
        assert 2 not in elements(throttled, name)


def test_a_list_that_was_cut_says_so() -> None:
    what = "held, a list that is cut"
    whole = set(elements(what, "squeue-treating-r"))
    for name in "sacct-waiting", "squeue-waiting":
        (row,) = executions(what, name)
        assert row.truncated
        assert set() < set(elements(what, name)) < whole


def test_the_queue_by_element_is_the_queue() -> None:
    cut = job_of("held, a list that is cut")

    def every(name: str) -> set[tuple[object, ...]]:
        return {
            (row.job, index, row.state, row.name, row.nodes, row.start)
            for row in rows_of(name)
            if row.job != cut
            for index in (i for span in row.elements or (range(1),) for i in span)
        }

    assert every("squeue-treating") == every("squeue-treating-r")


def test_other_forms_of_one_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = rows_of("sacct-cancelled")
    assert rows_of("sacct-parsable") == rows
    monkeypatch.setenv("TZ", "UTC")  # in which sacct-iso was written
    time.tzset()
    try:
        assert rows_of("sacct-iso") == rows
    finally:
        monkeypatch.undo()
        time.tzset()
