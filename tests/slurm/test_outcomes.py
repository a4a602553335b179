"""Every way in which an element of a real SLURM ends or waits, and what is done about it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.slurm import outcomes as o
from tests.slurm.season import once

if TYPE_CHECKING:
    from tests.clusters.slurm import Slurm
    from tests.slurm.season import Told

Judged = tuple[str, str | None, str]
NOW = r"\(squeue, \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\)"
RAN = r"\S+s"
STOPPED: Judged = ("cancelled", "cancelled", "stopped by SIGTERM")
GONE: Judged = ("lost", "vanished", r"pid \d+ on \S+ is gone and left no end record")
SUCCEEDED: Judged = ("succeeded", None, "exit code 0, no outputs declared")
PLANNED: Judged = ("planned", None, "no record yet")
FAILED_ALIKE: dict[int, Judged] = {
    o.EXIT_3: ("failed", "exit_code", "exit code 3; Error: no such model"),
    o.EXIT_255: ("failed", "exit_code", "exit code 255"),
    o.SEGV: ("failed", "signal", r"killed by SIGSEGV \(exit code 139\)"),
}
KILLED = r"killed by SIGKILL \(exit code 137\)"
REQUEUED_HELD = r"requeued and held \(scontrol release starts it\)"

# With accounting and queue.
EXPECTED: dict[int, Judged] = FAILED_ALIKE | {
    o.FINE: SUCCEEDED,
    o.OOM: ("failed", "oom", f"sacct: OUT_OF_MEMORY 0:125, request 100 MB; {KILLED}"),
    o.CHILD_OOM: (
        "unknown", "disagree",
        "the record says exit code 0, sacct: OUT_OF_MEMORY 0:125, request 100 MB",
    ),
    o.TIMEOUT: ("failed", "timeout", f"sacct: TIMEOUT, ran {RAN} of 1m00s"),
    o.STUBBORN: ("failed", "timeout", f"sacct: TIMEOUT, ran {RAN} of 1m00s"),
    o.SCANCEL: ("cancelled", "cancelled", rf"sacct: CANCELLED, by uid \d+, after {RAN}"),
    o.POLITE: ("cancelled", "cancelled", rf"sacct: CANCELLED, by uid \d+, after {RAN}"),
    o.REQUEUE: SUCCEEDED,
    o.REQUEUEHOLD: ("held", "held_policy", f"PENDING; {REQUEUED_HELD} {NOW}"),
    o.SPECIAL: ("held", "held_policy", f"SPECIAL_EXIT; {REQUEUED_HELD} {NOW}"),
    o.HELD: (
        "held", "held_policy",
        rf"PENDING; held by its owner \(scontrol release starts it\) {NOW}",
    ),
    o.HELD_CANCELLED: PLANNED,
    o.BEGINS: ("pending", None, f"PENDING; waits: BeginTime {NOW}"),
    o.NEVER: (
        "held", "held_policy",
        f"PENDING; what it depends on failed, so it will never start {NOW}",
    ),
    o.PREEMPTED: ("failed", "preempted", f"sacct: PREEMPTED, after {RAN}"),
    o.PREEMPTED_POLITE: ("failed", "preempted", f"sacct: PREEMPTED, after {RAN}"),
    o.PREEMPTED_AGAIN: SUCCEEDED,
    o.LOST: ("lost", "node", f"sacct: NODE_FAIL, node n2, after {RAN}"),
    o.LOST_AGAIN: SUCCEEDED,
    o.DEADLINE: (
        "cancelled", "cancelled",
        "sacct: DEADLINE 1:0, its deadline passed, never started",
    ),
    o.SUSPENDED: ("running", None, f"SUSPENDED on n1; suspended {NOW}"),
    o.RUNNING: ("running", None, f"RUNNING on n1 {NOW}"),
    o.UNSUBMITTED: PLANNED,
}  # fmt: skip

# With the records alone, on the host of the jobs. They do not know what killed them (memory, node,
# a time limit that left no time to write), nor who stopped them, nor of anything that never began.
BY_RECORDS: dict[int, Judged] = FAILED_ALIKE | {
    o.FINE: SUCCEEDED,
    o.OOM: ("failed", "signal", KILLED),
    o.CHILD_OOM: SUCCEEDED,
    o.TIMEOUT: STOPPED,
    o.STUBBORN: GONE,
    o.SCANCEL: STOPPED,
    o.POLITE: STOPPED,
    o.REQUEUE: SUCCEEDED,
    o.REQUEUEHOLD: STOPPED,
    o.SPECIAL: STOPPED,
    o.HELD: PLANNED,
    o.HELD_CANCELLED: PLANNED,
    o.BEGINS: PLANNED,
    o.WAITING_CANCELLED: PLANNED,
    o.NEVER: PLANNED,
    o.PREEMPTED: STOPPED,
    o.PREEMPTED_POLITE: STOPPED,
    o.PREEMPTED_AGAIN: SUCCEEDED,
    o.LOST: GONE,
    o.LOST_AGAIN: SUCCEEDED,
    o.DEADLINE: PLANNED,
    o.SUSPENDED: ("running", None, r"pid \d+ on \S+, .* so far"),
    o.RUNNING: ("running", None, r"pid \d+ on \S+, .* so far"),
    o.UNSUBMITTED: PLANNED,
}

# Elements that SLURM started twice: what became of each start.
TWICE: dict[int, tuple[Judged, Judged]] = {
    o.REQUEUE: (
        ("cancelled", "cancelled", f"sacct: REQUEUED, stopped, to be started again, after {RAN}"),
        SUCCEEDED,
    ),
    o.PREEMPTED_AGAIN: (("failed", "preempted", f"sacct: PREEMPTED, after {RAN}"), SUCCEEDED),
    o.LOST_AGAIN: (("lost", "node", f"sacct: NODE_FAIL, node n2, after {RAN}"), SUCCEEDED),
}


@pytest.fixture(scope="module")
def told(slurm_home: Path, rough_slurm: Slurm, begun_limits: Told) -> Told:
    return once(slurm_home, "outcomes", lambda: o.Scene(rough_slurm).play())


def judged(row: dict[str, Any]) -> Judged:
    return row["state"], row["cause"], row["evidence"]


def same(found: Judged, expected: Judged) -> bool:
    return found[:2] == expected[:2] and bool(re.fullmatch(expected[2], found[2]))


def expected_here(slurm: Slurm, expected: dict[int, Judged]) -> dict[int, Judged]:
    """Where this machine cannot limit memory, nothing is killed for it."""
    if slurm.enforces_memory:
        return expected
    return expected | {o.OOM: SUCCEEDED, o.CHILD_OOM: SUCCEEDED}


@pytest.mark.parametrize("shard", sorted(EXPECTED))
def test_with_accounting_and_queue(told: Told, rough_slurm: Slurm, shard: int) -> None:
    expected = expected_here(rough_slurm, EXPECTED)[shard]
    assert same(judged(told["last"][shard]), expected), judged(told["last"][shard])


@pytest.mark.parametrize("shard", sorted(BY_RECORDS))
def test_with_the_records_alone(told: Told, rough_slurm: Slurm, shard: int) -> None:
    expected = expected_here(rough_slurm, BY_RECORDS)[shard]
    assert same(judged(told["records"][shard]), expected), judged(told["records"][shard])


@pytest.mark.parametrize("shard", sorted(TWICE))
def test_both_starts_of_a_requeued_element_stand_in_the_manifest(told: Told, shard: int) -> None:
    attempts = told["last"][shard]["attempts"]
    for attempt, expected in zip(attempts, TWICE[shard], strict=True):
        assert same(judged(attempt), expected), judged(attempt)
        assert attempt["dir"], "each left a record of its own"
    assert [attempt["restarts"] for attempt in attempts] == [0, 1]
    assert attempts[0]["native_id"] == attempts[1]["native_id"]
    assert told["last"][shard]["accepted_attempts"] == [attempts[1]["attempt"]]


def test_an_element_cancelled_while_it_waited_is_missed_once_it_was_seen(told: Told) -> None:
    """sacct 22.05 never hears of it; who did not ask before has nothing to miss."""
    waited = told["second"][o.WAITING_CANCELLED]
    assert judged(told["first"][o.WAITING_CANCELLED])[:2] == ("pending", None)
    assert judged(waited)[:2] == ("unknown", None)
    assert "no longer listed by squeue" in waited["evidence"]
    assert judged(told["at once"][o.WAITING_CANCELLED]) == PLANNED


def test_collecting_while_jobs_run_claims_nothing_wrong(told: Told) -> None:
    """Whatever was certain in the middle is still so in the end."""
    for name in ("first", "second"):
        for early, late in zip(told[name], told["last"], strict=True):
            certain = early["state"] in ("succeeded", "failed", "cancelled", "lost")
            if certain or early["cause"] == "disagree":
                assert judged(early)[:2] == judged(late)[:2]
    alive = {row["shard_index"] for row in told["first"] if row["state"] == "running"}
    assert alive >= {o.TIMEOUT, o.STUBBORN, o.SCANCEL, o.REQUEUE, o.SUSPENDED, o.RUNNING}


def settled(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows without those that tell of a moment."""
    passing = ("pending", "running", "held", "unknown")
    return [
        row
        for row in rows
        if row["state"] not in passing and row["shard_index"] != o.WAITING_CANCELLED
    ]


