import os
import random
import signal
import socket
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from runners.processes import live_payloads

SHARDS = 6


def ends(run: Any) -> Counter[int]:
    return Counter(r[0]["shard"] for r in run.records() if len(r) > 1 and r[1]["exit_code"] == 0)


@pytest.mark.parametrize("moment", ["payload", "record", "one end", "two ends"])
def test_after_kill_9_the_next_pool_finishes_and_nothing_runs_twice(
    run: Any, until: Any, moment: str
) -> None:
    # Whenever one ends, another is in the middle: odd ones wait for the second pool.
    go = Path(run.path, "go")
    run.command(
        "sleep 0.6; ((FARMHAND_SHARD_INDEX % 2)) || exit 0\n"
        f"until [[ -e {go} ]]; do sleep 0.02; done\n"
    )
    moments = {
        "payload": lambda: live_payloads(run.path),  # perhaps before its start record
        "record": lambda: len(run.records()) == 2,
        "one end": lambda: sum(ends(run).values()) >= 1,
        "two ends": lambda: sum(ends(run).values()) >= 2,
    }
    with run.drive(SHARDS, 2, 5) as first:
        until(moments[moment], moment)
        first.kill()
        first.wait()
    assert run.living()
    with run.drive(SHARDS, 2, 5) as second:
        until(lambda: caught(second.pid), "its gate")  # what lives has been adopted by then
        go.touch()
        assert second.wait(30) == 0
    assert not Path(run.path, "overlaps").exists()
    assert ends(run) == dict.fromkeys(range(SHARDS), 1)
    assert len(run.records()) == SHARDS
    result = run.result()
    assert len(result["adopted_ended"]) == result["adopted"] > 0
    assert run.living() == []


@pytest.mark.parametrize(
    ("command", "grace_s", "code"),
    [
        ("ready; sleep 60\n", 60, 143),
        ("trap '' TERM; ready; while :; do sleep 60; done\n", 0.3, 137),
    ],
)
def test_a_signal_ends_adopted_payloads_too(
    run: Any, until: Any, command: str, grace_s: float, code: int
) -> None:
    run.command(command)
    with run.drive(2, 2, 5) as first:
        until(lambda: run.ready() == 2, "two commands")
        first.kill()
    with run.drive(2, 2, grace_s) as second:
        until(lambda: caught(second.pid), "its gate")
        second.send_signal(signal.SIGTERM)
        assert second.wait(20) == 0
    result = run.result()
    assert (result["adopted"], sorted(result["adopted_ended"])) == (2, [0, 1])
    assert result["stopped_by"] == signal.SIGTERM
    assert [record[1]["exit_code"] for record in run.records()] == [code, code]
    assert run.living() == []


def caught(pid: int) -> bool:
    """Whether TERM has a handler; "blocked" would not do: sigtimedwait(2) unblocks meanwhile."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("SigCgt:"):  # SigBlk shows nothing while sigtimedwait(2) waits
            return bool(int(line.split()[1], 16) >> (signal.SIGTERM - 1) & 1)
    return False


def test_the_orphan_of_a_killed_payload_is_ended_before_its_shard_starts_again(
    run: Any, until: Any
) -> None:
    run.command('cd "${FARMHAND_ATTEMPT%/*}"; echo $$ >part; mv part busy; sleep 60; exit 0\n')
    with run.drive(1, 1, 5) as first:
        until(lambda: list(Path(run.path).glob("shards/s0/busy")), "the command")
        first.kill()
        first.wait()
        os.kill(run.records()[0][0]["pid"], signal.SIGKILL)
    until(lambda: live_payloads(run.path) == [], "the payload's end")
    assert len(run.living()) >= 1
    # A zombie that init has not yet taken has an empty command line.
    run.command('read -r pid <"${FARMHAND_ATTEMPT%/*}/busy"; ! grep -q . /proc/$pid/cmdline\n')
    with run.drive(1, 1, 5) as second:
        assert second.wait(20) == 0
    assert run.result()["ok"] == 1
    assert run.living() == []


def test_two_pools_at_once_the_second_is_refused(run: Any, until: Any) -> None:
    run.command("sleep 60\n")
    with run.drive(2, 2, 5) as first:
        until(lambda: len(run.records()) == 2, "the first pool's payloads")
        with run.drive(2, 2, 5) as second:
            assert second.wait(20) == 1
            assert second.stderr is not None
            said = second.stderr.read()
        assert f"another pool (pid {first.pid} on host {socket.gethostname()}, since" in said
        assert len(run.records()) == 2
        first.send_signal(signal.SIGTERM)
        assert first.wait(20) == 0
    assert run.living() == []


@pytest.mark.slow
def test_kill_9_at_random_moments(run: Any) -> None:
    seed = random.randrange(1 << 32)
    moments = random.Random(seed)
    run.command("sleep 0.3\n")
    for _ in range(12):
        with run.drive(30, 2, 5) as pool:
            try:
                pool.wait(moments.uniform(0.1, 0.8))
            except subprocess.TimeoutExpired:
                pool.kill()
    with run.drive(30, 2, 5) as pool:
        assert pool.wait(60) == 0, seed
    assert not Path(run.path, "overlaps").exists(), seed
    assert ends(run) == dict.fromkeys(range(30), 1), seed
    assert run.living() == []
