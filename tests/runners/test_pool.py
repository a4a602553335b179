import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from manifest.errors import UserError
from runners.job import Adopted, Job, PoolResult
from runners.processes import alive, boot_id, start_ticks


def bash(shard: int, text: str) -> Job:
    return Job(shard, ("bash", "-c", text))


def test_all_jobs_run_and_the_journal_has_a_line_each(run: Any, listening: Any) -> None:
    run.command('echo "$FARMHAND_SHARD_INDEX"\n')
    result = run.pool(map(run.job, range(5)), 5, 2, listening)
    assert result == PoolResult(5, 5, 0, 0, None, None)
    assert sorted(job.shard for job in listening.began) == [0, 1, 2, 3, 4]
    starts = {record[0]["shard"]: record[0] for record in run.records()}
    for line in run.journal():
        start = starts[line["shard"]]
        assert (line["pid"], line["pid_start"]) == (start["pid"], start["pid_start"])
        assert (line["v"], line["event"], line["code"], line["signal"]) == (1, "ended", 0, None)
        assert line["boot"] == boot_id()
        assert abs(line["time"] - time.time()) < 60
    assert len(run.journal()) == len(starts) == 5


@pytest.mark.parametrize(
    ("text", "code", "signum"),
    [
        ("exit 3", 3, None),
        ("exit 255", 255, None),
        ("kill -SEGV $$", 139, 11),
        ("kill -KILL $$", 137, 9),
        ("exit 137", 137, None),
    ],
)
def test_codes_and_signals_are_told_apart(
    run: Any, listening: Any, text: str, code: int, signum: int | None
) -> None:
    result = run.pool(iter([bash(7, text)]), 1, 1, listening)
    assert (result.done, result.ok, result.failed) == (1, 0, 1)
    (ended,) = listening.over
    assert (ended.shard, ended.code) == (7, code)
    assert os.WIFSIGNALED(ended.status) == (signum is not None)
    (line,) = run.journal()
    assert (line["code"], line["signal"]) == (code, signum)


def test_no_more_than_the_slots_run_and_jobs_are_taken_when_needed(
    run: Any, listening: Any
) -> None:
    taken = 0

    def jobs() -> Iterator[Job]:
        nonlocal taken
        for shard in range(10_000):
            taken += 1
            yield bash(shard, "sleep 0.02")

    ahead: list[int] = []
    stopped: list[bool] = []
    listening.on_start = lambda _job, _pid: ahead.append(taken - len(listening.over))

    def stop_soon() -> None:
        if len(listening.over) > 20 and not stopped:
            stopped.append(True)
            os.kill(os.getpid(), signal.SIGTERM)

    listening.on_tick = stop_soon
    result = run.pool(jobs(), 10_000, 3, listening)
    assert result.stopped_by == signal.SIGTERM
    assert taken == len(listening.began) < 500
    assert result.not_started == 10_000 - taken
    assert max(ahead) == 3  # what ended is told before its slot is filled again


def test_children_get_a_clean_start(run: Any, listening: Any) -> None:
    leak = os.open(f"{run.path}/leak", os.O_RDONLY | os.O_CREAT)
    os.set_inheritable(leak, True)
    before = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    jobs = [
        Job(0, ("grep", "-E", "^Sig(Blk|Ign):", "/proc/self/status")),
        Job(1, ("find", "/proc/self/fd", "-type", "l", "-printf", "%f %l\n")),
        Job(2, ("ps", "-o", "pid=,sid=", "--no-headers", "--ppid", str(os.getpid()))),
    ]
    try:
        run.pool(iter(jobs), 3, 1, listening)
    finally:
        os.close(leak)
    blocked, ignored, *rest = Path(run.path, "pool.log").read_text(encoding="utf-8").splitlines()
    assert int(blocked.split()[1], 16) == 0
    assert int(ignored.split()[1], 16) & 0x7FFFFFFF == 0  # 32 and 33 belong to the C library
    descriptors = dict(line.split() for line in rest if " /" in line)
    assert descriptors.pop("0") == "/dev/null"
    assert descriptors.pop("1") == descriptors.pop("2") == f"{run.path}/pool.log"
    assert f"{run.path}/leak" not in descriptors.values()
    last = listening.over[2].pid
    assert [line.split() for line in rest if line.split()[0] == str(last)] == [[str(last)] * 2]
    assert {s: signal.getsignal(s) for s in before} == before
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == mask


