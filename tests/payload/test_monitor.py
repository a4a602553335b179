"""Walltime, peak memory, and no orphan when the payload itself is killed."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from .conftest import Run, gone, sh, until, word


def pids(text: str) -> list[int]:
    return [int(each) for each in text.split()]


@pytest.mark.parametrize("scheduler", ["local", "nohup"])
def test_walltime_ends_the_command_with_term(run: Run, scheduler: str) -> None:
    run.write(argv=sh("trap 'echo TERM; exit 9' TERM; sleep 60 & echo $!; wait"))
    before = time.monotonic()
    assert run(walltime=1, scheduler=scheduler).returncode == 9
    assert time.monotonic() - before < 10
    end = run.end()
    assert (end["exit_code"], end["cause"], end["stopped_by"]) == (9, "timeout", None)
    assert end["note"] == "walltime of 1 s reached"
    assert 0.9 < end["wall_s"] < 8
    sleeper, said = run.output().splitlines()
    assert said == "TERM"
    until(lambda: gone(int(sleeper)))


def test_a_command_that_ignores_term_is_killed(run: Run) -> None:
    run.write(argv=sh("trap '' TERM; sh -c 'echo $$; exec sleep 60'"), kill_after=1)
    assert run(walltime=1).returncode == 137
    end = run.end()
    assert (end["exit_code"], end["cause"]) == (137, "timeout")
    assert end["wall_s"] > 1.9
    until(lambda: gone(int(run.output())))


def test_each_packed_shard_has_the_walltime_for_itself(run: Run) -> None:
    run.write(argv=sh("[ $FARMHAND_SHARD_INDEX != 1 ] || sleep 60"))
    assert run(1, 0, 2, walltime=1).returncode == 143
    assert [run.end(i)["cause"] for i in range(3)] == [None, "timeout", None]
    assert [run.end(i)["exit_code"] for i in range(3)] == [0, 143, 0]


def test_a_command_that_ends_in_time_ends_the_monitor(run: Run) -> None:
    run.write(argv=sh("ps -o pid= --ppid $(ps -o ppid= -p $PPID); exit 6"), kill_after=10)
    assert run(walltime=3600, scheduler="slurm").returncode == 6
    assert run.end()["cause"] is None
    below = pids(run.output())
    assert below
    until(lambda: all(gone(pid) for pid in below))


@pytest.mark.parametrize(("scheduler", "walltime"), [("slurm", 0), ("local", 3600)])
@pytest.mark.parametrize("stubborn", [False, True])
def test_kill_9_of_the_payload_leaves_no_orphan(
    run: Run, scheduler: str, walltime: int, stubborn: bool
) -> None:
    trap = "trap '' TERM; " if stubborn else ""
    run.write(argv=sh(trap + "sleep 60 & echo $$ $! $PPID; wait"), kill_after=1)
    process = run.start(scheduler=scheduler, walltime=walltime)
    below = pids(run.wait_for("stdout"))
    # The monitor comes to life just after the command does.
    children = f"/proc/{process.pid}/task/{process.pid}/children"
    until(lambda: len(Path(children).read_text().split()) == 2)
    process.kill()
    process.wait()
    until(lambda: all(gone(pid) for pid in below))
    assert [line["event"] for line in run.records()[0]] == ["start"]


def test_peak_memory_of_a_tree(run: Run) -> None:
    child = "import time; x = bytearray(200 << 20); x[::4096] = b'x' * len(x[::4096]); "
    child += "del x; print('up', flush=True); time.sleep(1.6)"
    run.write(argv=sh(f'{word(sys.executable)} -c "$1" & wait', word(child)))
    assert run(scheduler="slurm").returncode == 0
    peak = run.end()["peak"]
    assert peak["source"] == "vmhwm"
    assert 200 << 20 < peak["bytes"] < 260 << 20


def test_no_peak_is_null(run: Run) -> None:
    run.write()
    assert run(0, scheduler="slurm").returncode == 0
    assert run(1, scheduler="local", walltime=5).returncode == 0
    assert [run.end(0)["peak"], run.end(1)["peak"]] == [None, None]


def test_a_killed_monitor_costs_only_its_own_measurements(run: Run) -> None:
    run.write(argv=sh("echo $$; while ! [ -e go ]; do sleep 0.02; done; exit 4"))
    process = run.start(scheduler="slurm")
    run.wait_for("stdout")
    children = f"/proc/{process.pid}/task/{process.pid}/children"
    keeper, monitor = until(lambda: (p := pids(Path(children).read_text())) and len(p) == 2 and p)
    os.kill(monitor, signal.SIGKILL)
    (run.attempt_dir() / "go").touch()
    assert process.wait(15) == 4
    assert (run.end()["exit_code"], run.end()["peak"]) == (4, None)
    assert gone(keeper)


def test_a_killed_keeper_is_a_killed_command(run: Run) -> None:
    run.write(argv=sh("sleep 60 & echo $PPID $$ $!; wait"))
    process = run.start()
    below = pids(run.wait_for("stdout"))
    os.kill(below[0], signal.SIGKILL)
    assert process.wait(10) == 137
    assert (run.end()["exit_code"], run.end()["cause"]) == (137, None)
    until(lambda: all(gone(pid) for pid in below))


def test_a_stopped_command_is_waited_for(run: Run) -> None:
    run.write(argv=sh("echo $PPID; while ! [ -e go ]; do sleep 0.02; done; exit 4"))
    process = run.start()
    keeper = int(run.wait_for("stdout"))
    os.killpg(keeper, signal.SIGSTOP)
    until(lambda: Path(f"/proc/{keeper}/stat").read_text().rpartition(")")[2].split()[0] == "T")
    (run.attempt_dir() / "go").touch()
    assert process.poll() is None
    os.killpg(keeper, signal.SIGCONT)
    assert process.wait(10) == 4
