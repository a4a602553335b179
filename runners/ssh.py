"""The system's ssh: asking a host something, whatever its login shell says or is.

A script reaches the host as one word of ASCII letters, so that it does not matter whether the login
shell is bash, csh or fish. What it prints stands between two lines that nobody else prints: before
them a login shell may say what it likes.
"""

from __future__ import annotations

import base64
import secrets
import shlex
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Self

from runners.asked import Asked, ask_stoppable, shortened

if TYPE_CHECKING:
    from threading import Event
    from types import TracebackType

    from manifest.hosts import Host
    from manifest.ssh_section import Remote

CONNECT_S = 15
_AT_ONCE = 32
_DROP_S = 5.0
_SHARED_UP_TO = 64
_LOST = 255
"""What ssh(1) exits with when the connection failed."""
_FINAL = {
    "Host key verification failed": "its key is unknown, or not the known one: log in once by hand "
    "(ssh {host}) and compare it",
    "REMOTE HOST IDENTIFICATION HAS CHANGED": "its key is not the known one: find out why, then "
    "ssh-keygen -R",
    "Permission denied": "no key or ticket is accepted: try ssh -o BatchMode=yes {host}",
    "Could not resolve hostname": "is the name spelled right?",
    "no such identity": "see remote.key of the site profile, or ssh.key",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What a host answered, or why it did not; one of the two is None."""

    lines: tuple[str, ...] | None
    problem: str | None = None
    final: bool = False
    """Asking again would change nothing."""


class Ssh:
    """Connections to hosts, each opened once and shared by all that is said to the host.

    At most 32 clients run at a time. Connections stay open (ControlMaster of ssh_config(5)) while
    there are up to 64 hosts; their sockets lie in a directory with a short name, for the path of a
    socket has at most 107 bytes (unix(7)).
    """

    def __init__(self, remote: Remote, hosts: int) -> None:
        """Prepare to talk to so many hosts."""
        self._remote = remote
        self._clients = threading.BoundedSemaphore(_AT_ONCE)
        self._sockets: str | None = None
        if hosts <= _SHARED_UP_TO:
            self._sockets = tempfile.mkdtemp(prefix="fh-", dir="/tmp")
        self._used: set[Host] = set()

    def __enter__(self) -> Self:
        """Open nothing yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        if self._sockets is None:
            return
        closing = [
            subprocess.Popen(
                [*self._options(host), "-O", "exit", host.name],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for host in self._used
        ]
        end = time.monotonic() + CONNECT_S
        for process in closing:
            try:
                process.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self._sockets, ignore_errors=True)

    def drop(self, host: Host) -> None:
        """Close the connection to a host, however it is."""
        if self._sockets is not None:
            ask_stoppable([*self._options(host), "-O", "exit", host.name], _DROP_S, None)

    def client(self) -> threading.BoundedSemaphore:
        """Return what has to be held while a client runs."""
        return self._clients

    def argv(self, host: Host, script: str) -> list[str]:
        """Return the call of ssh that runs a POSIX shell script on a host."""
        self._used.add(host)
        text = base64.b64encode(script.encode("utf-8", "surrogateescape")).decode()
        command = f"exec sh -c 'eval \"$(printf %s {text} | base64 -d)\"'"
        return [*self._options(host), host.name, command]

    def ask(self, host: Host, script: str, timeout_s: float, *, stop: Event | None = None) -> Reply:
        """Run a script on a host; return the lines that it printed.

        Args:
            host: where.
            script: what.
            timeout_s: seconds it may take in all.
            stop: give up when it is set.
        """
        mark = new_mark()
        with self._clients:
            asked = ask_stoppable(self.argv(host, framed(script, mark)), timeout_s, stop)
        lines = asked.out.split("\n")
        if mark in lines:
            rest = lines[lines.index(mark) + 1 :]
            if f"{mark}.end" in rest:
                said = rest[: rest.index(f"{mark}.end")]
                return Reply(tuple(said[:-1] if said[-1:] == [""] else said))
        return unanswered(host, asked)

    def _options(self, host: Host) -> list[str]:
        words = ["ssh", "-T", "-x", "-oBatchMode=yes", f"-oConnectTimeout={CONNECT_S}"]
        words += ["-oServerAliveInterval=15", "-oServerAliveCountMax=3", "-oLogLevel=ERROR"]
        words += ["-oClearAllForwardings=yes"]
        if self._sockets is not None:
            words += ["-oControlMaster=auto", f"-oControlPath={self._sockets}/%C"]
            words += ["-oControlPersist=60"]
        words += ["-F", self._remote.config] if self._remote.config else []
        words += ["-i", self._remote.key] if self._remote.key else []
        words += ["-l", host.user] if host.user else []
        words += ["-p", str(host.port)] if host.port else []
        return words


def new_mark() -> str:
    """Return a line that nobody else prints."""
    return f"farmhand-{secrets.token_hex(8)}"


def framed(script: str, mark: str) -> str:
    """Return a script that prints the mark before and another one after what it says itself."""
    return f"printf '\\n%s\\n' {mark}\n(\n{script}\n)\nprintf '\\n%s\\n' {mark}.end\n"


def script_text(name: str, given: Mapping[str, str]) -> str:
    """Return a script of the templates room with the variables that it is given."""
    body = resources.files("templates").joinpath(name).read_text(encoding="utf-8")
    return "".join(f"{key}={shlex.quote(value)}\n" for key, value in given.items()) + body


def unanswered(host: Host, asked: Asked) -> Reply:
    """Return why a host did not answer."""
    said = " ".join(line.strip() for line in asked.err.splitlines() if line.strip())
    if asked.problem is not None:
        return Reply(None, shortened(asked.problem))
    for words, hint in _FINAL.items():
        if asked.code == _LOST and words in said:
            line = next((each for each in asked.err.splitlines() if words in each), words)
            text = f"{line.strip().rstrip('.')}: {hint.format(host=host.name)}"
            return Reply(None, shortened(text), final=True)
    if asked.code == _LOST:
        return Reply(None, shortened(said.removeprefix("ssh: ") or "the connection was lost"))
    printed = said or " ".join(asked.out.split())
    text = f"its login shell did not run what it was told (exit code {asked.code})"
    return Reply(None, shortened(f"{text}: {printed}" if printed else text))
