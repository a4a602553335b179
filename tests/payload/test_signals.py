"""Signals: forwarded to the command's group, recorded, and never the loss of a status."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from .conftest import Run, gone, sh, until

STOPS = [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGXCPU]


def catch(*names: str, then: str = "exit 7") -> list[str]:
    """A command that says `up`, then what it caught."""
    traps = "".join(f"trap 'echo {name}; {then}' {name}; " for name in names)
    return sh(traps + "echo up; while :; do sleep 0.02; done")


@pytest.mark.parametrize("number", STOPS)
def test_a_stop_signal_reaches_the_command(run: Run, number: signal.Signals) -> None:
    name = number.name.removeprefix("SIG")
    run.write(argv=catch("HUP", "INT", "QUIT", "TERM", "XCPU"))
    process = run.start()
    run.wait_for("stdout")
    process.send_signal(number)
    assert process.wait(10) == 7
    assert run.output() == f"up\n{name}\n"
    end = run.end()
    assert (end["exit_code"], end["cause"], end["stopped_by"]) == (7, "cancelled", number)
    assert end["warned"] is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_does_not_catch_dies_of_the_signal(run: Run, number: int) -> None:
    run.write(argv=sh("echo up; sleep 60 & echo $! >$FARMHAND_RUN/pid; wait"))
    process = run.start()
    run.wait_for("stdout")
    pid = int(until(lambda: (run.path / "pid").exists() and (run.path / "pid").read_text()))
    process.send_signal(number)
    assert process.wait(10) == 128 + number
    until(lambda: gone(pid))
    end = run.end()
    assert (end["exit_code"], end["cause"]) == (128 + number, "cancelled")
    assert end["stopped_by"] == number


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2])
def test_a_warning_sends_the_stop_signal_and_is_recorded(run: Run, number: int) -> None:
    run.write(argv=catch("INT", "TERM", then="exit 0"), stop_signal="INT")
    process = run.start()
    run.wait_for("stdout")
    process.send_signal(number)
    assert process.wait(10) == 0
    assert run.output() == "up\nINT\n"
    end = run.end()
    assert (end["warned"], end["stopped_by"], end["cause"]) == (number, None, None)


def test_a_command_may_carry_on_after_a_signal(run: Run) -> None:
    script = "trap 'n=$((n+1)); echo TERM $n' TERM; n=0; echo up; "
    run.write(argv=sh(script + "while [ $n -lt 3 ]; do sleep 0.02; done; exit 5"))
    process = run.start()
    for count in range(3):
        until(lambda: len(run.wait_for("stdout").splitlines()) > count)  # noqa: B023 - used at once
        process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 5
    assert run.end()["exit_code"] == 5
    assert run.output().splitlines() == ["up", "TERM 1", "TERM 2", "TERM 3"]


def test_under_nohup_the_hangup_is_nobodys_business(run: Run) -> None:
    run.write(
        argv=sh("grep SigIgn /proc/$$/status; while ! [ -e go ]; do sleep 0.02; done; exit 4")
    )
    process = subprocess.Popen(["nohup", *run.call()], stdin=subprocess.DEVNULL)
    try:
        ignored = int(run.wait_for("stdout").split()[1], 16)
        process.send_signal(signal.SIGHUP)
        (run.attempt_dir() / "go").touch()
        assert process.wait(10) == 4
    finally:
        process.kill()
        process.wait()
    assert ignored & 1 << signal.SIGHUP - 1
    assert run.end()["stopped_by"] is None


def test_the_command_ignores_nothing_and_leads_no_strange_session(run: Run) -> None:
    run.write(argv=sh("grep SigIgn /proc/$$/status; cut -d' ' -f5 /proc/$$/stat; echo $PPID"))
    assert run().returncode == 0
    ignored, group, parent = run.output().splitlines()
    own = Path("/proc/self/status").read_text(encoding="utf-8").partition("SigIgn:")[2]
    more = int(ignored.split()[1], 16) & ~int(own.split()[0], 16)
    assert more & (1 << 31) - 1 == 0, "no signal but those that this process ignores"
    assert group == parent, "the keeper leads the command's group"
    assert int(group) != os.getpgrp()


def test_a_signal_during_stage_in_starts_nothing(run: Run) -> None:
    double = run.path / "bin" / "stat"
    double.parent.mkdir(parents=True)
    double.write_text('#!/bin/sh\ntouch "$FARMHAND_RUN/in"\nsleep 1.2\nexec /usr/bin/stat "$@"\n')
    double.chmod(0o755)
    (run.path / "input").write_text("1")
    run.write(
        argv=sh("echo ran >$FARMHAND_RUN/ran"), inputs=[('"$FARMHAND_RUN"/input', 1, "input")]
    )
    process = subprocess.Popen(
        run.call(0, 1), env=os.environ | {"PATH": f"{double.parent}:{os.environ['PATH']}"}
    )
    until((run.path / "in").exists)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 95
    end = run.end()
    assert (end["exit_code"], end["cause"], end["stopped_by"]) == (95, "cancelled", 15)
    assert "SIGTERM before the command was started" in end["note"]
    assert run.records(1) == [], "a shard not begun stays planned"
    assert not (run.path / "ran").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_in_the_prologue_is_before_the_command(run: Run, number: int) -> None:
    run.write(argv=sh("echo ran"), prologue="echo up; sleep 60; echo went on")
    process = run.start()
    run.wait_for("stdout")
    process.send_signal(number)
    assert process.wait(10) == 95
    end = run.end()
    assert (end["exit_code"], end["cause"]) == (95, "cancelled")
    assert (end["stopped_by"], end["warned"]) == ((15, None) if number == 15 else (None, 10))
    assert run.output() == "up\n"


def family(pid: int) -> list[int]:
    """A process and all below it."""
    try:
        below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        below = []
    return [pid, *(each for child in below for each in family(int(child)))]


@pytest.mark.parametrize("scheduler", ["local", "slurm"])
def test_a_signal_to_everybody_at_once_loses_no_status(run: Run, scheduler: str) -> None:
    """What SLURM does at the limit: the payload hears of it while its child ends of it."""
    run.write(argv=sh("trap 'exit 7' TERM; echo up >&2; echo up; while :; do :; done"))
    for turn in range(25):
        process = run.start(turn % 3, native=f"n{turn}", scheduler=scheduler)
        pattern = f"s{turn % 3}/n{turn}.*/stdout"
        until(lambda: [p for p in (run.path / "shards").glob(pattern) if p.read_text()])  # noqa: B023
        everybody = family(process.pid)
        assert len(everybody) >= 3
        for pid in everybody if turn % 2 else everybody[:1] + everybody[:0:-1]:
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                continue
        assert process.wait(10) == 7
    ends = [lines[1] for shard in range(3) for lines in run.records(shard)]
    assert {(end["exit_code"], end["cause"], end["stopped_by"]) for end in ends} == {
        (7, "cancelled", 15)
    }
    assert len(ends) == 25


def test_a_signal_at_any_early_moment_ends_the_job_soon(run: Run) -> None:
    """Before the traps it kills, before the command it is 95, after it the command dies of it."""
    run.write(argv=["sleep", "20"], prologue=":")
    codes = set()
    for turn in range(30):
        process = run.start(0, native=f"n{turn}", scheduler="slurm" if turn % 2 else "local")
        marks = [run.path / "records/0", run.path / "shards/s0"]
        if turn >= 10:
            until(lambda: list(marks[turn >= 20].glob(f"*n{turn}.*")))  # noqa: B023
        process.send_signal(signal.SIGTERM)
        codes.add(process.wait(10))
    assert codes <= {-15, 95, 143}
    assert 95 in codes or 143 in codes
    for lines in run.records():
        assert [line["event"] for line in lines] == ["start", "end"]
        assert lines[1]["cause"] == "cancelled"


def edit(run: Run, old: str, new: str) -> None:
    """Put something into the rendered script at a moment that no test could hit by chance."""
    text = run.script.read_text()
    assert text.count(old) == 1
    run.script.write_text(text.replace(old, new))


def test_a_signal_just_before_the_fork_is_owed_to_the_command(run: Run) -> None:
    run.write(argv=["sleep", "20"])
    fork = '  (fh_keep "$@") &\n'
    edit(run, fork, "  kill -s TERM $$\n" + fork)
    process = run.start()
    assert process.wait(10) == 143
    assert (run.end()["cause"], run.end()["stopped_by"]) == ("cancelled", 15)


def test_a_signal_just_after_the_fork_waits_until_the_command_can_hear_it(run: Run) -> None:
    run.write(argv=["sleep", "20"])
    before = "  exec {fh_log}>&2 2>/dev/null\n"
    edit(run, before, '  : >"$FARMHAND_RUN/kept"\n  sleep 1.2\n' + before)
    process = run.start()
    until((run.path / "kept").exists)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 143
    assert (run.end()["cause"], run.end()["stopped_by"]) == ("cancelled", 15)


@pytest.mark.parametrize("scheduler", ["local", "slurm"])
def test_a_rain_of_signals_while_the_command_ends_loses_no_status(run: Run, scheduler: str) -> None:
    run.write(argv=sh("trap : WINCH; echo up; sleep 0.05; exit 7"), stop_signal="WINCH")
    for turn in range(15):
        process = run.start(0, native=f"n{turn}", scheduler=scheduler)
        pattern = f"s0/n{turn}.*/stdout"
        until(lambda: [p for p in (run.path / "shards").glob(pattern) if p.read_text()])  # noqa: B023
        deadline = time.monotonic() + 10
        while process.poll() is None:
            assert time.monotonic() < deadline
            process.send_signal(signal.SIGUSR2)
            time.sleep(0.0005)
        assert process.returncode == 7
    assert {(lines[1]["exit_code"], lines[1]["warned"]) for lines in run.records()} == {(7, 12)}
