"""Running one command of the user's (a validator, a merge) with a time-out and without a shell."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from threading import Event

_TAIL_CHARACTERS = 500
_TAIL_BYTES = 8192
_LOOK_S = 0.05
_NOT_FOUND, _NOT_EXECUTABLE, _BY_SIGNAL = 127, 126, 128  # as shells say it


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The exit code (128 + n by signal n, None when time ran out) and the last line printed.

    ``tail`` is the last line that is not blank, of stdout and stderr together, at most 500
    characters; for a command that could not be started it is a sentence that says why.
    """

    code: int | None
    tail: str


def run_command(
    argv: Sequence[str],
    cwd: str,
    env: Mapping[str, str] | None,
    timeout_s: float,
    stop: Event | None = None,
) -> CommandResult:
    """Run a command to its end; its whole process group is killed when time runs out.

    Args:
        argv: program and arguments.
        cwd: working directory.
        env: variables set on top of this process's own; None: no more.
        timeout_s: seconds it may take.
        stop: once it is set, time has run out; for commands that other threads wait for.
    """
    try:
        process = subprocess.Popen(
            argv,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            start_new_session=True,
        )
    except OSError as error:
        return _not_started(argv[0], cwd, error)
    finished = False
    with process:
        try:
            tail, finished = _watch(process, time.monotonic() + timeout_s, stop)
        finally:
            if not finished:  # the time-out, or ^C: a session of its own gets no signal from it
                _kill_group(process.pid)
    if not finished:
        return CommandResult(None, tail)
    code = process.returncode
    return CommandResult(code if code >= 0 else _BY_SIGNAL - code, tail)


def _watch(
    process: subprocess.Popen[bytes], deadline: float, stop: Event | None
) -> tuple[str, bool]:
    """Read until the command ends or the deadline; return the last line and whether it ended.

    The pipe's end is not waited for: a daemon the command left behind may hold it open for ever.
    """
    last = b""
    pipe = process.stdout
    if pipe is None:
        raise ValueError("the command's output is not a pipe")
    os.set_blocking(pipe.fileno(), False)
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            ended = process.poll() is not None
            part = pipe.read(_TAIL_BYTES)
            if part:
                last = _last_bytes(last, part)
            elif ended:
                return _last_line(last), True
            elif part == b"":  # closed, but the command goes on
                time.sleep(min(_LOOK_S, max(0.0, deadline - time.monotonic())))
            else:
                selector.select(min(_LOOK_S, max(0.0, deadline - time.monotonic())))
            if time.monotonic() >= deadline or (stop is not None and stop.is_set()):
                return _last_line(last), ended


def _last_bytes(kept: bytes, part: bytes) -> bytes:
    """Return the end of what was printed so far; blanks at the end do not push a line out."""
    joined = kept + part
    body = joined.rstrip()
    blanks = joined[len(body) :]
    return body[-_TAIL_BYTES:] + (b"\n" if b"\n" in blanks else blanks[:_TAIL_CHARACTERS])


def _last_line(text: bytes) -> str:
    lines = text.decode("utf-8", "replace").split("\n")
    line = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return line[:_TAIL_CHARACTERS]


def _kill_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return


def _not_started(program: str, cwd: str, error: OSError) -> CommandResult:
    if not os.path.isdir(cwd):
        return CommandResult(_NOT_FOUND, f"the directory '{cwd}' does not exist")
    if isinstance(error, FileNotFoundError):
        hint = "" if os.sep in program else " on PATH"
        if os.path.exists(program):
            return CommandResult(_NOT_FOUND, f"the interpreter of '{program}' was not found")
        return CommandResult(_NOT_FOUND, f"the command '{program}' was not found{hint}")
    if isinstance(error, PermissionError):
        return CommandResult(_NOT_EXECUTABLE, f"the command '{program}' may not be executed")
    return CommandResult(
        _NOT_EXECUTABLE, f"the command '{program}' cannot be started: {error.strerror}"
    )
