"""Watching a run: it ends by itself, says every change, and leaves the run as it was."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import threading
from typing import TYPE_CHECKING

from reports.watch_view import Pace
from tests.cli.conftest import FARMHAND

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Farm

GATED = 'while [ ! -e "$0/$1" ]; do sleep 0.05; done; [ "$1" != 2 ]'


def rendered(farm: Farm) -> list[Path]:
    """Render four shards, each of which waits for a file; return those."""
    words = ("--", "bash", "-c", GATED, str(farm.path), "{{ shard.index }}")
    farm("render", "--shards", "4", "--run-id", "r", *words)
    return [farm.path / str(number) for number in range(4)]


def lines_of(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stdout is not None
    for line in process.stdout:
        yield line.split(" ", 1)[1].rstrip()


def test_every_change_is_a_line_and_the_end_is_the_end(farm: Farm) -> None:
    gates = rendered(farm)
    before = (farm.path / "runs/r/manifest.json").read_bytes()
    words = ("status", "runs/r", "--watch", "--every", "0.2")
    with subprocess.Popen(
        [*FARMHAND, *words], cwd=farm.path, stdout=subprocess.PIPE, text=True
    ) as process:
        lines = lines_of(process)
        assert next(lines) == "r: 4 shards: 4 planned"
        assert (farm.path / "runs/r/manifest.json").read_bytes() == before
        pool = subprocess.Popen(
            [*FARMHAND, "run", "runs/r", "--jobs", "1"],
            cwd=farm.path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert any(line == "r: 4 shards: 3 planned, 1 running" for line in lines)
        gates[0].touch()
        assert any("1 running, 1 succeeded" in line for line in lines)
        for gate in gates[1:]:
            gate.touch()
        *_, last = lines
        assert process.wait() == 0
        pool.wait()
    assert last == "r: 4 shards: 3 succeeded, 1 failed"


def test_a_terminal_sees_a_table_that_fits(farm: Farm) -> None:
    for gate in rendered(farm):
        gate.touch()
    farm("run", "runs/r", code=1)
    mine, its = pty.openpty()
    seen = bytearray()

    def read() -> None:
        while True:
            try:
                part = os.read(mine, 4096)
            except OSError:
                return
            if not part:
                return
            seen.extend(part)

    reader = threading.Thread(target=read)
    reader.start()
    subprocess.run(
        [*FARMHAND, "status", "runs/r", "--watch"], cwd=farm.path, stdout=its, check=True,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "30"},
    )  # fmt: skip
    os.close(its)
    reader.join()
    os.close(mine)
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen.decode()).replace("\r", "")
    assert "nothing is left to wait for\n" in text
    assert "\n4 shards: 3 succeeded, 1 failed\n" in text
    assert "s2: exit code 1" in text
    assert max(map(len, text.splitlines())) <= 80


def test_what_others_write_meanwhile_is_seen(farm: Farm) -> None:
    """A resubmission is in the manifest only; one that was read before would not tell of it."""
    gates = rendered(farm)
    for gate in gates:
        gate.touch()
    farm("run", "runs/r", "--shards", "0-2", code=1)
    with subprocess.Popen(
        [*FARMHAND, "status", "runs/r", "--watch", "--every", "0.2"],
        cwd=farm.path, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        lines = lines_of(process)
        assert next(lines) == "r: 4 shards: 1 planned, 2 succeeded, 1 failed"
        (farm.path / "runs/r/manifest.json").unlink()
        assert process.wait(timeout=60) == 2, "a run that is gone is no reason to go on"


def test_json_is_refused(farm: Farm) -> None:
    rendered(farm)
    assert "for programs" in farm("status", "runs/r", "--watch", "--json", code=2).err


def test_the_rate_is_of_what_was_seen_and_nothing_is_guessed() -> None:
    pace = Pace()
    assert pace.text(5) == ""
    pace.add(0.0, 3)
    pace.add(10.0, 3)
    assert pace.text(5) == "", "nothing has succeeded since"
    pace.add(40.0, 23)
    assert pace.text(0) == "30 a minute"
    for at in range(50, 3000, 10):
        pace.add(float(at), 23)
    assert pace.per_second() is None, "what was long ago says nothing of now"
    assert len(pace.seen) < 100
