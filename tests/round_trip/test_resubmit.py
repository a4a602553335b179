"""What is tried again, and with what: by cause, by policy, and by the user's own word."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Farm

# Shard 0 is well; 1 takes too long at first; 2 exits 3; 3 is not to be found.
SCRIPT = """
case $FARMHAND_SHARD_INDEX in
  1) sleep 2.5 ;;
  2) exit 3 ;;
  3) exec /no/such/program ;;
esac
"""


def render(farm: Farm, **more: Any) -> None:
    spec = {
        "name": "r", "work": {"count": 4}, "shards": 4, "script": SCRIPT,
        "resources": {"walltime": "2s"}, **more,
    }  # fmt: skip
    farm("render", "-", "--run-id", "r", stdin=json.dumps(spec))


def causes(farm: Farm) -> dict[int, str]:
    return {row["shard_index"]: row["cause"] for row in farm.check("r", code=1)["bad"]}


def test_each_cause_gets_what_it_lacked(farm: Farm) -> None:
    render(farm)
    farm("run", "runs/r", "--jobs", "4", code=1)
    assert causes(farm) == {1: "timeout", 2: "exit_code", 3: "setup"}
    told = farm("resubmit", "runs/r")
    assert "     1  timeout      walltime 2s -> 3s             1\n" in told.stderr
    assert "     1  exit_code    once more, same resources     2\n" in told.stderr
    assert "left alone: 1 shard: setup needs a hand first" in told.stderr
    submissions = farm.manifest("r")["submissions"]
    assert [(s["shards"], s["resources"]["walltime"]) for s in submissions] == [
        ("0-3", 2), ("1", 3), ("2", 2),
    ]  # fmt: skip

    farm("run", "runs/r", "--jobs", "4", "--shards", "1-2", code=1)
    assert causes(farm) == {2: "exit_code", 3: "setup"}
    row = farm.manifest("r")["results"][1]
    assert [attempt["submission"] for attempt in row["attempts"]] == [1, 2]
    assert row["attempts"][0]["cause"] == "timeout"
    assert "stopped at the walltime of 2s" in row["attempts"][0]["evidence"]

    left = farm("resubmit", "runs/r", code=1).stderr
    assert "2 attempts ended in exit_code" in left
    assert "nothing to resubmit" in left
    insisted = farm("resubmit", "runs/r", "--shards", "2", "--dry-run")
    assert "     1  exit_code    again, same resources         2\n" in insisted.stderr
    assert "again, same" in farm("resubmit", "runs/r", "--cause", "setup", "--dry-run").stderr
    assert len(farm.manifest("r")["submissions"]) == 3, "--dry-run writes nothing"


def test_the_spec_decides_by_exit_code(farm: Farm) -> None:
    render(farm, retry={"exit_codes": {"3": "more_walltime"}, "max_walltime": "2500s"})
    farm("run", "runs/r", "--jobs", "4", code=1)
    told = farm("resubmit", "runs/r").stderr
    assert "     1  exit_code    walltime 2s -> 3s             2\n" in told


def test_never_is_never(farm: Farm) -> None:
    render(farm, retry={"exit_codes": {"3": "never"}})
    farm("run", "runs/r", "--jobs", "4", "--shards", "2", code=1)
    assert "exit code 3 is never tried again" in farm("resubmit", "runs/r", code=1).stderr


def test_at_the_cap_it_says_so(farm: Farm) -> None:
    render(farm, retry={"max_walltime": "2s"})
    farm("run", "runs/r", "--jobs", "4", "--shards", "1", code=1)
    assert "already at its cap" in farm("resubmit", "runs/r", code=1).stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--shards", "9"], "there is no shard 9"),
        (["--shards", "x"], "'x' is not a shard number"),
        (["--cause", "timeuot"], "did you mean 'timeout'?"),
    ],
)
def test_asked_wrongly(farm: Farm, words: list[str], said: str) -> None:
    render(farm)
    assert said in farm("resubmit", "runs/r", *words, code=2).stderr


def test_execute_runs_them_at_once(farm: Farm) -> None:
    render(farm)
    farm("run", "runs/r", "--jobs", "4", code=1)
    done = farm("resubmit", "runs/r", "--execute", "--cause", "timeout")
    assert "2 succeeded" in done.stdout
    assert farm.manifest("r")["results"][1]["state"] == "succeeded"
    farm("render", "--run-id", "n", "--scheduler", "nohup", "--", "false")
    farm("run", "runs/n", code=1)
    told = farm("resubmit", "runs/n", "--execute", code=2).stderr
    assert "does not know how to start jobs of nohup" in told
    assert len(farm.manifest("n")["submissions"]) == 1
