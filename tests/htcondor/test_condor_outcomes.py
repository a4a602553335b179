"""Every way in which a job of a real HTCondor ends or waits, and what is done about it.

With the schedd's help; and from the event log alone, by a copy of the run without HTCondor.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.htcondor import outcomes as o
from tests.slurm.season import once

if TYPE_CHECKING:
    from tests.clusters.condor import Condor
    from tests.slurm.season import Told

Judged = tuple[str, str | None, str]
WHEN = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
LOG = rf"\(event log, {WHEN}\)"
RAN = r"\d+s"
FROM = r"Error from slot1_\d+@\w+\.farm: "
COMMAND = r"condor_{} -name head\.farm \d+\.\d+"
RELEASE = COMMAND.format("release")
REDO = r"farmhand resubmit --held"
TRANSFERRED = rf"condor_job_transfer\.sub \({REDO} --mode transfer\)"
PEAK = r"peak \d+(\.\d+)? MB of 150 MB"
SUCCEEDED: Judged = ("succeeded", None, "exit code 0, 1 output good")
PLANNED: Judged = ("planned", None, "no record yet")
REMOVED = r"event log: removed, via condor_rm \(by user farmer\)"
TOO_MUCH = "memory usage exceeded request_memory"


def held(code: str, cause: str, why: str, advice: str) -> Judged:
    return "held", cause, f"held {code}; {why} {LOG}; {advice}"


ALIKE: dict[int, Judged] = {
    o.FINE: SUCCEEDED,
    o.EXIT_3: ("failed", "exit_code", "exit code 3; Error: no such model"),
    o.EXIT_255: ("failed", "exit_code", "exit code 255"),
    o.SEGV: ("failed", "signal", r"killed by SIGSEGV \(exit code 139\)"),
    o.OOM: held(
        "21/102", "oom",
        rf"it used more memory than it asked for: {FROM}{TOO_MUCH}, {PEAK}",
        f"{REDO} asks for more",
    ),
    o.USER_HOLD: held(
        "1/0", "held_policy", r"a user held it: via condor_hold \(by user farmer\)",
        f"{RELEASE} lets it go on",
    ),
    o.RELEASED: SUCCEEDED,
    o.REMOVED_IDLE: ("cancelled", "cancelled", f"{REMOVED}, never started"),
    o.REMOVED_RUNNING: ("cancelled", "cancelled", f"{REMOVED}, after {RAN}"),
    o.REMOVED_HELD: ("cancelled", "cancelled", f"{REMOVED}, never started"),
    o.EVICTED: SUCCEEDED,
    o.EVICTED_REMOVED: ("cancelled", "cancelled", f"{REMOVED}, after {RAN}"),
    o.ON_EXIT_HOLD: held(
        "3/0", "held_policy",
        "a policy of the job held it: "
        "The job attribute OnExitHold expression 'ExitCode == 4' evaluated to TRUE",
        f"see the reason; {RELEASE}",
    ),
    o.PERIODIC_HOLD: held(
        "3/0", "held_policy",
        "a policy of the job held it: "
        "The job attribute PeriodicHold expression 'JobStatus == 2' evaluated to TRUE",
        f"see the reason; {RELEASE}",
    ),
    o.IDLE: ("pending", None, f"idle {LOG}"),
    o.RUNNING: ("running", None, rf"running on \w+\.farm {LOG}"),
    o.UNSUBMITTED: PLANNED,
    # The wrapper was given 3 s, the submission says 10 minutes.
    o.TOO_LONG: ("failed", "timeout", r"ran [34]\.\ds, stopped at the walltime of 10m00s"),
}  # fmt: skip
SHARED: dict[int, Judged] = ALIKE | {
    o.NO_STDOUT: held(
        "7/2", "setup",
        "its standard output could not be opened: "
        rf"{FROM}Failed to open '\S+/nowhere/stdout' as standard output: .*\(errno 2\)",
        "is logs/ of the run there\\? If so, the machine does not see it: "
        f"submit {TRANSFERRED}",
    ),
    o.NO_PROGRAM: held(
        "6/2", "setup",
        rf"it could not be started: {FROM}Failed to execute '\S+/gone\.sh' .*\(errno=2: .*\)",
        f"the machine does not see the run: submit {TRANSFERRED}; "
        f"or the file is gone: {REDO} writes it anew",
    ),
    o.NOT_EXECUTABLE: held(
        "6/13", "setup",
        rf"it could not be started: {FROM}Failed to execute '\S+/plain\.sh' .*\(errno=13: .*\)",
        f"the job runs as another user, who cannot read the run: submit {TRANSFERRED}; "
        f"or the file is not executable: {REDO} writes it anew",
    ),
    o.CLOSED: held(
        "7/13", "setup",
        "its standard output could not be opened: "
        rf"{FROM}Failed to open '\S+' as standard error: Permission denied \(errno 13\)",
        "the job runs as another user, who cannot enter the run: "
        f"submit {TRANSFERRED}",
    ),
}  # fmt: skip
TRANSFER: dict[int, Judged] = ALIKE | {
    o.NO_STDOUT: PLANNED,
    o.NO_PROGRAM: held(
        "13/2", "stage_in",
        r"its inputs could not be sent: Transfer input files failure .*/gone\.sh: \(errno 2\) .*",
        f"put back what is missing and type {RELEASE}, or {REDO}",
    ),
    o.NO_INPUT: held(
        "13/2", "stage_in",
        r"its inputs could not be sent: Transfer input files failure .*/more\.txt: \(errno 2\) .*",
        f"put back what is missing and type {RELEASE}, or {REDO}",
    ),
    o.NO_OUTPUT: held(
        "12/2", "stage_out",
        "its outputs could not be brought back: Transfer output files failure .*"
        r"/missing\.json: \(errno 2\) .*",
        f"see the reason, then {REDO}",
    ),
}  # fmt: skip
EXPECTED = {o.SHARED: SHARED, o.TRANSFER: TRANSFER}
# Of being submitted on hold the log does not tell, the schedd does.
ON_HOLD = "held 15/0; it was submitted on hold: submitted on hold at user's request"
WITH_THE_SCHEDD: Judged = (
    "held", "held_policy", rf"{ON_HOLD} \(condor_q, {WHEN}\); {RELEASE} lets it go",
)  # fmt: skip
WITHOUT: Judged = ("pending", None, f"idle {LOG}")
CASES = [(file, shard) for file, expected in EXPECTED.items() for shard in sorted(expected)]

# What became of each start of those that were started twice.
PREEMPTED = f"event log: evicted, after {RAN}"
HELD_BEFORE: Judged = (
    "cancelled", "cancelled",
    rf"event log: held 1/0, via condor_hold \(by user farmer\), after {RAN}",
)  # fmt: skip
TWICE: dict[tuple[str, int], tuple[Judged, Judged]] = {
    (o.SHARED, o.EVICTED): (("failed", "preempted", PREEMPTED), SUCCEEDED),
    (o.TRANSFER, o.EVICTED): (("lost", "preempted", PREEMPTED), SUCCEEDED),
    (o.SHARED, o.RELEASED): (HELD_BEFORE, SUCCEEDED),
    (o.TRANSFER, o.RELEASED): (HELD_BEFORE, SUCCEEDED),
}


@pytest.fixture(scope="module")
def told(condor: Condor, condor_home: Path) -> Told:
    return once(condor_home, "outcomes", o.scene(condor))


def judged(row: dict[str, Any]) -> Judged:
    return row["state"], row["cause"], row["evidence"]


def same(found: Judged, expected: Judged) -> bool:
    return found[:2] == expected[:2] and bool(re.fullmatch(expected[2], found[2]))


@pytest.mark.parametrize(("file", "shard"), CASES)
@pytest.mark.parametrize("how", ["last", "at once", "log"])
def test_what_became_of_each(told: Told, file: str, shard: int, how: str) -> None:
    """After several collects, after the first one, and from the event log alone."""
    found = judged(told[file][how][shard])
    assert same(found, EXPECTED[file][shard]), found


@pytest.mark.parametrize("file", list(EXPECTED))
def test_what_was_submitted_on_hold_is_told_by_the_schedd(told: Told, file: str) -> None:
    for how, expected in (
        ("last", WITH_THE_SCHEDD), ("at once", WITH_THE_SCHEDD), ("log", WITHOUT),
    ):  # fmt: skip
        found = judged(told[file][how][o.SUBMITTED_HELD])
        assert same(found, expected), (how, found)


@pytest.mark.parametrize("file", list(EXPECTED))
def test_without_condor_q_it_says_so_and_goes_by_the_event_log(told: Told, file: str) -> None:
    said = " ".join(told[file]["log said"].split())
    assert "condor_q is not installed here (not on PATH); going by the event log" in said
    assert "condor_q" not in told[file]["at once said"]


@pytest.mark.parametrize(("file", "shard"), list(TWICE))
@pytest.mark.parametrize("how", ["last", "at once", "log"])
def test_both_starts_stand_in_the_manifest(told: Told, file: str, shard: int, how: str) -> None:
    attempts = told[file][how][shard]["attempts"]
    for attempt, expected in zip(attempts, TWICE[file, shard], strict=True):
        assert same(judged(attempt), expected), judged(attempt)
    assert len({attempt["native_id"] for attempt in attempts}) == 1
    # What is evicted brings nothing back from where no files are shared.
    assert [bool(one["dir"]) for one in attempts] == [file == o.SHARED, True]


@pytest.mark.parametrize("file", list(EXPECTED))
def test_while_it_happened(told: Told, file: str) -> None:
    first, second = told[file]["first"], told[file]["second"]
    assert {first[shard]["state"] for shard in o.LONG} == {"running"}
    states = [second[shard]["state"] for shard in (o.RELEASED, o.EVICTED, o.EVICTED_REMOVED)]
    assert states == ["held", "pending", "pending"]


def timeless(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the times at which it was asked."""
    for row in rows:
        for part in (row, *row["attempts"]):
            part["evidence"] = re.sub(WHEN, "", part["evidence"])
        for attempt in row["attempts"]:
            if attempt["observed"]:
                attempt["observed"].pop("asked", None)
    return rows


