"""The example of an event production, typed as its page says, on a real XRootD and an S3 server."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.typed_page import blocks
from tests.typed_page import typed as typed_bare

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.stores

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/event-production"
ALL_SET = "0 queued, 0 running, 0 held, 13 completed, 0 missing, 13 total"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "production"
    left = ("runs", "environment.sh", "inputs.list", "servers.json")
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(*left))
    spec = folder / "farmhand.yaml"
    cache = tmp_path / "cache"
    spec.write_text(spec.read_text().replace("/tmp/farmhand-example-cache", str(cache)))
    yield folder
    if (folder / "servers.json").exists():
        typed(folder, "python3 servers.py down")


def typed(place: Path, command: str, code: int = 0) -> str:
    begin = "[ ! -e environment.sh ] || source environment.sh; "
    return typed_bare(place, begin + command, code=code)


def test_from_servers_to_a_bucket_that_equals_an_unsplit_run(place: Path) -> None:
    begin, spoil, mend = blocks(EXAMPLE)
    said = [typed(place, command) for command in begin]
    assert ALL_SET in said[3]
    assert "all set" in said[3]
    assert "equal an unsplit run, event by event (12500)" in said[5]
    assert "13 of 13 jobs counted" in said[6]
    assert not list(place.glob("runs/ep/shards/*/*/dst.csv"))
    written = [p.read_bytes() for p in (place / "runs").rglob("*") if p.is_file()]
    assert not any(b"AWS_SECRET" in data for data in written)
    for command in spoil[:-1]:
        typed(place, command)
    told = typed(place, spoil[-1], code=1)
    assert "11 succeeded, 2 failed" in told
    assert "ep_18x100_000_0001000_01000" in " ".join(told.split())
    said = [typed(place, command) for command in mend]
    assert "2 to run" in said[0]
    assert ALL_SET in said[0]
    assert "equal an unsplit run" in said[1]


def test_servers_that_are_killed_in_the_middle(place: Path) -> None:
    """No corrupt file is accepted, and the campaign ends by typing the same line again."""
    typed(place, "python3 servers.py up && farmhand render --run-id ep")
    begin = "source environment.sh; exec farmhand submit runs/ep --execute"
    with subprocess.Popen(["bash", "-c", begin], cwd=place) as working:
        deadline = time.monotonic() + 120
        while not list(place.glob("runs/ep/records/0/*")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(2)
        typed(place, "python3 servers.py kill")
        time.sleep(4)
        typed(place, "python3 servers.py again")
        working.wait(400)
    for _ in range(4):
        said = typed(place, "farmhand submit runs/ep --execute || true")
        if ALL_SET in said:
            break
    assert ALL_SET in said
    assert "equal an unsplit run, event by event (12500)" in typed(place, "python3 compare.py")
    cache = place.parent / "cache"
    assert not [path for path in cache.rglob("*") if ".part-" in path.name]
    assert sorted(path.name for path in cache.rglob("ep_*")) == ["ep_0.txt", "ep_1.txt", "ep_2.txt"]
