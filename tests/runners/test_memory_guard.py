import itertools
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runners.admission import Admission
from runners.job import Ask, Job
from runners.memory_guard import MemoryGuard, Struck
from runners.memory_use import Use, memory_use
from runners.oom_kills import oom_kills
from runners.pool_journal import PoolJournal
from runners.processes import parse_stat, start_ticks
from runners.room import Room

MB = 1 << 20
EAT = (
    f"exec {sys.executable} -c 'import time\n"
    "x = []\n"
    "while len(x) < {blocks}: x.append(bytes(range(256)) * 20480); time.sleep(0.01)\n"
    "time.sleep({then})'\n"
)


def jobs(run: Any, *asks: int | None) -> Iterator[Job]:
    for shard, memory in enumerate(asks):
        yield Job(shard, run.job(shard).argv, Ask(1, memory))


def oom_lines(run: Any) -> list[dict[str, Any]]:
    return [line for line in run.journal() if line["event"] == "oom"]


def test_one_that_eats_everything_is_killed_with_its_numbers_and_the_others_live(
    run: Any, listening: Any
) -> None:
    eat = EAT.format(blocks=140, then=60)
    run.command(f"if [[ $FARMHAND_SHARD_INDEX == 1 ]]; then {eat} fi\nsleep 1\n")
    result = run.pool(jobs(run, *[100 * MB] * 5), 5, Room(jobs=4, memory=400 * MB), listening)
    assert (result.ok, result.failed, result.unended) == (4, 1, ())
    assert {ended.shard: ended.code for ended in listening.over} == {0: 0, 1: 137, 2: 0, 3: 0, 4: 0}
    (oom,) = oom_lines(run)
    assert (oom["shard"], oom["by"], oom["request"]) == (1, "pool", 100 * MB)
    assert oom["bytes"] > 110 * MB
    assert oom["why"].endswith("of 400 MB")
    (ended,) = [line for line in run.journal() if (line["event"], line["shard"]) == ("ended", 1)]
    assert (ended["pid"], ended["pid_start"]) == (oom["pid"], oom["pid_start"])
    assert (ended["peak_bytes"] >= oom["bytes"], ended["signal"]) == (True, None)
    assert [record[1]["exit_code"] for record in run.records() if record[0]["shard"] == 1] == [137]
    assert listening.remarks == [f"shard 1 was killed by the pool: {oom['why']}"]
    assert run.living() == []


def test_more_than_was_asked_for_is_no_crime_while_there_is_enough(
    run: Any, listening: Any
) -> None:
    run.command(EAT.format(blocks=30, then=1))  # 150 MB
    result = run.pool(jobs(run, 50 * MB, 50 * MB), 2, Room(jobs=2, memory=2000 * MB), listening)
    assert (result.ok, oom_lines(run)) == (2, [])
    # None: the kernel tells the peak of this process, where that is the larger one
    assert all(ended.peak_bytes is None or ended.peak_bytes > 140 * MB for ended in listening.over)


def test_memory_shared_by_forked_workers_counts_once(run: Any, listening: Any) -> None:
    fork = (
        f"exec {sys.executable} -c 'import os, time\n"
        "x = bytearray(os.urandom(1 << 20) * 120)\n"
        "for _ in range(5):\n"
        "  if not os.fork(): time.sleep(1.5); os._exit(0)\n"
        "time.sleep(1.5)'\n"
    )
    run.command(fork)
    result = run.pool(jobs(run, 100 * MB), 1, Room(jobs=1, memory=300 * MB), listening)
    assert (result.ok, oom_lines(run)) == (1, []), (
        "six processes of 120 MB, of which 120 MB are one"
    )


def test_who_hides_from_the_kill_is_found_below_its_payload(run: Any, listening: Any) -> None:
    eat = EAT.format(blocks=100, then=60).replace("'", '"')
    run.command(f"exec env -i bash -c '{eat}'\n")
    result = run.pool(jobs(run, 100 * MB), 1, Room(jobs=1, memory=200 * MB), listening)
    assert result.failed == 1
    assert oom_lines(run)[0]["by"] == "pool"
    assert run.living() == []


def test_without_a_request_an_equal_share_is_what_a_job_may_use(run: Any, listening: Any) -> None:
    eat = EAT.format(blocks=100, then=60)
    run.command(f"if [[ $FARMHAND_SHARD_INDEX == 0 ]]; then {eat} fi\nsleep 2\n")
    result = run.pool(jobs(run, None, None), 2, Room(jobs=2, memory=300 * MB), listening)
    assert (result.ok, result.failed) == (1, 1)
    assert [(line["shard"], line["request"]) for line in oom_lines(run)] == [(0, None)]


