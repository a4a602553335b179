"""pyslurm's jobs make the rows that sacct's lines make.

The stand-ins have the attributes of pyslurm 25.11's classes (pyslurm/db/job.pyx, step.pyx,
stats.pyx) and no others, and its ways: 0 becomes None in times, ids and the array index.
"""

from __future__ import annotations

import os
import pwd
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.slurm_pyslurm import load, rows_from_pyslurm
from collectors.slurm_rows import SlurmRow
from collectors.slurm_sacct import FIELDS, read_sacct
from collectors.slurm_states import BASE

MB = 1 << 20


class JobStepStatistics:
    __slots__ = ("max_resident_memory", "system_cpu_time", "total_cpu_time", "user_cpu_time")

    def __init__(self, **values: Any) -> None:
        for name in self.__slots__:
            setattr(self, name, values.get(name, 0))


class JobStep:
    __slots__ = (
        "cancelled_by", "container", "cpus", "elapsed_time", "eligible_time", "end_time",
        "exit_code", "exit_code_signal", "id", "job_id", "memory", "name", "nodelist", "ntasks",
        "num_nodes", "start_time", "state", "stats", "submit_command", "suspended_time",
        "time_limit", "tres", "working_directory",
    )  # fmt: skip

    def __init__(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value)


class Job:
    __slots__ = (
        "account", "admin_comment", "allocated_tres", "array_id", "array_task_id",
        "array_tasks_parallel", "array_tasks_waiting", "association_id", "cancelled_by", "cluster",
        "comment", "constraints", "cpus", "db_index", "derived_exit_code",
        "derived_exit_code_signal", "elapsed_time", "eligible_time", "end_time", "environment",
        "exit_code", "exit_code_signal", "extra", "failed_node", "heterogeneous_id",
        "heterogeneous_offset", "id", "licenses", "memory", "name", "nodelist", "num_nodes",
        "partition", "priority", "qos", "requested_tres", "requeue_count", "reservation", "script",
        "standard_error", "standard_input", "standard_output", "start_time", "state",
        "state_reason", "stats", "steps", "submit_command", "submit_time", "suspended_time",
        "system_comment", "time_limit", "tres", "user_id", "user_name", "wckey",
        "working_directory",
    )  # fmt: skip

    def __init__(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value)


class Jobs:
    """As pyslurm.xcollections.MultiClusterMap: values() goes over the jobs of all clusters."""

    def __init__(self, *jobs: Any) -> None:
        self.data = {"main": dict(enumerate(jobs))}

    def values(self) -> Any:
        return (job for jobs in self.data.values() for job in jobs.values())


FACTS: dict[str, Any] = {
    "job": 123, "index": 4, "waiting": None, "state": "FAILED", "by": None, "code": (3, 0),
    "reason": "None", "submit": 1760000000, "start": 1760000100, "end": 1760000160, "elapsed": 60,
    "limit": 240, "nodes": "n1", "name": "toys.1", "workdir": "/r",
    "line": "sbatch /r/slurm_array_job.sh", "memory": 2000, "asked_cpus": 2, "cpus": 2,
    "restarts": 0, "steps": [("batch", "FAILED", (3, 0), 90000 << 10, 58)],
}  # fmt: skip


