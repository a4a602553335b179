"""``check -b``: every bad chunk that is not alive, once, one line each, whatever the others do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.spooler import Spooler

if TYPE_CHECKING:
    from conftest import Farm

    Chunks = Callable[..., Farm]

SCRIPT = """
[ -e "$HOME_OF_TEST/mended" ] && exit 0
case $FARMHAND_SHARD_NAME in
  DY_Chunk1|Single) exit 3 ;;
  DY_Chunk3) touch "$HOME_OF_TEST/begun"; sleep 30 ;;
esac
"""


@pytest.fixture
def spooler(tmp_path: Path) -> Spooler:
    return Spooler.make(tmp_path / "spool")


@pytest.fixture
def ran(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[bytes]]:
    """A run in which DY_Chunk1 and Single failed, DY_Chunk3 runs, and DY_Chunk4 waits."""
    monkeypatch.setenv("HOME_OF_TEST", str(farm.path))
    spec = {
        "name": "c",
        "script": SCRIPT,
        "components": {
            "DY": {"files": "[0-4].root", "one_per_file": True},
            "Single": {"files": "5.root"},
        },
    }
    for number in range(6):
        (farm.path / f"{number}.root").touch()
    farm.render(spec, "--scheduler", "nohup")
    farm.job(0, 1, 2, 5)
    script = farm.run() / "shards" / "DY_Chunk3" / "batchScript.sh"
    process = subprocess.Popen([script], start_new_session=True)
    deadline = time.monotonic() + 30
    while not (farm.path / "begun").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def test_exactly_the_bad_ones_that_are_not_alive(
    farm: Farm, spooler: Spooler, ran: subprocess.Popen[bytes]
) -> None:
    words = ["check", "runs/r", "-b", spooler.command]
    said = farm(*words)
    assert said.out.endswith("DY_Chunk1  submitted  100\nSingle     submitted  101\n")
    assert said.err.endswith("2 resubmitted\n")
    assert spooler.log == [
        (100, str(farm.run() / "resubmit-2" / "shards" / "DY_Chunk1")),
        (101, str(farm.run() / "resubmit-2" / "shards" / "Single")),
    ]
    again = farm(*words)  # they are waited for
    assert "2 submitted and not heard of since" in again.err
    assert "DY_Chunk1 (job 100), Single (job 101)" in again.err
    assert again.err.endswith("nothing resubmitted\n")
    assert len(spooler.log) == 2
    assert ran.poll() is None
    (farm.path / "mended").touch()
    spooler.run()
    told = farm.check(code=0)
    assert told["states"] == {"succeeded": 4, "running": 1, "planned": 1}
    assert len(farm.attempts(3)) == 1


def test_a_job_that_died_is_done_again(
    farm: Farm, spooler: Spooler, ran: subprocess.Popen[bytes]
) -> None:
    pid = json.loads(next(farm.run().glob("records/0/3.*")).read_text().splitlines()[0])["pid"]
    os.killpg(ran.pid, signal.SIGKILL)
    ran.wait()
    deadline = time.monotonic() + 30
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    farm("check", "runs/r", "-b", spooler.command)
    assert spooler.names == ["DY_Chunk1", "DY_Chunk3", "Single"]


@pytest.mark.usefixtures("ran")
def test_only_those_that_were_named(farm: Farm, spooler: Spooler) -> None:
    shards = sorted(str(path) for path in (farm.run() / "shards").glob("*_Chunk*"))
    farm("check", *shards, "-b", spooler.command)
    assert spooler.names == ["DY_Chunk1"]
    farm("check", f"{farm.run()}/shards/S*", "-b", spooler.command)
    assert spooler.names == ["DY_Chunk1", "Single"]


@pytest.mark.usefixtures("ran")
def test_the_rest_goes_on_when_one_is_refused(farm: Farm, spooler: Spooler) -> None:
    spooler.only("DY_Chunk1", "refuse")
    words = ["check", "runs/r", "-b", spooler.command]
    said = farm(*words, code=1)
    assert said.out.endswith(
        "DY_Chunk1  refused    -  exit code 255: 1nx: No such queue. Job not submitted.\n"
        "Single     submitted  100\n"
    )
    assert "1 not submitted: DY_Chunk1; mend what the command says, then: " in said.err
    spooler.only("DY_Chunk1", "")
    told = json.loads(farm(*words, "--json").out)
    assert [(one["name"], one["outcome"], one["job"]) for one in told["submitted"]] == [
        ("DY_Chunk1", "submitted", "101")
    ]
    assert told["bad"] == []
    assert spooler.log[-1][1] == str(farm.run() / "resubmit-2" / "shards" / "DY_Chunk1")
    assert not (farm.run() / "resubmit-3").exists()  # the script was there


@pytest.mark.usefixtures("ran")
def test_a_command_that_does_not_work(farm: Farm) -> None:
    said = farm("check", "runs/r", "-b", "no-such-bsub", code=1)
    assert "DY_Chunk1  refused    -  exit code 127" in said.out
    assert "nothing resubmitted" in said.err
    assert [row["name"] for row in farm.check(code=1)["bad"]] == ["DY_Chunk1", "Single"]


def test_a_run_whose_jobs_are_not_started_chunk_by_chunk(farm: Farm) -> None:
    farm("render", "--run-id", "r", "--scheduler", "local", "--", "false")
    farm("run", "runs/r", code=1)
    said = farm("check", "runs/r", "-b", "bsub", code=2).err
    assert "the latest jobs of this run are for local, not started chunk by chunk" in said
