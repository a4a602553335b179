"""The example for HTCondor, typed as its page says, on a real pool."""

from __future__ import annotations

import csv
import math
import re
import shutil
from pathlib import Path

import pytest

from tests.clusters.condor import Condor

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/htcondor"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SUBMITTED = re.compile(r"submitted to cluster (\d+)")


def shown(page: str) -> list[tuple[str, str]]:
    """Commands of the page with what it says they print."""
    found = []
    for block in BLOCK.findall(page):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, printed = part.partition("\n")
            found.append((command, printed))
    return found


def plain(text: str, home: str) -> str:
    """A text without what differs each time: places, ids, times, sampled memory, line ends."""
    text = SUBMITTED.sub("submitted to cluster N", text.replace(home, "HOME"))
    text = re.sub(r"condor_rm \d+\.5", "condor_rm N.5", text)
    times = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    text = re.sub(times + r"|slot\w+@[\w.]+|-> \d+ MB +|peak \d+ MB", "…", text)
    return " ".join(re.sub(r"\(event log|\(condor_q", "(it", text).split())


@pytest.mark.parametrize("file", ["condor_job_transfer.sub", "condor_job.sub"])
def test_the_page_shows_what_happens(condor: Condor, file: str) -> None:
    """With the file that is typed on it; and with the other one, for both come to the same."""
    folder = condor.workspace("darts")
    for name in ("farmhand.yaml", "board.txt", "README.md"):
        shutil.copy(EXAMPLE / name, folder)
    page = (folder / "README.md").read_text(encoding="utf-8")
    commands = shown(page.replace("condor_job_transfer.sub", file))
    assert len(commands) == 9
    first = ""
    for shown_command, expected in commands:
        command = re.sub(r"^condor_rm \d+", f"condor_rm {first}", shown_command)
        done = condor.run_as_user(["sh", "-c", command], cwd=folder, check=False)
        said = plain(done.stdout + done.stderr, str(folder))
        assert plain(expected, "/home/me/darts") in said, command
        if raised := re.search(r"memory 150 MB -> (\d+) MB", done.stdout):
            assert int(raised[1]) > 600  # twice of the 300 MB that were seen
        if jobs := SUBMITTED.findall(done.stdout):
            first = first or jobs[0]
            condor.wait(jobs)
    with open(folder / "runs/darts/merged.csv", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 12
    inside, darts = (sum(int(row[name]) for row in rows) for name in ("inside", "darts"))
    assert math.isclose(4 * inside / darts, math.pi, abs_tol=0.01)
