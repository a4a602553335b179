"""Submitting again: only what is bad, once, and by the user's own word what is doubtful."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Farm

    Toys = Callable[..., Farm]


def start(line: str, farm: Farm) -> None:
    """Type a line that farmhand printed, from somewhere else, and wait for its jobs."""
    subprocess.run(["bash", "-c", line + "; wait"], check=True, timeout=30, cwd=farm.path.parent)


def test_what_was_rendered_again_is_not_rendered_again(toys: Toys) -> None:
    farm = toys(command=["bash", "-c", "test -e ../../../ok && echo fine >out.txt"])
    farm.job(0, 1)
    said = farm("resubmit", "runs/r")
    assert "     2  exit_code    once more, same resources     0-1\n" in said.err
    line = said.out.strip()
    again = farm("resubmit", "runs/r", code=1).err
    assert "2 shards: rendered again in submission 2 and not started since" in again
    assert [s["shards"] for s in farm.manifest()["submissions"]] == ["0-3", "0-1"]
    assert "again, same" in farm("resubmit", "runs/r", "--shards", "0", "--dry-run").err
    assert "again, same" in farm("resubmit", "runs/r", "--cause", "exit_code", "--dry-run").err

    (farm.run() / "ok").touch()
    start(line, farm)
    farm.job(2, 3)
    farm("collect", "--in-place", "runs/r")
    assert farm.check(code=0)["succeeded"] == 4
    assert [len(row["attempts"]) for row in farm.manifest()["results"]] == [2, 2, 1, 1]
    assert "nothing to resubmit" in farm("resubmit", "runs/r", code=1).err


def test_an_unknown_shard_needs_to_be_named(toys: Toys) -> None:
    farm = toys()
    farm.job(0, 1, 2)
    [record] = (farm.run() / "records" / "0").glob("0.*.jsonl")
    elsewhere = json.loads(record.read_text().splitlines()[0])
    elsewhere |= {"shard": 3, "name": "s3", "attempt": "7.7.elsewhere", "host": "elsewhere"}
    (record.parent / "3.7.7.elsewhere.jsonl").write_text(json.dumps(elsewhere) + "\n")
    assert farm.check(code=0)["states"] == {"succeeded": 3, "unknown": 1}
    farm("check", "--complete", "runs/r", code=1)
    farm("resubmit", "runs/r", code=1)
    assert "resubmit --shards insists" in farm("run", "runs/r", code=1).err
    told = farm("resubmit", "runs/r", "--shards", "3").err
    assert "     1  unknown      again, same resources         3\n" in told
    farm.process("run", "runs/r")
    assert farm.check(code=0)["succeeded"] == 4
    shown = farm("show", "runs/r", "s3").out
    assert "started on elsewhere, no end record; ask there" in shown
    assert "(accepted)" in shown


def test_what_is_well_is_left_alone_though_named(toys: Toys) -> None:
    farm = toys()
    farm.job(0)
    said = farm("resubmit", "runs/r", "--shards", "0-1", code=1).err
    assert "1 shard: succeeded, not bad" in said
    assert "1 shard: planned, not bad" in said


def test_json_says_before_after_and_why(toys: Toys) -> None:
    farm = toys(command=["sleep", "60"], resources={"walltime": "2s", "memory": "1 GB"})
    farm.job(1, walltime=1)
    said = farm("resubmit", "runs/r", "--json", "--dry-run")
    [group] = json.loads(said.out)
    assert group["shards"] == [1]
    assert (group["before"]["walltime"], group["after"]["walltime"]) == (2, 3)
    assert group["before"]["memory"] == group["after"]["memory"] == 1 << 30
    assert group["why"] == "walltime raised"
    assert not (farm.run() / "resubmit-2").exists()


def test_components_keep_their_own_resources(farm: Farm) -> None:
    farm.render({
        "name": "c", "command": ["false"], "resources": {"walltime": "10s"},
        "components": {
            "a": {"work": {"count": 2}, "shards": 2, "resources": {"walltime": "5s"}},
            "b": {"work": {"count": 2}},
        },
    }, "--scheduler", "nohup")  # fmt: skip
    assert [(s["shards"], s["resources"]["walltime"]) for s in farm.manifest()["submissions"]] == [
        ("0-1", 5),
        ("2", 10),
    ]
    farm.job(0, 1, 2)
    farm("resubmit", "runs/r", "--shards", "1-2")
    assert [(s["shards"], s["resources"]["walltime"]) for s in farm.manifest()["submissions"]][
        2:
    ] == [("1", 5), ("2", 10)]


def test_what_was_stopped_by_hand_waits_for_a_word(toys: Toys) -> None:
    farm = toys(command=["bash", "-c", "echo on; exec sleep 60"])
    script = farm.run() / "shards" / "s0" / "batchScript.sh"
    job = subprocess.Popen(["bash", str(script)])
    deadline = time.monotonic() + 20
    while not any(path.stat().st_size for path in farm.run().glob("shards/s0/*/stdout")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert farm.check(code=0)["states"] == {"planned": 3, "running": 1}
    assert "1 shard: running, not bad" in farm("resubmit", "runs/r", "--shards", "0", code=1).err
    job.terminate()
    assert job.wait(timeout=20) == 143
    [bad] = farm.check(code=1)["bad"]
    assert (bad["state"], bad["evidence"]) == ("cancelled", "stopped by SIGTERM")
    assert "cancelled needs a hand first" in farm("resubmit", "runs/r", code=1).err
    assert "again, same" in farm("resubmit", "runs/r", "--cause", "cancelled").err


def test_what_vanished_is_tried_again(toys: Toys) -> None:
    farm = toys()
    farm.job(0)
    [record] = (farm.run() / "records" / "0").glob("0.*.jsonl")
    record.write_text(record.read_text().splitlines()[0] + "\n")
    told = farm("resubmit", "runs/r").err
    assert "     1  vanished     again, same resources         0\n" in told
