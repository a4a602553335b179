"""Stand-in runs with real payload processes, and a driver that runs the pool on them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from runners.job import Ended, Job, PoolResult, Seen
from runners.pool import run_pool
from runners.processes import attempt_processes, processes
from runners.room import Room

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
REPO = HERE.parent.parent


def wait_until(condition: Callable[[], object], what: str, seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"waited {seconds} s for {what}")
        time.sleep(0.005)


@dataclass
class Listening:
    """Keeps what the pool tells."""

    began: list[Job] = field(default_factory=list)
    over: list[Ended] = field(default_factory=list)
    ticks: list[float] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    seen: Seen | None = None
    on_start: Callable[[Job, int], None] = lambda _job, _pid: None
    on_tick: Callable[[], None] = lambda: None

    def started(self, job: Job, pid: int) -> None:
        self.began.append(job)
        self.on_start(job, pid)

    def ended(self, ended: Ended) -> None:
        self.over.append(ended)

    def told(self, text: str) -> None:
        self.remarks.append(text)

    def tick(self, seen: Seen) -> None:
        self.seen = seen
        self.ticks.append(time.monotonic())
        self.on_tick()


@dataclass
class StandInRun:
    path: str

    def command(self, text: str) -> None:
        """Set what shards run: bash; ``ready`` tells `ready` that its traps are set."""
        ready = 'ready() { : >"$FARMHAND_ATTEMPT/ready"; }\n'
        Path(self.path, "command.sh").write_text(ready + text, encoding="utf-8")

    def ready(self) -> int:
        return len(list(Path(self.path).glob("shards/*/*/ready")))

    def job(self, *shards: int) -> Job:
        words = ("p", "1", "local", "-", "0", "0", *map(str, shards))
        return Job(shards[0], ("bash", f"{self.path}/plan/shard.sh", *words))

    def pool(
        self, jobs: Iterator[Job], total: int, room: Room | int, listener: Listening, **more: Any
    ) -> PoolResult:
        options: dict[str, Any] = {
            "log_path": f"{self.path}/pool.log",
            "journal_path": f"{self.path}/pool.jsonl",
            "check_space": lambda: None,
            "stop_grace_s": 1.0,
        }
        room = Room(jobs=room) if isinstance(room, int) else room
        return run_pool(jobs, total, room, run_dir=self.path, listener=listener, **(options | more))

    @contextmanager
    def drive(
        self, shards: int, slots: int, grace_s: float, inside: str | None = None
    ) -> Iterator[subprocess.Popen[str]]:
        """Run the pool in a process of its own; `inside`: cgroup.procs of a group for it."""
        enter = ["bash", "-c", f'echo $$ >{inside}; exec "$@"', "in"] if inside else []
        argv = [*enter, sys.executable, str(HERE / "pool_driver.py"), self.path]
        with subprocess.Popen(
            [*argv, str(shards), str(slots), str(grace_s)],
            env={**os.environ, "PYTHONPATH": str(REPO)},
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def records(self) -> list[list[dict[str, Any]]]:
        found = []
        for path in Path(self.path, "records/0").glob("*.jsonl"):
            lines = path.read_bytes().splitlines()
            found.append([orjson.loads(line) for line in lines])
        return [record for record in found if record]

    def journal(self) -> list[dict[str, Any]]:
        return [
            orjson.loads(line) for line in Path(self.path, "pool.jsonl").read_bytes().splitlines()
        ]

    def result(self) -> dict[str, Any]:
        with open(f"{self.path}/result.json", encoding="utf-8") as file:
            found: dict[str, Any] = json.load(file)
        return found

    def living(self) -> list[int]:
        """All processes of the run, and all that carry its path in their arguments."""
        found = {pid for pids in attempt_processes(self.path).values() for pid in pids}
        for process in processes(self.path):
            try:
                line = Path(f"/proc/{process.pid}/cmdline").read_bytes()
            except OSError:
                continue
            if os.fsencode(self.path) + b"/" in line and b"pool_driver" not in line:
                found.add(process.pid)
        return sorted(found)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[StandInRun]:
    path = tmp_path / "run"
    (path / "plan").mkdir(parents=True)
    (path / "records/0").mkdir(parents=True)
    shutil.copy(HERE / "stand_in.sh", path / "plan/shard.sh")
    run = StandInRun(str(path))
    run.command("exit 0\n")
    yield run
    for pid in run.living():  # a test that failed half-way must not leave processes behind
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


@pytest.fixture
def listening() -> Listening:
    return Listening()


@pytest.fixture
def until() -> Callable[..., None]:
    return wait_until