def test_what_the_kernel_kills_is_told_from_other_kills(
    run: Any, listening: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = [7]
    monkeypatch.setattr("runners.memory_guard.oom_kills", lambda: count[0])

    def strike() -> None:
        if len(run.records()) > len(listening.over) == 1:
            count[0] = 8

    listening.on_tick = strike
    run.command("sleep 0.5; kill -KILL $$\n")
    result = run.pool(jobs(run, 90 * MB, 90 * MB), 2, Room(jobs=1, memory=500 * MB), listening)
    assert result.failed == 2
    (oom,) = oom_lines(run)
    assert (oom["shard"], oom["by"], oom["request"]) == (1, "kernel", 90 * MB)
    assert oom["why"] == "oom_kill went from 7 to 8 while it ran"


def test_a_job_that_fails_by_itself_is_not_blamed_on_the_kernel(
    run: Any, listening: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = itertools.count()
    monkeypatch.setattr("runners.memory_guard.oom_kills", lambda: next(counts))
    run.command("exit 3\n")
    assert run.pool(jobs(run, 90 * MB), 1, Room(jobs=1), listening).failed == 1
    assert oom_lines(run) == []


@pytest.mark.parametrize(("held", "victim"), [((99, 105), None), ((99, 112), 2), ((150, 112), 1)])
def test_the_one_furthest_over_its_request_goes_and_a_little_is_forgiven(
    monkeypatch: pytest.MonkeyPatch, held: tuple[int, int], victim: int | None
) -> None:
    uses = {pid: Use(size * MB) for pid, size in enumerate(held, 1)}
    monkeypatch.setattr("runners.memory_guard.memory_use", lambda _leaders: uses)
    room = Room(memory=200 * MB)
    admission = Admission(iter(()), room)
    for pid in uses:
        admission.enter(pid, Ask(1, 100 * MB))
    found = MemoryGuard("/nowhere", room).watch(admission)
    assert (found and found[0]) == victim


def test_kills_are_counted_by_the_own_group_else_by_the_machine(tmp_path: Path) -> None:
    def write(name: str, text: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    root = str(tmp_path)
    assert oom_kills(root) is None
    write("proc/vmstat", "nr_free 5\noom_kill 42\n")
    assert oom_kills(root) == 42
    write("proc/self/cgroup", "4:memory:/job\n0::/\n")
    write("proc/self/mountinfo", "35 1 0:32 / /cg/memory rw - cgroup cgroup rw,memory\n")
    write("cg/memory/job/memory.oom_control", "under_oom 0\noom_kill 3\n")
    assert oom_kills(root) == 3
    write("proc/self/cgroup", "0::/a/b\n")
    write("proc/self/mountinfo", "25 1 0:22 / /cg2 rw - cgroup2 cgroup2 rw\n")
    write("cg2/a/b/memory.events", "oom 9\noom_kill 4\n")
    assert oom_kills(root) == 4
    real = oom_kills()
    assert real is None or real >= 0


def test_the_use_of_a_payload_is_that_of_its_session_and_all_below(run: Any, until: Any) -> None:
    pid = os.posix_spawn(
        "/bin/bash",
        ["bash", "-c", "sleep 60 & setsid sleep 61 & wait"],
        os.environ,
        setsid=True,
    )
    try:
        until(lambda: sessions_below(pid) == {pid, None}, "a child in a session of its own")
        use = memory_use({pid: None})[pid]
        assert len(use.members) == 2
        assert all(start_ticks(member) == started for member, started in use.members)
        assert use.bytes > 2 * MB
        shared = memory_use({pid: 1})[pid]
        assert 0 < shared.bytes < use.bytes, "libraries are shared"
        assert memory_use({}) == {}
    finally:
        for member, _ in [*memory_use({pid: None})[pid].members, (pid, 0)]:
            os.kill(member, signal.SIGKILL)
        os.waitpid(pid, 0)


def sessions_below(pid: int) -> set[int | None]:
    """The sessions of its children; None: one of their own."""
    found: set[int | None] = set()
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split():
        _, _, session, _ = parse_stat(Path(f"/proc/{child}/stat").read_bytes())
        found.add(None if session == int(child) else session)
    return found


def group_of_its_own() -> Path | None:
    """Make a memory control group that limits, where that is allowed (root)."""
    path = Path(f"/sys/fs/cgroup/memory/farmhand-test-{os.getpid()}")
    try:
        path.mkdir()
        (path / "memory.limit_in_bytes").write_text(f"{250 * MB}\n", encoding="ascii")
    except OSError:
        return None
    return path


@pytest.mark.slow
def test_a_job_that_the_kernel_really_kills(run: Any, until: Any) -> None:
    group = group_of_its_own()
    if group is None:
        pytest.skip("needs root and a memory control group of version 1")
    run.command(EAT.format(blocks=100, then=60))
    try:
        with run.drive(1, 1, 5, inside=f"{group}/cgroup.procs") as pool:
            assert pool.wait(60) == 0
        (oom,) = oom_lines(run)
        assert (run.result()["failed"], oom["by"]) == (1, "kernel")
        assert oom["bytes"] is None or oom["bytes"] > 100 * MB  # None: as above
    finally:
        until(lambda: gone(group), "an empty group")


def gone(group: Path) -> bool:
    try:
        group.rmdir()
    except OSError:
        return False
    return True


def test_the_reason_is_on_disk_before_the_kill(tmp_path: Path) -> None:
    path = tmp_path / "pool.jsonl"
    journal = PoolJournal(str(path))
    journal.struck(3, 7, 8, Struck("pool", 5, 4, "why"))
    assert b'"event":"oom","shard":3,"pid":7,"pid_start":8,' in path.read_bytes()
    journal.close()