@pytest.mark.parametrize("file", list(EXPECTED))
def test_collected_in_several_goes_or_at_once_the_manifest_is_the_same(
    told: Told, file: str
) -> None:
    pairs = zip(timeless(told[file]["again"]), timeless(told[file]["at once"]), strict=True)
    for several, at_once in pairs:
        assert several == at_once


@pytest.mark.parametrize("file", list(EXPECTED))
def test_check_names_the_cause_and_what_to_do(told: Told, file: str) -> None:
    page = " ".join(told[file]["check"].split())
    native = told[file]["ids"][str(o.USER_HOLD)]
    assert f"condor_release -name head.farm {native} lets it go on" in page
    assert "peak " in page
    assert " of 150 MB" in page
    assert "farmhand resubmit --held asks for more" in page


@pytest.mark.parametrize("file", list(EXPECTED))
def test_show_tells_what_was_used_of_what_was_asked_for(told: Told, file: str) -> None:
    text = told[file]["show"]
    assert re.search(r"memory \d+(\.\d+)? MB seen of 150 MB", text), text
    # What is held brings nothing back from where no files are shared.
    why = "none came back: HTCondor returns files only of jobs that end by themselves"
    assert (f"  log:        {why}" in text) == (file == o.TRANSFER)
    assert ("nothing in shards/" in text) == (file == o.SHARED)
    assert "log:        none: it has not been started" in told[file]["show idle"]
    host = "w1.farm" if file == o.TRANSFER else r"vm|n\d"
    assert re.search(rf"host: +({host}|\S+, node n\d\.farm|\S+)", text), text
