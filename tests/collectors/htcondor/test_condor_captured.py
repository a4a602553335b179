"""What a real HTCondor logs of every kind of end, and what is made of it."""

from __future__ import annotations

from typing import Any

import pytest

from collectors.condor_events import IMAGE_SIZE
from collectors.condor_holds import hold
from tests.collectors.htcondor.captured import RELEASES, courses, log_file, read

MIB = 1 << 20
Run = tuple[str, str, int | None, int | None]
"""Kind, the scheduler's word, exit code and signal of an execution."""
FINE: Run = ("completed", "terminated", 0, None)
EXIT_3: Run = ("failed", "terminated", 3, None)
EVICTED: Run = ("preempted", "evicted", None, None)
REMOVED: Run = ("cancelled", "removed", None, None)
LOST: Run = ("node", "lost", None, None)


def held(kind: str, code: str) -> Run:
    return (kind, f"held {code}", None, None)


# case -> what became of the job, and of each of its executions
EXPECTED: dict[str, tuple[str, list[Run]]] = {
    "success": ("completed", [FINE]),
    "success-staged": ("completed", [FINE]),
    "exit-3": ("completed", [EXIT_3]),
    "exit-3-staged": ("completed", [EXIT_3]),
    "exit-139": ("completed", [("failed", "terminated", 139, None)]),
    "signal-11": ("completed", [("failed", "terminated", None, 11)]),
    "signal-9": ("completed", [("failed", "terminated", None, 9)]),
    "signal-11-staged": ("completed", [("failed", "terminated", None, 11)]),
    "memory": ("removed", [held("oom", "21/102")]),
    "memory-staged": ("removed", [held("oom", "21/102")]),
    "no-executable": ("removed", [held("setup", "6/2")]),
    "no-executable-there": ("removed", [held("setup", "6/2")]),
    "no-interpreter": ("removed", [held("setup", "6/2")]),
    "not-executable": ("removed", [held("setup", "6/13")]),
    "other-user": ("removed", [held("setup", "6/13")]),
    "other-user-reads": ("completed", [("failed", "terminated", 1, None)]),
    "no-executable-staged": ("removed", []),
    "no-input": ("removed", []),
    "no-output": ("removed", [held("stage_out", "12/2")]),
    "no-output-exit-3": ("removed", [held("stage_out", "12/2")]),
    "no-stdout-folder": ("removed", []),
    "no-stdout-folder-staged": ("completed", [FINE]),
    "no-stderr-folder": ("removed", []),
    "no-stdin": ("removed", []),
    "no-directory": ("removed", []),
    "input-too-large": ("removed", []),
    "output-too-large": ("removed", [held("disk", "33/0")]),
    "on-exit-hold": ("removed", [held("cancelled", "3/0")]),
    "on-exit-hold-reason": ("removed", [held("cancelled", "3/77")]),
    "periodic-remove": ("removed", [REMOVED]),
    "execute-duration": ("removed", [held("timeout", "47/0")]),
    "job-duration": ("removed", [held("timeout", "46/0")]),
    "submitted-held": ("removed", []),
    "no-notes": ("completed", [FINE]),
    "user-notes": ("completed", [FINE]),
    "log-xml": ("completed", [EXIT_3]),
    "hold": ("removed", [held("cancelled", "1/0")]),
    "hold-staged": ("removed", [held("cancelled", "1/0")]),
    "hold-idle": ("removed", []),
    "hold-admin": ("removed", [held("cancelled", "1/5")]),
    "release": ("completed", [held("cancelled", "1/0"), FINE]),
    "remove": ("removed", [REMOVED]),
    "remove-staged": ("removed", [REMOVED]),
    "remove-idle": ("removed", []),
    "remove-held": ("removed", [held("cancelled", "1/0")]),
    "remove-reason": ("removed", [REMOVED]),
    "remove-admin": ("removed", [REMOVED]),
    "vacate": ("completed", [EVICTED, FINE]),
    "vacate-staged": ("completed", [EVICTED, FINE]),
    "vacate-fast": ("completed", [EVICTED, FINE]),
    "vacate-ignored": ("completed", [EVICTED, FINE]),
    "vacate-last-words": ("completed", [EVICTED, FINE]),
    "suspend": ("completed", [FINE]),
    "shadow-killed": ("completed", [LOST, FINE]),
    "starter-killed": ("completed", [LOST, FINE]),
    "drain": ("completed", [EVICTED, FINE]),
    "stopped": ("completed", [EVICTED, FINE]),
    "lost": ("completed", [LOST, FINE]),
    "preempted": ("completed", [EVICTED, FINE]),
    "schedd-restart": ("completed", [FINE]),
    "schedd-restart-staged": ("completed", [FINE]),
    "schedd-restart-idle": ("removed", []),
}
# What the jobs that left the queue held were held for.
HELD_FOR = {
    "memory": "oom", "memory-staged": "oom", "no-executable": "setup", "not-executable": "setup",
    "no-executable-there": "setup", "no-interpreter": "setup", "other-user": "setup",
    "no-executable-staged": "stage_in", "no-input": "stage_in", "no-output": "stage_out",
    "no-output-exit-3": "stage_out", "no-stdout-folder": "setup", "no-stderr-folder": "setup",
    "no-stdin": "setup", "no-directory": "setup", "input-too-large": "disk",
    "output-too-large": "disk", "on-exit-hold": "held_policy", "periodic-hold": "held_policy",
    "execute-duration": "timeout", "job-duration": "timeout", "hold": "held_policy",
    "hold-idle": "held_policy", "system-hold": "held_policy", "factory-stalled": "setup",
}  # fmt: skip


