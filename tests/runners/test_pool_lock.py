import errno
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from manifest.errors import Refusal, UserError
from runners.pool_lock import PoolLock
from runners.processes import boot_id, start_ticks

HOLDER = """
import subprocess, sys
from runners.pool_lock import PoolLock
with PoolLock(sys.argv[1]):
    child = subprocess.Popen(["sleep", "60"], close_fds=False, stdout=subprocess.DEVNULL)
    print(child.pid, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def repo() -> str:
    return str(Path(__file__).parent.parent.parent)


def hold(run_dir: str, repo: str) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, run_dir],
        env={**os.environ, "PYTHONPATH": repo},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def test_a_second_pool_is_refused_and_told_who_works(tmp_path: Path, repo: str) -> None:
    process, child = hold(str(tmp_path), repo)
    with process:
        with pytest.raises(Refusal) as refusal, PoolLock(str(tmp_path)):
            pytest.fail("two pools at once")
        expected = f"another pool (pid {process.pid} on host {socket.gethostname()}, since 2"
        assert str(refusal.value).startswith(expected)
        assert "works on this run" in str(refusal.value)
        os.kill(child, signal.SIGKILL)
    with PoolLock(str(tmp_path)):
        pass


def test_after_kill_9_the_lock_is_free_though_children_live(tmp_path: Path, repo: str) -> None:
    process, child = hold(str(tmp_path), repo)
    with process:
        process.kill()
        process.wait()
        try:
            assert start_ticks(child) is not None
            with PoolLock(str(tmp_path)):
                pass
        finally:
            os.kill(child, signal.SIGKILL)


def test_the_file_is_empty_when_the_lock_is_free(tmp_path: Path) -> None:
    with PoolLock(str(tmp_path)):
        written = json.loads((tmp_path / ".pool.lock").read_text(encoding="utf-8"))
        assert written["pid"] == os.getpid()
        assert written["pid_start"] == start_ticks(os.getpid())
    assert (tmp_path / ".pool.lock").read_bytes() == b""


def test_a_directory_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="lock file cannot be opened"), PoolLock(f"{tmp_path}/no"):
        pass


@pytest.fixture
def no_flock(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_descriptor: int, _how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)


def record(tmp_path: Path, **changed: Any) -> None:
    own = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "pid_start": start_ticks(os.getpid()),
        "boot": boot_id(),
        "since": "2024-01-02 03:04:05 UTC",
    }
    (tmp_path / ".pool.lock").write_text(json.dumps(own | changed), encoding="utf-8")


@pytest.mark.usefixtures("no_flock")
@pytest.mark.parametrize(
    ("changed", "refused"),
    [
        ({}, True),
        ({"pid_start": 1}, False),  # that process is gone, its id used again
        ({"boot": "another"}, False),
        ({"host": "elsewhere", "boot": "another"}, True),  # cannot be asked
    ],
)
def test_without_flock_the_recorded_process_decides(
    tmp_path: Path, changed: dict[str, Any], refused: bool
) -> None:
    record(tmp_path, **changed)
    if refused:
        with pytest.raises(Refusal, match="since 2024-01-02 03:04:05 UTC"), PoolLock(str(tmp_path)):
            pass
    else:
        with PoolLock(str(tmp_path)):
            assert json.loads((tmp_path / ".pool.lock").read_bytes())["pid"] == os.getpid()


@pytest.mark.usefixtures("no_flock")
def test_without_flock_a_free_run_is_taken(tmp_path: Path) -> None:
    for _ in range(2):
        with PoolLock(str(tmp_path)):
            pass


def test_other_errors_of_flock_are_not_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_descriptor: int, _how: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(OSError, match="Input/output"), PoolLock(str(tmp_path)):
        pass