def test_collecting_in_portions_or_at_once_or_twice_gives_the_same(told: Told) -> None:
    last = settled(told["last"])
    assert len(last) > 15
    assert settled(told["at once"]) == last
    assert settled(told["again"]) == last


def test_check_lists_what_is_bad(told: Told) -> None:
    """By itself, without asking SLURM."""
    bad = {row["shard_index"]: judged(row) for row in told["check_json"]["bad"]}
    bad.pop(o.WAITING_CANCELLED, None)  # missed for two minutes by now, or not yet
    last = {row["shard_index"]: judged(row) for row in told["last"]}
    del last[o.WAITING_CANCELLED]
    states = ("failed", "cancelled", "lost", "held")
    assert bad == {
        shard: verdict
        for shard, verdict in last.items()
        if verdict[0] in states or verdict[1] == "disagree"
    }
    assert "s19: sacct: NODE_FAIL, node n2" in told["check"]


def test_show_tells_all_of_one(told: Told) -> None:
    assert told["show"]["result"] == told["last"][o.LOST_AGAIN]


def would_do(told: Told, name: str) -> list[dict[str, Any]]:
    """What a resubmission would do; what two minutes more or less decide is left out."""
    found: list[dict[str, Any]] = json.loads(told[name]["stdout"])
    return [group for group in found if group["shards"] != [o.WAITING_CANCELLED]]