def user_name(uid: int) -> str:
    """uid_to_name of pyslurm: the number where the system has no name for it."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def pyslurm_job(facts: dict[str, Any]) -> Job:
    """Say the facts as pyslurm does."""
    waiting, by = facts["waiting"], facts["by"]
    array = facts["index"] is not None or waiting is not None
    return Job(
        id=facts["job"] + 1000 if array else facts["job"],
        array_id=facts["job"] if array else None,
        array_task_id=facts["index"] or None,
        array_tasks_waiting=waiting and f"0x{sum(1 << index for index in waiting):X}",
        heterogeneous_id=None,
        heterogeneous_offset=4294967294,
        state=facts["state"],
        state_reason=facts["reason"],
        cancelled_by=None if by is None else user_name(by),
        exit_code=facts["code"][0],
        exit_code_signal=facts["code"][1],
        submit_time=facts["submit"],
        start_time=facts["start"],
        end_time=facts["end"],
        elapsed_time=facts["elapsed"] or None,
        time_limit=facts["limit"],
        nodelist=facts["nodes"],
        name=facts["name"],
        working_directory=facts["workdir"],
        submit_command=facts["line"],
        memory=facts["memory"],
        cpus=facts["cpus"],
        requested_tres=SimpleNamespace(cpu=SimpleNamespace(count=facts["asked_cpus"])),
        requeue_count=facts["restarts"],
        steps={
            name: JobStep(
                id=name,
                state=state,
                exit_code=code[0],
                exit_code_signal=code[1],
                stats=JobStepStatistics(max_resident_memory=peak, total_cpu_time=cpu),
            )
            for name, state, code, peak, cpu in facts["steps"]
        },
    )


def sacct_listing(facts: dict[str, Any]) -> str:
    """Say the facts as sacct does."""
    number = str(facts["job"])
    if facts["index"] is not None:
        number += f"_{facts['index']}"
    elif facts["waiting"] is not None:
        number += f"_[{','.join(map(str, sorted(facts['waiting'])))}%5]"
    cpu = sum(step[4] for step in facts["steps"])
    job = {
        "JobID": number,
        "State": facts["state"] + ("" if facts["by"] is None else f" by {facts['by']}"),
        "ExitCode": "{}:{}".format(*facts["code"]),
        "Start": str(facts["start"] or "Unknown"),
        "End": str(facts["end"] or "Unknown"),
        "NodeList": facts["nodes"],
        "TotalCPU": f"{cpu // 3600:02}:{cpu // 60 % 60:02}:{cpu % 60:02}",
        "ElapsedRaw": str(facts["elapsed"]),
        "Submit": str(facts["submit"]),
        "TimelimitRaw": {"PartitionLimit": "Partition_Limit", None: "UNLIMITED"}.get(
            facts["limit"], str(facts["limit"])
        ),
        "ReqMem": f"{facts['memory']}M" if facts["memory"] else "0",
        "ReqCPUS": str(facts["asked_cpus"]),
        "AllocCPUS": str(facts["cpus"]),
        "Reason": facts["reason"],
        "JobName": facts["name"],
        "WorkDir": facts["workdir"],
        "Restarts": str(facts["restarts"]),
        "SubmitLine": facts["line"],
    }
    steps = [
        {
            "JobID": f"{number}.{name}",
            "State": state,
            "ExitCode": "{}:{}".format(*code),
            "MaxRSS": f"{peak >> 10}K",
        }
        for name, state, code, peak, _ in facts["steps"]
    ]
    columns = (*FIELDS[:-1], "Restarts", "SubmitLine")
    lines = ["|".join(line.get(name, "") for name in columns) for line in (job, *steps)]
    return "\n".join(["|".join(columns), *lines])


def both(facts: dict[str, Any]) -> tuple[SlurmRow, SlurmRow]:
    theirs, ours = rows_from_pyslurm(Jobs(pyslurm_job(facts))), read_sacct(sacct_listing(facts))
    assert theirs.unread == ours.unread == 0
    return theirs.rows[0], ours.rows[0]


WAITING = {
    "index": None, "state": "PENDING", "code": (0, 0), "start": None, "end": None, "elapsed": 0,
    "nodes": "None assigned", "cpus": 0, "steps": [],
}  # fmt: skip


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"index": 0},
        {"index": None},
        {"state": "COMPLETED", "code": (0, 0)},
        {"state": "COMPLETED", "code": (0, 0), "elapsed": 0},
        {"state": "RUNNING", "code": (0, 0), "end": None},
        {"state": "COMPLETING", "code": (0, 0)},
        {"state": "OUT_OF_MEMORY", "code": (0, 125)},
        {
            "state": "RUNNING",
            "code": (0, 0),
            "steps": [("0", "OUT_OF_MEMORY", (0, 125), 5 * MB, 1)],
        },
        {"steps": [("0", "OUT_OF_MEMORY", (0, 0), MB, 0)]},
        {"steps": [("batch", "FAILED", (0, 125), 0, 0), ("extern", "COMPLETED", (0, 0), MB, 0)]},
        {"state": "CANCELLED", "by": 0},
        {"state": "CANCELLED", "by": os.getuid()},
        {"state": "CANCELLED", "by": 4_000_000},
        {"state": "CANCELLED", "by": None},
        {"state": "TIMEOUT", "code": (0, 15), "limit": 1},
        {"limit": None},
        {"limit": "PartitionLimit"},
        {"memory": 0},
        {"restarts": 2},
        {"line": "sbatch --chdir=/w/a b /w/a b/slurm_array_job.2.sh", "workdir": "/w/a b"},
        WAITING,
        WAITING | {"waiting": {7, 9}, "reason": "JobHeldUser"},
        WAITING | {"waiting": {0, 1, 2, 3, 1000}},
        WAITING | {"waiting": {5}, "state": "CANCELLED", "by": 1000, "end": 1760000300},
    ],
)
def test_the_same_facts_make_the_same_row(facts: dict[str, Any]) -> None:
    theirs, ours = both(FACTS | facts)
    assert spread(theirs) == spread(ours)._replace(source="pyslurm")
    assert ours.source == "sacct"


def spread(row: SlurmRow) -> SlurmRow:
    """Neighbours may stand in one range or in several."""
    if row.elements is None:
        return row
    elements = (range(i, i + 1) for span in row.elements for i in span)
    return row._replace(elements=tuple(elements))


@settings(deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "state": st.sampled_from(sorted(BASE)),
            "index": st.none() | st.integers(0, 4_000_000),
            "code": st.sampled_from([(0, 0), (1, 0), (0, 9), (0, 125), (127, 0)]),
            "start": st.none() | st.integers(1, 4_000_000_000),
            "end": st.none() | st.integers(1, 4_000_000_000),
            "elapsed": st.integers(0, 10**6),
            "limit": st.none() | st.just("PartitionLimit") | st.integers(1, 10**6),
            "memory": st.integers(0, 10**7),
            "cpus": st.integers(0, 500),
            "asked_cpus": st.integers(1, 500),
            "restarts": st.integers(0, 9),
            "steps": st.lists(
                st.tuples(
                    st.sampled_from(["batch", "extern", "0", "1"]),
                    st.sampled_from(sorted(BASE)),
                    st.sampled_from([(0, 0), (0, 125)]),
                    st.integers(0, 1 << 30).map(lambda kilobytes: kilobytes << 10),
                    st.integers(0, 20_000),
                ),
                max_size=3,
                unique_by=lambda step: step[0],
            ),
        },
    )
)
def test_any_facts_make_the_same_row(facts: dict[str, Any]) -> None:
    theirs, ours = both(FACTS | facts)
    assert theirs == ours._replace(source="pyslurm")


def test_a_job_that_is_not_as_expected_costs_itself_only() -> None:
    good, bare, odd = pyslurm_job(FACTS), Job(id=1), pyslurm_job(FACTS | {"waiting": {1}})
    odd.array_tasks_waiting = "who knows"
    wrong = pyslurm_job(FACTS)
    wrong.state = None
    rows, unread = rows_from_pyslurm(Jobs(bare, good, odd, wrong))
    assert (len(rows), unread) == (1, 3)


def test_what_only_pyslurm_tells() -> None:
    leader = pyslurm_job(FACTS | {"index": None})
    leader.heterogeneous_id = 120
    stopped = pyslurm_job(FACTS)
    stopped.cancelled_by = "root"  # kept of a job that failed all the same
    unknown = pyslurm_job(FACTS | {"state": "CANCELLED"})
    unknown.cancelled_by = "nobody has this name"
    vague = pyslurm_job(FACTS | {"cpus": 0})
    vague.requested_tres = None
    rows = rows_from_pyslurm(Jobs(leader, stopped, unknown, vague)).rows
    assert [(row.job, row.by, row.cpus) for row in rows] == [
        (120, None, 2), (123, None, 2), (123, None, 2), (123, None, None),
    ]  # fmt: skip


def test_lists_come_as_masks_and_as_lists() -> None:
    job = pyslurm_job(FACTS | {"index": None, "waiting": {1}})
    job.array_tasks_waiting = "5-7,9"
    (row,) = rows_from_pyslurm(Jobs(job)).rows
    assert row.elements == (range(5, 8), range(9, 10))


class Database:
    """pyslurm.db with one job, or that fails."""

    def __init__(self, error: type[Exception] | None = None) -> None:
        self.error = error
        self.asked: dict[str, Any] = {}
        self.Jobs = SimpleNamespace(load=self.load)

    def JobFilter(self, *, names: Any, start_time: Any) -> Any:  # noqa: N802 (pyslurm's name)
        self.asked = {"names": names, "start_time": start_time}
        return self.asked

    def load(self, wanted: Any) -> Jobs:
        if self.error is not None:
            raise self.error
        assert wanted is self.asked
        return Jobs(pyslurm_job(FACTS))


def test_asked_by_name_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database()
    monkeypatch.setitem(sys.modules, "pyslurm", SimpleNamespace(db=database))
    parsed = load(["toys.1", "toys.2"], 1760000000.7)
    assert parsed is not None
    assert [row.job for row in parsed.rows] == [123]
    assert database.asked == {"names": ["toys.1", "toys.2"], "start_time": 1760000000}


@pytest.mark.parametrize(
    "module",
    [
        None,
        SimpleNamespace(),
        SimpleNamespace(db=SimpleNamespace()),
        SimpleNamespace(db=Database(RuntimeError)),
        SimpleNamespace(db=Database(OSError)),
        SimpleNamespace(db=Database(MemoryError)),
    ],
)
def test_not_there_or_silent(monkeypatch: pytest.MonkeyPatch, module: Any) -> None:
    monkeypatch.setitem(sys.modules, "pyslurm", module)
    assert load(["toys.1"], 0.0) is None
