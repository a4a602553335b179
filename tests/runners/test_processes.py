import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runners.ending import end_attempts, end_orphans
from runners.processes import (
    Payload,
    Process,
    alive,
    attempt_processes,
    boot_id,
    doomed,
    live_payloads,
    orphans,
    parse_stat,
    start_ticks,
)

Until = Callable[..., None]


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def attempt_of(run: Any, name: str, argv: list[str], **more: str) -> subprocess.Popen[bytes]:
    env = {**os.environ, "FARMHAND_ATTEMPT": f"{run.path}/shards/{name}", **more}
    return subprocess.Popen(argv, env=env, start_new_session=True)


def test_a_running_process_is_alive_only_with_its_start_time_and_boot(sleeper: Any) -> None:
    started = start_ticks(sleeper.pid)
    assert started is not None
    assert alive(sleeper.pid, started, boot_id())
    assert not alive(sleeper.pid, started - 1, boot_id())  # the id was used again
    assert not alive(sleeper.pid, started, "00000000-0000-0000-0000-000000000000")
    assert not alive(0, started, boot_id())


def test_a_process_that_ended_is_not_alive_neither_as_zombie_nor_reaped(until: Until) -> None:
    process = subprocess.Popen(["sleep", "60"])
    started = start_ticks(process.pid)
    assert started is not None
    process.kill()
    until(lambda: parse_stat(Path(f"/proc/{process.pid}/stat").read_bytes())[0] == "Z", "zombie")
    assert start_ticks(process.pid) == started
    assert not alive(process.pid, started, boot_id())
    process.wait()
    assert start_ticks(process.pid) is None
    assert not alive(process.pid, started, boot_id())


def test_stat_is_read_past_a_name_with_parentheses_and_blanks() -> None:
    line = b"9 (a) S 1 (b) Z 4 9 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4242 0 0"
    assert parse_stat(line) == ("Z", 4, 7, 4242)