def groups(told: Told, name: str) -> dict[str, list[int]]:
    """Cause -> shards of what a resubmission would do."""
    return {group["cause"]: group["shards"] for group in would_do(told, name)}


def test_only_what_was_lacked_is_raised(told: Told, rough_slurm: Slurm) -> None:
    found = would_do(told, "dry")
    raised = {
        group["cause"]: {k: v for k, v in group["after"].items() if group["before"][k] != v}
        for group in found
    }
    expected: dict[str, Any] = {
        "exit_code": {}, "signal": {}, "timeout": {"walltime": 900}, "preempted": {}, "node": {},
        "oom": {"memory": 200 << 20},
    }  # fmt: skip
    if not rough_slurm.enforces_memory:
        del expected["oom"]
    assert raised == expected


def test_what_is_chosen_and_what_is_left_alone(told: Told) -> None:
    bad = {key: value for key, value in groups(told, "dry").items() if key != "oom"}
    assert bad == {
        "exit_code": [1, 2], "signal": [3], "timeout": [6, 7], "preempted": [17, 26], "node": [19],
    }  # fmt: skip
    assert "4 shards: held by the scheduler; release them there" in told["dry"]["stderr"]
    assert "3 shards: cancelled needs a hand first" in told["dry"]["stderr"]
    assert groups(told, "--where host=n2") == {"preempted": [17, 26], "node": [19]}
    assert groups(told, "--where host=n1 --cause exit_code") == {"exit_code": [1, 2]}
    assert groups(told, "--match no such model") == {"exit_code": [1]}
    assert groups(told, "--match SIGSEGV") == {"signal": [3]}
    assert groups(told, "--where exit_code=255 --where name=s0*") == {"exit_code": [2]}
    assert groups(told, "--cause cancelled") == {"cancelled": [8, 11, 21]}
    assert groups(told, "--shards 8,11") == {"cancelled": [8, 11]}
    assert groups(told, "--shards 0,24-25") == {"planned": [25]}