def test_time_and_memory_are_measured(run: Any, listening: Any) -> None:
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    size = own + (200 << 20)  # smaller than its pool, and the kernel tells the pool's own peak
    grab = f"{sys.executable} -c 'x = bytearray({size})'"
    run.pool(iter([bash(0, grab), bash(1, "sleep 0.2"), bash(2, "true")]), 3, 1, listening)
    big, slow, small = listening.over
    assert size <= big.peak_bytes < size + (100 << 20)
    assert big.cpu_s > 0
    assert 0.2 <= slow.wall_s < 10
    assert slow.cpu_s < slow.wall_s
    assert small.peak_bytes is None  # the kernel tells the pool's own peak here
    assert big.started_at <= slow.started_at <= small.started_at <= time.time()


def test_ticks_come_while_nothing_ends(run: Any, listening: Any) -> None:
    run.pool(iter([bash(0, "sleep 1.1")]), 1, 1, listening)
    assert len(listening.ticks) >= 4


def test_no_space_starts_nothing_more_and_lets_the_rest_end(run: Any, listening: Any) -> None:
    def check() -> str | None:
        return "2 MB free on /scratch" if listening.began else None

    result = run.pool(
        (bash(shard, "sleep 0.6") for shard in range(9)), 9, 2, listening, check_space=check
    )
    assert result == PoolResult(2, 2, 0, 7, None, "2 MB free on /scratch")


def test_a_program_that_is_missing_is_said_once(run: Any, listening: Any) -> None:
    jobs = (Job(shard, ("no-such-program", "x")) for shard in range(3))
    result = run.pool(jobs, 3, 2, listening)
    assert result.not_started == 3
    assert result.why_stopped == "'no-such-program' cannot be started: No such file or directory"