def test_attempts_are_found_by_environment_under_this_run_only(run: Any, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(run.path)
    inside = attempt_of(run, "s0/1.2.3", ["sleep", "60"])
    other = subprocess.Popen(
        ["sleep", "60"], env={**os.environ, "FARMHAND_ATTEMPT": f"{run.path}-2/shards/s0/1.2.3"}
    )
    try:
        expected = {f"{run.path}/shards/s0/1.2.3": [inside.pid]}
        assert attempt_processes(run.path) == expected
        assert attempt_processes(str(link)) == expected
    finally:
        for process in (inside, other):
            process.kill()
            process.wait()


def test_a_process_is_not_overlooked_while_it_execs(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = attempt_of(run, "s0/1.2.3", ["sleep", "60"])
    looks = iter(range(4))
    hidden = {f"/proc/{process.pid}/cmdline", f"/proc/{process.pid}/environ"}
    real = os.open

    def early(path: str, flags: int) -> int:
        """Neither arguments nor environment at the first looks, as the kernel gives it."""
        empty = path in hidden and next(looks, None) is not None
        return real(os.devnull if empty else path, flags)

    monkeypatch.setattr(os, "open", early)
    try:
        assert attempt_processes(run.path) == {f"{run.path}/shards/s0/1.2.3": [process.pid]}
    finally:
        process.kill()
        process.wait()


def test_the_scan_bears_processes_that_vanish(run: Any) -> None:
    over = threading.Event()

    def come_and_go() -> None:
        while not over.is_set():
            subprocess.run(["/bin/true"], check=True)

    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        assert all(attempt_processes(run.path) == {} for _ in range(60))
    finally:
        over.set()
        thread.join()


def test_a_payload_is_known_by_its_command_line_before_it_wrote_anything(
    run: Any, until: Until
) -> None:
    run.command("sleep 60\n")
    Path(run.path, "plan/shard.sh").write_text("sleep 60\nexit\n", encoding="utf-8")
    process = subprocess.Popen([*run.job(4, 5).argv], start_new_session=True)
    try:
        until(lambda: live_payloads(run.path), "the payload")
        started = start_ticks(process.pid)
        assert live_payloads(run.path) == [Payload(process.pid, started or 0, "local", (4, 5))]
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert live_payloads(run.path) == []


def payload(pid: int, shard: int, scheduler: str = "local") -> Payload:
    return Payload(pid, pid * 10, scheduler, (shard,))


SEEN = [
    Process(100, 1000, 1, 100, payload=payload(100, 0)),
    Process(101, 1010, 100, 100, payload=payload(101, 0)),  # its subshell
    Process(102, 1020, 100, 102, "/r/shards/s0/a", 0),  # its command
    Process(103, 1030, 102, 102),  # which cleared the environment of a child
    Process(104, 1040, 103, 104),  # that went into a session of its own
    Process(201, 2010, 1, 200, payload=payload(201, 1)),  # subshell of the killed payload 200
    Process(202, 2020, 1, 202, "/r/shards/s1/a", 1),  # command of that payload
    Process(300, 3000, 1, 50, payload=payload(300, 2, "nohup")),
    Process(302, 3020, 300, 302, "/r/shards/s2/a", 2),
    Process(50, 500, 1, 50),  # the terminal's shell
]


def pids(found: list[Process]) -> list[int]:
    return [process.pid for process in found]


def test_orphans_are_the_attempts_without_a_payload() -> None:
    assert pids(orphans(SEEN)) == [202]
    assert pids(orphans(SEEN, spare={1})) == []


def test_ending_a_payload_takes_all_below_it_and_spares_others() -> None:
    assert pids(doomed(SEEN, {(100, 1000)})) == [100, 101, 102, 103, 104, 202]
    assert pids(doomed(SEEN, {(200, 2000)}, spare={1})) == [201]


def test_an_id_that_somebody_else_has_by_now_is_left_alone() -> None:
    assert pids(doomed(SEEN, {(50, 499)}, spare={1})) == []


def test_ending_attempts_kills_what_ignores_term_and_only_that_attempt(
    run: Any, until: Until
) -> None:
    script = "trap '' TERM; : >\"$FARMHAND_ATTEMPT.ready\"; while :; do sleep 60; done"
    Path(run.path, "shards").mkdir()
    stubborn = attempt_of(run, "a", ["bash", "-c", script])
    other = attempt_of(run, "b", ["sleep", "60"])
    try:
        until(Path(run.path, "shards/a.ready").exists, "the trap")
        assert end_attempts(run.path, [f"{run.path}/shards/a"], 0.2) == ()
        assert stubborn.wait() == -signal.SIGKILL
        assert attempt_processes(run.path) == {f"{run.path}/shards/b": [other.pid]}
        assert end_attempts(run.path, [f"{run.path}/shards/b"], 10) == ()
        assert other.wait() == -signal.SIGTERM
    finally:
        other.kill()


def test_orphans_of_a_killed_payload_are_ended_before_a_restart(run: Any, until: Until) -> None:
    run.command("sleep 60\n")
    process = subprocess.Popen([*run.job(7).argv], start_new_session=True)
    until(lambda: attempt_processes(run.path), "the command")
    assert end_orphans(run.path, 5) == ()
    assert run.living()  # a live payload's command is no orphan
    process.kill()
    process.wait()
    until(lambda: live_payloads(run.path) == [], "the end of the payload")
    assert attempt_processes(run.path)
    assert end_orphans(run.path, 5) == ()
    assert run.living() == []


def test_a_relative_path_is_one_from_where_its_process_is(
    tmp_path: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A payload started by hand in another directory is not one of the run of that name here."""
    places = [tmp_path / name for name in ("there", "here")]
    for place in places:
        (place / "runs/r/plan").mkdir(parents=True)
        (place / "runs/r/plan/shard.sh").write_text("sleep 60 & wait\n")
    call = ["bash", "runs/r/plan/shard.sh", "0" * 64, "1", "nohup", "-", "0", "0", "3"]
    monkeypatch.chdir(places[1])
    with subprocess.Popen(call, cwd=places[0], start_new_session=True) as process:
        try:
            there = str(places[0] / "runs/r")
            until(lambda: [p.pid for p in live_payloads(there)] == [process.pid], "seen there")
            assert live_payloads(str(places[1] / "runs/r")) == []
        finally:
            os.killpg(process.pid, signal.SIGKILL)