def test_the_table_says_old_and_new_and_which_host_fails(told: Told) -> None:
    text = told["table"]["stderr"]
    assert re.search(r"2 +timeout +walltime 10m00s -> 15m00s +6-7", text)
    assert re.search(r"1 +node +again, same resources +19", text)
    assert re.search(r"Hosts that stand out.*\nhost .*\nn2 +[0-9]+ of [0-9]+ .*2 node", text)


def test_the_lines_to_type_are_of_dense_arrays_with_maps(told: Told, rough_slurm: Slurm) -> None:
    lines = told["typed "]
    assert all(re.fullmatch(r"sbatch \S+/resubmit-\d/slurm_array_job.sh", line) for line in lines)
    run = Path(told["path"], "runs/r")
    scripts = [Path(line.split()[1]).read_text(encoding="utf-8") for line in lines]
    oom = int(rough_slurm.enforces_memory)
    assert len(lines) == 2 + oom, "one submission for each set of resources"
    by_time = next(text for text in scripts if "--time=00:15:00" in text)
    assert "#SBATCH --mem=100M" in by_time
    assert "#SBATCH --array=0-1\n" in by_time
    if oom:
        by_memory = next(text for text in scripts if "--mem=200M" in text)
        assert "#SBATCH --time=00:10:00" in by_memory
        assert "#SBATCH --array=0-0\n" in by_memory
    redone = set(map(int, (run / "submissions/2.map").read_text(encoding="utf-8").split()))
    assert redone - {o.WAITING_CANCELLED} == {1, 2, 3, 17, 19, 26}


def test_what_is_held_is_cancelled_first_and_bad_nodes_are_kept_away_from(told: Told) -> None:
    scancel, *lines = told["typed --exclude-bad-nodes --held"]
    job = told["jobs"]
    held = (o.REQUEUEHOLD, o.HELD, o.NEVER, o.SPECIAL)
    assert scancel == "scancel " + " ".join(f"{job[str(shard)]}_{shard}" for shard in held)
    (script,) = [line.split()[1] for line in lines]
    assert "#SBATCH --exclude=n2\n" in Path(script).read_text(encoding="utf-8")


def test_resubmitted_shards_succeed_and_their_first_attempts_stand_beside(
    told: Told, rough_slurm: Slurm
) -> None:
    left = {o.CHILD_OOM, o.HELD_CANCELLED, o.BEGINS, o.SUSPENDED, o.RUNNING}
    if not rough_slurm.enforces_memory:
        left.remove(o.CHILD_OOM)
    states = {row["shard_index"]: row["state"] for row in told["redone"]}
    assert {shard for shard, state in states.items() if state != "succeeded"} == left
    requests = {one["id"]: one["resources"] for one in told["redone submissions"]}
    for shard, first in EXPECTED.items():
        attempts = told["redone"][shard]["attempts"]
        if shard in left or first[0] != "failed" or not attempts:
            continue
        if shard == o.OOM and not rough_slurm.enforces_memory:
            continue
        before, after = attempts
        assert same(judged(before), first), judged(before)
        assert (before["submission"], after["state"]) == (1, "succeeded")
        asked, now = requests[1], requests[after["submission"]]
        assert (now["memory"] / asked["memory"]) == (2 if shard == o.OOM else 1)
        assert (now["walltime"] / asked["walltime"]) == (1.5 if first[1] == "timeout" else 1)
    if rough_slurm.enforces_memory:
        killed, enough = told["redone"][o.OOM]["attempts"]
        assert killed["observed"]["memory"] == 100 << 20
        assert enough["observed"]["memory"] == 200 << 20


@pytest.mark.parametrize("shard", [o.REQUEUEHOLD, o.HELD, o.NEVER, o.SPECIAL])
def test_what_was_held_stands_beside_as_cancelled(told: Told, shard: int) -> None:
    *_, held, after = told["redone"][shard]["attempts"]
    assert (held["submission"], held["dir"], after["state"]) == (1, None, "succeeded")
    assert same(
        judged(held),
        ("cancelled", "cancelled", r"sacct: CANCELLED, by uid \d+, never started"),
    )


def test_nothing_is_left_to_do(told: Told) -> None:
    assert "nothing to resubmit" in told["nothing left"]["stderr"]
