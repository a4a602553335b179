import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

STUBBORN = "trap '' TERM INT HUP; ready; while :; do sleep 60; done\n"


@contextmanager
def begin(run: Any, until: Any, shards: int, grace_s: float) -> Iterator[subprocess.Popen[str]]:
    with run.drive(shards, 2, grace_s) as pool:
        until(lambda: run.ready() == 2, "two commands")
        yield pool


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_children_that_listen_and_lets_them_write_their_end(
    run: Any, until: Any, signum: signal.Signals
) -> None:
    run.command("ready; sleep 60\n")
    with begin(run, until, 5, 30) as pool:
        pool.send_signal(signum)
        assert pool.wait(20) == 0
    result = run.result()
    assert (result["stopped_by"], result["why_stopped"]) == (signum, f"stopped by {signum.name}")
    assert (result["done"], result["failed"], result["not_started"]) == (2, 2, 3)
    ends = [record[1] for record in run.records()]
    assert [(end["exit_code"], end["stopped_by"]) for end in ends] == [(143, 15)] * 2
    assert run.living() == []


def test_children_that_ignore_term_are_killed_after_the_grace(run: Any, until: Any) -> None:
    run.command(STUBBORN)
    with begin(run, until, 2, 0.5) as pool:
        pool.send_signal(signal.SIGTERM)
        assert pool.wait(20) == 0
    assert run.living() == []
    # The command was killed first, so that the payload could say how it ended.
    ends = [record[1] for record in run.records()]
    assert [(end["exit_code"], end["stopped_by"]) for end in ends] == [(137, 15)] * 2
    assert [(line["code"], line["signal"]) for line in run.journal()] == [(137, None)] * 2
    assert run.result()["unended"] == []


def test_a_payload_that_ignores_term_is_killed_in_the_end(run: Any, until: Any) -> None:
    payload = Path(run.path, "plan/shard.sh")
    text = payload.read_text(encoding="utf-8")
    text = text.replace('exit "$worst"', "while :; do sleep 60; done")
    payload.write_text(text, encoding="utf-8")
    run.command("ready; sleep 60\n")
    with begin(run, until, 2, 0.1) as pool:
        pool.send_signal(signal.SIGTERM)
        assert pool.wait(20) == 0
    assert run.living() == []


def test_the_second_interrupt_kills_at_once(run: Any, until: Any) -> None:
    run.command(STUBBORN)
    with begin(run, until, 2, 3600) as pool:
        pool.send_signal(signal.SIGINT)
        until(lambda: pool.poll() is None, "the first to be seen")
        pool.send_signal(signal.SIGTERM)  # of another number: two equal ones may count as one
        assert pool.wait(20) == 0
    assert run.living() == []
    assert run.result()["stopped_by"] in {signal.SIGINT, signal.SIGTERM}


def test_a_stopped_payload_is_woken_to_end(run: Any, until: Any) -> None:
    run.command("ready; sleep 60\n")
    with begin(run, until, 2, 30) as pool:
        for record in run.records():
            os.kill(record[0]["pid"], signal.SIGSTOP)
        pool.send_signal(signal.SIGTERM)
        assert pool.wait(20) == 0
    assert [record[1]["exit_code"] for record in run.records()] == [143, 143]
    assert run.living() == []


def test_an_ignored_hangup_stays_ignored(run: Any, until: Any) -> None:
    run.command('ready; until [[ -e "${FARMHAND_ATTEMPT%/shards/*}/go" ]]; do sleep 0.02; done\n')
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # what nohup does
    try:
        with begin(run, until, 3, 5) as pool:
            pool.send_signal(signal.SIGHUP)
            Path(run.path, "go").touch()
            assert pool.wait(20) == 0
    finally:
        signal.signal(signal.SIGHUP, before)
    assert (run.result()["ok"], run.result()["stopped_by"]) == (3, None)