def shown(run: dict[str, Any]) -> Run:
    return run["kind"], run["state"], run.get("code"), run.get("signal")


@pytest.mark.parametrize("case", list(EXPECTED))
@pytest.mark.parametrize("release", RELEASES)
def test_what_became_of_it(release: str, case: str) -> None:
    log = read(log_file(release, case))
    assert log.damaged == 0
    (course,) = courses(log).values()
    state, runs = EXPECTED[case]
    assert (course.state, [shown(run) for run in course.runs]) == (state, runs)
    for run in course.runs:
        assert run["started"] <= run["ended"]
        assert run["node"].endswith(".farm")


@pytest.mark.parametrize("case", list(HELD_FOR))
@pytest.mark.parametrize("release", RELEASES)
def test_what_it_was_held_for(release: str, case: str) -> None:
    for course in courses(read(log_file(release, case))).values():
        kept = course.removed["held"]
        assert hold(kept["code"], kept["subcode"]).cause == HELD_FOR[case]
        assert kept["why"]


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("case", ["memory", "memory-staged"])
def test_used_and_asked_memory_stand_in_the_eviction(release: str, case: str) -> None:
    """HTCondor's own reader leaves them out there."""
    (course,) = courses(read(log_file(release, case))).values()
    assert course.runs[0]["memory"] == 50 * MIB
    assert course.runs[0]["peak"] > 300 * MIB


@pytest.mark.parametrize("release", RELEASES)
def test_sizes_are_read_in_both_layouts(release: str) -> None:
    for case in ("log-xml", "exit-3"):
        rows = read(log_file(release, case)).jobs.values()
        sizes = [row[2] for job in rows for row in job.events() if row[0] == IMAGE_SIZE]
        assert all(3 * MIB < size["peak"] < 10 * MIB for size in sizes)
        assert len(sizes) == (case == "exit-3" or release != "23.9")  # it may be 0: not known


@pytest.mark.parametrize("release", RELEASES)
def test_a_limit_that_the_kernel_enforces(release: str) -> None:
    for case in ("memory-cgroup", "memory-cgroup-staged", "memory-cgroup-child"):
        for course in courses(read(log_file(release, case))).values():
            if course.state == "held":
                assert hold(course.held["code"], course.held["subcode"]).cause == "oom"
                assert course.runs[0]["kind"] == "oom"
                assert course.runs[0]["memory"] == 100 * MIB


@pytest.mark.parametrize("release", RELEASES)
def test_what_is_not_known_is_not_zero(release: str) -> None:
    for path in log_file(release, "x").parent.glob("*.log"):
        for course in courses(read(path)).values():
            assert all(run.get("peak") != 0 for run in course.runs)


@pytest.mark.parametrize("release", RELEASES)
def test_why(release: str) -> None:
    def why(case: str) -> str:
        (course,) = courses(read(log_file(release, case))).values()
        return str(course.runs[0].get("why"))

    assert why("remove") == "via condor_rm (by user farmer)"
    assert why("remove-reason") == "finished-elsewhere (by user farmer)"
    assert "PeriodicRemove expression" in why("periodic-remove")
    assert why("lost") == "Job disconnected too long: JobLeaseDuration (60 seconds) expired"
    assert why("shadow-killed") == "it was started again elsewhere"
    held = "via condor_hold (by user farmer), then removed: via condor_rm (by user farmer)"
    assert why("remove-held") == held


@pytest.mark.parametrize("release", RELEASES)
def test_one_job_each(release: str) -> None:
    for case, codes in (("mixed", [0, 1, 2, 3]), ("mixed-staged", [0, 1, 2, 3])):
        found = courses(read(log_file(release, case)))
        assert [course.runs[0]["code"] for course in found.values()] == codes


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(
    "layout", ["iso-date", "utc", "sub-second", "legacy", "iso-date-utc-sub-second"]
)
def test_the_ways_to_write_times(release: str, layout: str) -> None:
    log = read(log_file(release, f"format-{layout}"))
    found = list(courses(log).values())
    assert log.damaged == 0
    assert [course.runs[0]["code"] for course in found] == [0, 1]
    first = (log_file(release, "ids.txt").parent / "ids.txt").read_text().split()[0]
    assert all(abs(course.runs[0]["started"] - int(first)) < 3600 for course in found)
