"""The pool as a production tool: memory, what others see of it, and how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Farm

MB = 1 << 20
EATER = (
    "import time\nx = []\n"
    "while len(x) < 140: x.append(bytes(range(256)) * 20480); time.sleep(0.01)\n"
    "time.sleep(60)\n"
)


def until(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, f"waited for {what}"
        time.sleep(0.02)


def spec(script: str, **components: tuple[int, str]) -> str:
    """A run of components, each of so many shards with so much memory."""
    parts = {
        name: {"work": {"count": shards}, "shards": shards, "resources": {"memory": memory}}
        for name, (shards, memory) in components.items()
    }
    output = {"path": "out.txt", "check": {"min_size": "3 B"}}
    made = {"name": "p", "components": parts, "script": script, "outputs": {"o": output}}
    return json.dumps(made)


def status(farm: Farm) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(farm("status", "runs/r", "--json").stdout)["pool"]
    return found


@contextmanager
def pool(farm: Farm, *words: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        ["farmhand", "run", "runs/r", *words],
        cwd=farm.path,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_never_more_than_memory_allows_and_one_that_eats_everything_is_oom(farm: Farm) -> None:
    script = (
        "case $FARMHAND_SHARD_NAME in\n"
        f"eater*) exec {sys.executable} -c '{EATER}' ;;\n"
        "*) sleep 0.7; echo good >out.txt ;;\nesac\n"
    )
    text = spec(script, small=(8, "100 MB"), eater=(1, "100 MB"), large=(2, "300 MB"))
    farm("render", "-", "--run-id", "r", stdin=text)
    ran = farm("run", "runs/r", "--jobs", "6", "--memory", "400 MB", code=1)
    assert "11 to run, 1 to 4 at a time (--jobs 6; 400 MB by --memory" in ran.stderr
    rows = farm.manifest("r")["results"]
    asked = {"small": 100, "eater": 100, "large": 300}
    spans = []
    for row in rows:
        (attempt,) = row["attempts"]
        memory = asked[re.split(r"_", row["name"])[0]]
        spans += [(attempt["started"], 1, memory), (attempt["ended"], 0, -memory)]
    in_use = most = 0
    for _, _, change in sorted(spans):
        in_use += change
        most = max(most, in_use)
    assert 300 <= most <= 400
    assert {row["name"] for row in rows if row["state"] != "succeeded"} == {"eater"}
    (eater,) = [row for row in rows if row["name"] == "eater"]
    assert (eater["state"], eater["cause"]) == ("failed", "oom")
    pattern = (
        r"peak [\d.]+ MB > request 100 MB: killed by the pool, the jobs held [\d.]+ MB of 400 MB"
    )
    assert re.fullmatch(pattern, eater["evidence"])
    assert "farmhand resubmit runs/r" in ran.stderr
    farm("resubmit", "runs/r")
    again = farm.manifest("r")["submissions"][-1]["resources"]["memory"]
    assert again > 2 * 100 * MB, "from the larger of asked and seen"


def test_what_can_never_fit_is_refused_before_anything_starts(farm: Farm) -> None:
    text = spec("echo good >out.txt", small=(3, "10 MB"), huge=(1, "900 TB"))
    farm("render", "-", "--run-id", "r", stdin=text)
    refused = farm("run", "runs/r", code=1)
    assert "nothing was started: shard 3 (huge) asks for 900 TB of memory" in refused.stderr
    assert "run the others: --shards 0-2; " in refused.stderr
    assert not list((farm.run("r") / "records").rglob("*.jsonl"))
    farm("run", "runs/r", "--shards", "0-2")
    assert farm.check("r")["states"] == {"succeeded": 3, "planned": 1}


def test_the_sites_profile_says_what_the_pool_may_use(farm: Farm) -> None:
    site = farm.path / "site.yaml"
    site.write_text("local: {memory: 50 MB, jobs: 3}\n", encoding="utf-8")
    farm("render", "-", "--run-id", "r", stdin=spec("echo good >out.txt", a=(2, "60 MB")))
    there = {**os.environ, "FARMHAND_SITE": str(site)}
    refused = farm("run", "runs/r", code=1, env=there)
    assert "the pool has 50 MB (by the site profile)" in refused.stderr
    ran = farm("run", "runs/r", "--memory", "120MB", env=there)
    assert "2 at a time (the site profile's jobs: 3; 120 MB by --memory, 60 MB a job)" in ran.stderr


WAITS = (
    "until [[ -e {go} ]]; do sleep 0.02; done\n"
    'echo "$FARMHAND_SHARD_INDEX" >>{log}; echo ok >out.txt'
)


def waiting(farm: Farm) -> tuple[Path, Path]:
    go, log = farm.path / "go", farm.path / "log"
    script = WAITS.format(go=go, log=log)
    farm("render", "-", "--run-id", "r", stdin=spec(script, a=(3, "10 MB"), b=(2, "20 MB")))
    return go, log


def test_others_can_watch_it_while_it_lives(farm: Farm) -> None:
    go, _ = waiting(farm)
    with pool(farm, "--jobs", "2", "--memory", "1 GB") as running:
        until((farm.run("r") / "logs/pool-status.json").exists, "the status file")
        until(lambda: len(status(farm)["running"]) == 2, "two jobs")
        until(lambda: all(one["peak"] for one in status(farm)["running"]), "their memory")
        seen = status(farm)
        assert (seen["pid"], seen["lives"], seen["state"]) == (running.pid, True, "running")
        assert (seen["due"], seen["done"], seen["left"], seen["remaining_s"]) == (5, 0, 3, None)
        assert seen["memory"]["asked"] == 20 * MB
        assert [(one["shard"], one["name"]) for one in seen["running"]] == [
            (0, "a_s0"),
            (1, "a_s1"),
        ]
        said = farm("status", "runs/r").stdout
        assert f"pool: pid {running.pid} on " in said
        assert "0 of 5 done, 2 running, 0 failed, 3 to start; time left not known" in said
        go.touch()
        out, _ = running.communicate(timeout=60)
        assert running.returncode == 0
    assert "pool" not in farm("status", "runs/r").stdout
    assert (status(farm)["state"], status(farm)["lives"], status(farm)["running"]) == (
        "ended",
        False,
        [],
    )
    table = [line.split()[:4] for line in out.splitlines()[:3]]
    assert table == [
        ["kind", "shards", "good", "tries"],
        ["a", "3", "3", "3"],
        ["b", "2", "2", "2"],
    ]
    assert "output o: 5 of 5 there, 15 B, smallest 3 B" in out
    log = (farm.run("r") / "logs/run.log").read_text().splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \S", line) for line in log)
    events = [line.split(" ", 1)[1] for line in log]
    assert events[0].startswith("pool begins: pid ")
    assert sum(event.startswith("started shard ") for event in events) == 5
    assert sum(event.startswith("ended well: shard ") for event in events) == 5
    assert events[-1].startswith("pool ends: 5 ok, 0 failed, 0 not started in ")


def test_a_pool_killed_outright_does_not_look_alive_and_the_next_runs_nothing_twice(
    farm: Farm,
) -> None:
    go, log = waiting(farm)
    with pool(farm, "--jobs", "2") as running:
        until(lambda: len(list(farm.run("r").glob("records/0/*.jsonl"))) == 2, "two payloads")
        until(lambda: status(farm)["running"], "its word on them")
        running.kill()
        running.wait()
    assert status(farm)["lives"] is False
    said = farm("status", "runs/r").stdout
    assert f"the pool (pid {running.pid} on " in said
    assert "is gone without a word; what it had started may still run" in said
    assert "2 running" in said.splitlines()[0]
    with pool(farm, "--jobs", "2") as second:
        until(lambda: status(farm)["pid"] == second.pid, "the second pool")
        assert {one["shard"] for one in status(farm)["running"]} == {0, 1}
        refused = farm("run", "runs/r", code=1)
        assert f"another pool (pid {second.pid} on host" in refused.stderr
        go.touch()
        _, err = second.communicate(timeout=60)
        assert second.returncode == 0, err
    assert "2 still running from before (shards 0, 1); not started again" in err
    assert sorted(log.read_text().split()) == list("01234")
    assert farm.check("r")["succeeded"] == 5


def test_a_reused_process_id_is_nobodys_pool(farm: Farm) -> None:
    go, _ = waiting(farm)
    go.touch()
    farm("run", "runs/r")
    path = farm.run("r") / "logs/pool-status.json"
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({**facts, "state": "running", "pid": os.getpid()}))
    assert status(farm)["lives"] is False, "this process lives, but began at another time"
    path.write_text(json.dumps({**facts, "state": "running", "pid": os.getpid(), "host": "far"}))
    assert status(farm)["lives"] is None, "another host's process cannot be seen from here"
    os.utime(path, (1, 1))
    assert status(farm)["lives"] is False
    path.write_text("{")
    assert "pool" not in json.loads(farm("status", "runs/r", "--json").stdout)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGHUP])
def test_only_its_own_children_are_ended(farm: Farm, signum: signal.Signals) -> None:
    waiting(farm)
    stranger = subprocess.Popen(["bash", "-c", f": {farm.run('r')}; sleep 60 & wait"])
    try:
        with pool(farm, "--jobs", "2") as running:
            until(lambda: len(list(farm.run("r").glob("records/0/*.jsonl"))) == 2, "two payloads")
            running.send_signal(signum)
            _, err = running.communicate(timeout=60)
        assert running.returncode == 128 + signum
        assert f"stopped by {signum.name}; nothing is left running" in err
        assert stranger.poll() is None
        log = (farm.run("r") / "logs/run.log").read_text()
        assert f"pool ends (stopped by {signum.name}): 0 ok, 2 failed, 3 not started" in log
        assert status(farm)["state"] == "ended"
    finally:
        stranger.kill()
        stranger.wait()


def test_the_table_fits_a_narrow_terminal_without_colours(farm: Farm) -> None:
    text = spec(
        "exit $FARMHAND_SHARD_INDEX", **{"a_component_of_a_long_name_" + "x" * 20: (9, "9 MB")}
    )
    farm("render", "-", "--run-id", "r", stdin=text)
    ran = farm("run", "runs/r", code=1, env={**os.environ, "COLUMNS": "60", "NO_COLOR": "1"})
    assert "\x1b" not in ran.stdout + ran.stderr
    assert max(map(len, ran.stdout.splitlines())) <= 60
    assert "8 exit_code, 1 bad_output" in ran.stdout
