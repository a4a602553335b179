"""Daemons that outlive whoever started them, known by pid and start time, so that a stop never
meets a stranger who was given the same number.

A daemon is started in a session of its own and recorded in ``<records>/<name>.json``; any later
process can ask for it and stop it by that record.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# Below the range from which Linux gives outgoing connections their ports
# (/proc/sys/net/ipv4/ip_local_port_range), so that none is taken between the choice and its use.
PORTS = range(12_000, 32_000)


class ClusterError(Exception):
    """A cluster that cannot be used; the message says what to do."""


def poll(condition: Callable[[], object], what: str, seconds: float) -> None:
    """Wait until the condition holds; a ClusterError says what did not come true."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise ClusterError(f"waited {seconds:g} s for {what}")
        time.sleep(0.05)


def free_ports(number: int) -> list[int]:
    """Ports of the loopback address that nobody listens on."""
    found: list[int] = []
    while len(found) < number:
        port = random.choice(PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in found:
                found.append(port)
    return found


def start_time(pid: int) -> int | None:
    """Field 22 of proc(5) stat; None for a process that is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in {"Z", "X"} else int(fields[19])


@dataclass(frozen=True)
class Daemons:
    """The daemons recorded in one directory."""

    records: Path
    logs: Path

    def names(self) -> list[str]:
        return sorted(path.stem for path in self.records.glob("*.json"))

    def pid(self, name: str) -> int | None:
        """The pid of a daemon that runs."""
        try:
            record = json.loads((self.records / f"{name}.json").read_bytes())
        except (FileNotFoundError, ValueError):  # never started, or killed while it was written
            return None
        pid: int = record["pid"]
        started = start_time(pid)
        return pid if started is not None and started == record["start"] else None

    def start(self, name: str, argv: Sequence[str], env: Mapping[str, str]) -> int:
        """Start a daemon that stays in the foreground; its words go to ``<logs>/<name>.out``."""
        if self.pid(name) is not None:
            raise ClusterError(f"{name} runs already: {self.records}/{name}.json")
        self.records.mkdir(parents=True, exist_ok=True)
        self.logs.mkdir(parents=True, exist_ok=True)
        appending = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        # Not subprocess: a Popen that is let go complains that its process still runs.
        pid = os.posix_spawn(
            argv[0],
            list(argv),
            dict(env),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(self.logs / f"{name}.out"), appending, 0o644),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
        )
        record = {"pid": pid, "start": start_time(pid), "argv": list(argv)}
        (self.records / f"{name}.json").write_text(json.dumps(record), encoding="utf-8")
        return pid

    def stop(self, name: str, seconds: float = 15.0) -> bool:
        """Ask a daemon to end, insist after a while; False when it did not run."""
        pid = self.pid(name)
        if pid is not None:
            end_process(pid, seconds)
        (self.records / f"{name}.json").unlink(missing_ok=True)
        return pid is not None

    def need(self, name: str, answers: Callable[[], object], seconds: float = 30.0) -> None:
        """Wait until a daemon answers; one that has ended says why in its log."""

        def settled() -> bool:
            return bool(answers()) or self.pid(name) is None

        try:
            poll(settled, f"{name} to answer", seconds)
        except ClusterError as error:
            raise ClusterError(f"{error}\n{self.tail(name)}") from None
        if self.pid(name) is None:
            raise ClusterError(f"{name} ended at once\n{self.tail(name)}")

    def tail(self, name: str) -> str:
        """The last words of a daemon."""
        path = self.logs / f"{name}.out"
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-12:]
        return "\n".join([f"{path} ends:", *lines])


def end_process(pid: int, seconds: float) -> None:
    """TERM, and KILL when that did not help."""
    known = start_time(pid)

    def gone() -> bool:
        with contextlib.suppress(ChildProcessError):  # not ours to reap
            os.waitpid(pid, os.WNOHANG)
        return start_time(pid) != known

    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        with contextlib.suppress(ClusterError):
            poll(gone, f"process {pid} to end", seconds)
            return
    raise ClusterError(f"process {pid} survived SIGKILL")