def test_when_the_system_has_no_process_to_give_the_job_waits(
    run: Any, listening: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = os.posix_spawn, []

    def scarce(*args: Any, **more: Any) -> int:
        calls.append(args)
        if len(calls) == 2:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return real(*args, **more)

    monkeypatch.setattr(os, "posix_spawn", scarce)
    result = run.pool((bash(shard, "true") for shard in range(3)), 3, 2, listening)
    assert (result.ok, result.not_started) == (3, 0)
    assert sorted(job.shard for job in listening.began) == [0, 1, 2]


def test_a_journal_on_a_full_disk_does_not_stop_the_run(run: Any, listening: Any) -> None:
    result = run.pool(
        (bash(shard, "true") for shard in range(3)), 3, 2, listening, journal_path="/dev/full"
    )
    assert (result.ok, result.failed) == (3, 0)
    assert result.journal_error == "/dev/full: No space left on device"


def test_a_journal_that_a_killed_pool_left_torn_goes_on_in_a_new_line(
    run: Any, listening: Any
) -> None:
    Path(run.path, "pool.jsonl").write_bytes(b'{"v":1}\n{"v":1,"ev')
    run.pool(iter([bash(0, "true")]), 1, 1, listening)
    lines = Path(run.path, "pool.jsonl").read_bytes().splitlines()
    assert lines[:2] == [b'{"v":1}', b'{"v":1,"ev']
    assert b'"event":"ended"' in lines[2]
    assert len(lines) == 3


@pytest.mark.parametrize("name", ["log_path", "journal_path"])
def test_files_that_cannot_be_opened_are_the_users_to_see(
    run: Any, listening: Any, name: str
) -> None:
    with pytest.raises(UserError, match="cannot be opened"):
        run.pool(iter([bash(0, "true")]), 1, 1, listening, **{name: f"{run.path}/no/file"})
    assert listening.began == []


def test_an_error_in_the_listener_leaves_nothing_running(
    run: Any, listening: Any, until: Any
) -> None:
    run.command("sleep 60\n")

    def fail(job: Job, pid: int) -> None:
        until(lambda: len(run.records()) == 1, "the start record")
        raise ZeroDivisionError

    listening.on_start = fail
    with pytest.raises(ZeroDivisionError):
        run.pool(iter([run.job(0)]), 1, 1, listening)
    assert run.living() == []


def test_the_command_of_a_payload_killed_by_another_hand_is_ended_and_the_rest_goes_on(
    run: Any, listening: Any
) -> None:
    # Shard 1 succeeds when the command of shard 0 has gone, which is not left to the pool's end.
    run.command(
        "cd ${FARMHAND_ATTEMPT%/shards/*}; if [[ $FARMHAND_SHARD_INDEX == 0 ]]; then\n"
        "  trap '' TERM; echo $$ >part; mv part first; while :; do sleep 60; done\n"
        "fi\n"
        "until [[ -e first ]]; do sleep 0.02; done; read -r pid <first\n"
        "for _ in {1..300}; do kill -0 $pid || exit 0; sleep 0.02; done 2>/dev/null; exit 1\n"
    )
    killed: list[int] = []

    def kill_first() -> None:
        first = [r[0]["pid"] for r in run.records() if r[0]["shard"] == 0]
        if not killed and Path(run.path, "first").exists():
            os.kill(first[0], signal.SIGKILL)
            killed.append(first[0])

    listening.on_tick = kill_first
    result = run.pool(map(run.job, range(4)), 4, 2, listening, stop_grace_s=0.3)
    assert (result.ok, result.failed, result.not_started) == (3, 1, 0)
    assert [e.code for e in listening.over if e.shard == 0] == [137]
    assert [line["signal"] for line in run.journal() if line["shard"] == 0] == [9]
    assert run.living() == []


def test_what_a_command_leaves_behind_ends_with_the_pool(run: Any, listening: Any) -> None:
    run.command("setsid sleep 60 </dev/null &\nenv -i setsid bash -c 'sleep 61' &\nsleep 0.1\n")
    result = run.pool(iter([run.job(0)]), 1, 1, listening)
    assert result.ok == 1
    assert run.living() == []


def lives(adopted: Adopted) -> bool:
    return alive(adopted.pid, adopted.pid_start, boot_id())


def test_adopted_payloads_hold_a_slot_and_are_not_started_again(run: Any, listening: Any) -> None:
    run.command("sleep 0.4\n")
    # A payload of an earlier pool is nobody's child here: started by a shell that is gone.
    start = f'setsid {" ".join(run.job(0).argv)} >/dev/null 2>&1 & echo "$!"'
    shell = subprocess.run(["bash", "-c", start], check=True, capture_output=True, text=True)
    pid = int(shell.stdout)
    adopted = Adopted(0, pid, start_ticks(pid) or 0)
    alive_at_start = []
    listening.on_start = lambda _job, _pid: alive_at_start.append(lives(adopted))
    result = run.pool(map(run.job, range(3)), 3, 1, listening, adopted=[adopted])
    assert sorted(job.shard for job in listening.began) == [1, 2]
    assert alive_at_start == [False, False]
    assert (result.ok, result.not_started, result.adopted_ended) == (2, 0, (0,))
    assert len(run.records()) == 3


def test_a_payload_with_several_shards_holds_one_slot(run: Any, listening: Any) -> None:
    run.command("sleep 0.3\n")
    start = f'setsid {" ".join(run.job(0, 1).argv)} >/dev/null 2>&1 & echo "$!"'
    shell = subprocess.run(["bash", "-c", start], check=True, capture_output=True, text=True)
    pid = int(shell.stdout)
    adopted = [Adopted(shard, pid, start_ticks(pid) or 0) for shard in (0, 1)]
    together = []
    listening.on_start = lambda _job, _pid: together.append(lives(adopted[0]))
    result = run.pool(map(run.job, range(3)), 3, 2, listening, adopted=adopted)
    assert together == [True]
    assert (result.ok, result.adopted_ended) == (1, (0, 1))


def test_what_even_kill_does_not_end_is_reported_and_not_waited_for(
    run: Any, listening: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As a process does that hangs in the kernel, for instance on a dead NFS server.
    monkeypatch.setattr("runners.ending.send", lambda _pid, _start, _signum: None)
    monkeypatch.setattr("runners.ending._GIVE_UP_S", 0.2)
    run.command("sleep 60\n")

    def stop() -> None:
        if len(run.living()) == 3:
            listening.on_tick = lambda: None
            os.kill(os.getpid(), signal.SIGTERM)

    listening.on_tick = stop
    monkeypatch.setattr("runners.pool.send", lambda _pid, _start, _signum: None)
    result = run.pool(iter([run.job(0)]), 1, 1, listening, stop_grace_s=0.1)
    assert sorted(result.unended) == run.living()
    assert len(result.unended) == 3
    assert (result.done, result.stopped_by) == (0, signal.SIGTERM)
    for pid in result.unended:
        os.kill(pid, signal.SIGKILL)
