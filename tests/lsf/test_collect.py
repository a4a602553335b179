"""Collecting a run on the stand-in for LSF: what its reports and commands say, shard by shard."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.round_trip.conftest import Farm

if TYPE_CHECKING:
    from tests.clusters.lsf.stand_in import StandIn

SPEC: dict[str, Any] = {
    "name": "toys",
    "work": {"count": 6, "seed": 7},
    "shards": 6,
    "script": """
case $FARMHAND_SHARD_INDEX in
  1) exit 3 ;;
  2) trap 'exit 0' TERM USR2; while :; do sleep 0.1; done ;;
  3) kill -KILL $PPID; sleep 60 ;;
  4) sleep 60 ;;
esac
echo done >out.txt
""",
    "outputs": {"o": {"path": "out.txt"}},
    "resources": {"walltime": "1m", "memory": "200 MB"},
}
QUIET: dict[str, Any] = {**SPEC, "script": "echo done >out.txt\n"}
WAITS: dict[str, Any] = {**SPEC, "script": 'sleep 60\n'}


@pytest.fixture
def farm(tmp_path: Path) -> Farm:
    return Farm(tmp_path)


def render(farm: Farm, spec: dict[str, Any]) -> Path:
    farm("render", "-", "--run-id", "r", "--scheduler", "lsf", stdin=json.dumps(spec))
    return farm.run("r")


def submit(run: Path, *shards: int) -> None:
    for shard in shards:
        with (run / "shards" / f"s{shard}" / "batchScript.sh").open("rb") as script:
            subprocess.run(["bsub"], stdin=script, check=True, capture_output=True)


def array(run: Path) -> None:
    with (run / "lsf_array_job.sh").open("rb") as script:
        subprocess.run(["bsub"], stdin=script, check=True, capture_output=True)


def collected(farm: Farm, *words: str) -> dict[int, tuple[str, str | None]]:
    farm("collect", "--in-place", *words, "runs/r")
    return {
        result["shard_index"]: (result["state"], result["cause"])
        for result in farm.manifest("r")["results"]
    }


def evidence(farm: Farm, shard: int) -> str:
    text: str = farm.manifest("r")["results"][shard]["evidence"]
    return text


def attempts(farm: Farm, shard: int) -> int:
    return len(farm.manifest("r")["results"][shard]["attempts"])


def until(lsf: StandIn, native_id: str, *states: str) -> None:
    deadline = time.monotonic() + 60
    while lsf.states()[native_id].stat not in states:
        assert time.monotonic() < deadline, lsf.states()
        time.sleep(0.02)


@pytest.mark.parametrize("layout", ["ibm10", "lsf9", "compatible"])
@pytest.mark.parametrize("as_array", [False, True])
def test_every_shard_says_how_it_ended(
    lsf: StandIn, farm: Farm, layout: str, as_array: bool
) -> None:
    lsf.configure(layout=layout, slots=6, minute_s=3.0, kill_interval_s=0.3)
    run = render(farm, SPEC)
    if as_array:
        array(run)
    else:
        submit(run, *range(6))
    ids = [f"1[{n}]" for n in range(1, 7)] if as_array else [str(n) for n in range(1, 7)]
    until(lsf, ids[4], "RUN")
    lsf.wait()
    found = collected(farm)
    print(found, *[evidence(farm, s) for s in range(6)], sep="\n")
    assert found[0] == found[5] == ("succeeded", None)
    assert found[1] == ("failed", "exit_code")
    assert [attempts(farm, shard) for shard in range(6)] == [1] * 6
