"""What the pages on SLURM say, typed as they say it, on a real one."""

from __future__ import annotations

import csv
import math
import re
import shutil
from pathlib import Path

from tests.clusters.slurm import Slurm

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples/slurm"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPEC = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PRIMES_BELOW_60_000 = 6057
SUBMITTED = re.compile(r"Submitted batch job (\d+)")


def shown(page: str) -> list[tuple[str, str]]:
    """Commands of the page with what it says they print."""
    found = []
    for block in BLOCK.findall(page):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, printed = part.partition("\n")
            found.append((command, printed))
    return found


def plain(text: str, home: str) -> str:
    """A text without what differs each time: where it is, ids of jobs and processes, line ends."""
    text = " ".join(text.replace(home, "HOME").split())
    text = re.sub(r"(request|peak [\d.]+ MB of) 100 MB", "100 MB", text)
    return re.sub(r"\d+(?= Killed)", "PID", SUBMITTED.sub("Submitted batch job ID", text))


def test_the_page_shows_what_happens(slurm: Slurm) -> None:
    folder = slurm.workspace("darts")
    for name in ("farmhand.yaml", "README.md"):
        shutil.copy(EXAMPLE / name, folder)
    page = (folder / "README.md").read_text(encoding="utf-8")
    commands = shown(page)
    assert len(commands) == 8
    for command, expected in commands:
        done = slurm.run_as_user(["sh", "-c", command], cwd=folder, check=False)
        said = plain(done.stdout + done.stderr, str(folder))
        if not slurm.enforces_memory and "collect" in command:
            assert "12 succeeded" in said  # nobody was killed: there is nothing to redo
            return
        assert plain(expected, "/home/me/darts") in said
        if jobs := SUBMITTED.findall(done.stdout):
            slurm.wait(jobs)
    with open(folder / "runs/darts/merged.csv", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 12
    inside, darts = (sum(int(row[name]) for row in rows) for name in ("inside", "darts"))
    assert darts == 1_200_000
    assert math.isclose(4 * inside / darts, math.pi, abs_tol=0.01)
    attempts = slurm.run_as_user(["farmhand", "show", "runs/darts", "5"], cwd=folder).stdout
    assert attempts.count("\nattempt ") == 2


def test_the_page_goes_from_a_spec_to_the_merged_result(slurm: Slurm) -> None:
    page = (ROOT / "docs/slurm.md").read_text(encoding="utf-8")
    folder = slurm.workspace("primes")
    (folder / "farmhand.yaml").write_text(SPEC.findall(page)[0], encoding="utf-8")
    commands = shown(page)
    assert len(commands) == 5
    for command, expected in commands:
        done = slurm.run_as_user(["sh", "-c", command], cwd=folder)
        assert plain(expected, "/home/me/primes") in plain(done.stdout + done.stderr, str(folder))
        if jobs := SUBMITTED.findall(done.stdout):
            slurm.wait(jobs)
    with open(folder / "runs/primes/merged.csv", encoding="utf-8") as stream:
        assert sum(int(row["primes"]) for row in csv.DictReader(stream)) == PRIMES_BELOW_60_000
