"""kill -9 at the worst moments: of collect at each step of its writing, of the pool at any time."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.dying import die_at

if TYPE_CHECKING:
    from conftest import Farm

LONG = bool(os.environ.get("FARMHAND_LONG"))


def steps(farm: Farm, *words: str) -> int:
    """Kill farmhand before its first step, its second …, until it lives; yield each time."""
    step = 0
    while die_at(farm.path, step, *words):
        step += 1
        assert step < 500
    return step


@pytest.fixture
def done_run(farm: Farm) -> Farm:
    farm(
        "render", "--shards", "6", "--run-id", "r", "--", "bash", "-c", "exit $FARMHAND_SHARD_INDEX"
    )
    plan = (farm.run("r") / "plan" / "id").read_text().strip()
    script = str(farm.run("r") / "plan" / "shard.sh")
    for index in range(6):
        call = ["bash", script, plan, "1", "nohup", "-", "0", "0", str(index)]
        assert subprocess.run(call, check=False, capture_output=True).returncode == index
    return farm


@pytest.mark.slow
def test_collect_killed_at_each_step_leaves_the_old_or_the_new(done_run: Farm) -> None:
    path = done_run.run("r") / "manifest.json"
    old = path.read_bytes()
    step = 0
    while die_at(done_run.path, step, "collect", "--in-place", "runs/r"):
        data = path.read_bytes()
        manifest = json.loads(data)
        assert data == old or [row["state"] for row in manifest["results"]][1:] == ["failed"] * 5
        step += 1
    assert step >= 4, "it was killed before opening, syncing, renaming and closing"
    assert [row["state"] for row in done_run.manifest("r")["results"]] == ["succeeded"] + 5 * [
        "failed"
    ]
    assert not list(done_run.run("r").glob(".*.tmp"))


def test_collect_killed_at_random_moments(done_run: Farm) -> None:
    for _ in range(200 if LONG else 20):
        collect = subprocess.Popen(
            ["farmhand", "collect", "--in-place", "runs/r"],
            cwd=done_run.path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(random.uniform(0, 0.3))
        collect.kill()
        collect.wait()
        assert len(done_run.manifest("r")["results"]) == 6
    done_run("collect", "--in-place", "runs/r")
    assert done_run.check("r", code=1)["states"] == {"succeeded": 1, "failed": 5}


def test_two_collects_at_once(done_run: Farm) -> None:
    words = ["farmhand", "collect", "--in-place", "runs/r"]
    both = [subprocess.Popen(words, cwd=done_run.path, stdout=subprocess.PIPE) for _ in range(3)]
    assert [(each.communicate()[0], each.returncode)[1] for each in both] == [0, 0, 0]
    assert done_run.manifest("r")["revision"] == 2, "one wrote, the others found nothing new"


@pytest.mark.slow
def test_render_killed_at_each_step_can_be_typed_again(farm: Farm) -> None:
    words = ("render", "--shards", "2", "--scheduler", "nohup", "--run-id", "r", "--", "true")
    step = 0
    while die_at(farm.path, step, *words):
        visible = [path.name for path in (farm.path / "runs").glob("[!.]*")]
        if visible:  # killed after the rename: then it is whole
            assert farm.manifest("r")["shards"] == 2
            (farm.path / "runs" / "r").rename(farm.path / f"whole-{step}")
        step += 1
    assert step > 10
    assert sorted(os.listdir(farm.path / "runs")) == ["r"]


@pytest.mark.slow
def test_resubmit_killed_at_each_step_can_be_typed_again(done_run: Farm) -> None:
    step = 0
    while die_at(done_run.path, step, "resubmit", "runs/r"):
        step += 1
        listed = done_run.manifest("r")["submissions"]
        if len(listed) > 1:  # it was killed when all was written
            break
    submissions = done_run.manifest("r")["submissions"]
    assert submissions[-1]["shards"] == "1-5"
    folder = done_run.run("r") / "submissions" / f"{submissions[-1]['id']}.json"
    assert json.loads(folder.read_bytes())["shards"] == "1-5"


JOB = """
log={log}
echo "start $FARMHAND_SHARD_INDEX $$" >>$log
if ! mkdir "{busy}/$FARMHAND_SHARD_INDEX"; then echo "twice $FARMHAND_SHARD_INDEX" >>$log; fi
sleep 0.$((5 + RANDOM % 10))
rmdir "{busy}/$FARMHAND_SHARD_INDEX"
echo "end $FARMHAND_SHARD_INDEX $$" >>$log
"""


def test_the_pool_killed_at_ten_moments_finishes_and_runs_nothing_twice(farm: Farm) -> None:
    busy, log = farm.path / "busy", farm.path / "log"
    busy.mkdir()
    shards = 24
    spec = {
        "name": "p",
        "work": {"count": shards},
        "shards": shards,
        "script": JOB.format(log=log, busy=busy),
    }
    farm("render", "-", "--run-id", "r", stdin=json.dumps(spec))
    words = ["farmhand", "run", "runs/r", "--jobs", "3"]
    for _ in range(10):
        pool = subprocess.Popen(words, cwd=farm.path, stderr=subprocess.DEVNULL, stdout=-3)
        time.sleep(random.uniform(0.1, 1.2))
        pool.kill()
        pool.wait()
    farm("run", "runs/r", "--jobs", "3")
    lines = [line.split() for line in log.read_text().splitlines()]
    assert not [line for line in lines if line[0] == "twice"]
    ends = Counter(line[1] for line in lines if line[0] == "end")
    attempts = {
        row["name"]: [(a["attempt"], a["evidence"], a["pool"]) for a in row["attempts"]]
        for row in farm.manifest("r")["results"]
        if ends[str(row["shard_index"])] != 1
    }
    assert not attempts, "every shard came to its end once: none that had succeeded ran again"
    assert farm.check("r")["succeeded"] == shards


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_pool_leaves_no_process_and_a_manifest_that_says_so(
    farm: Farm, signum: signal.Signals
) -> None:
    mark = str(farm.path / "mark")
    spec = {
        "name": "p", "work": {"count": 4}, "shards": 4,
        "command": ["bash", "-c", "touch started; exec -a $0 sleep 60", mark],
    }  # fmt: skip
    farm("render", "-", "--run-id", "r", stdin=json.dumps(spec))
    pool = subprocess.Popen(
        ["farmhand", "run", "runs/r", "--jobs", "2"], cwd=farm.path, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 20
    while len(list(farm.run("r").glob("shards/*/*/started"))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    pool.send_signal(signum)
    text = pool.communicate(timeout=30)[1].decode()
    assert pool.returncode == 128 + signum
    assert "nothing is left running" in text
    assert not [
        pid for pid in os.listdir("/proc")
        if pid.isdigit() and mark.encode() in _command_line(pid)
    ]  # fmt: skip
    states = [row["state"] for row in farm.manifest("r")["results"]]
    assert states == ["cancelled", "cancelled", "planned", "planned"]


def _command_line(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
