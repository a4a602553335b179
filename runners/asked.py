"""Asking a command that may not answer: a scheduler's, whose server may be gone, slow or full."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from threading import Event

_LOOK_S = 0.25
_LONGEST = 300
"""Characters of a command's own words that a message repeats."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered, or why there is no answer; one of the two is None."""

    text: str | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """How a command ended.

    Attributes:
        code: its exit code, -n when signal n ended it; None: not started, or not ended in time.
        out: what it printed; bytes that are not UTF-8 are replaced.
        err: the same of its standard error.
        problem: why there is no code, as a short sentence.
        started: whether it ran at all.
    """

    code: int | None
    out: str = ""
    err: str = ""
    problem: str | None = None
    started: bool = True


def ask(
    argv: Sequence[str],
    timeout_s: float,
    *,
    env: Mapping[str, str] | None = None,
    inherit: Collection[int] = (),
    outlives_us: bool = False,
) -> Asked:
    """Run a command to its end without a shell; when time runs out its whole group is killed.

    Args:
        argv: program and arguments.
        timeout_s: seconds it may take.
        env: all of its environment; None: our own.
        inherit: file descriptors that it gets under the same numbers.
        outlives_us: let it go on when we are interrupted; else it is killed then, too.
    """
    try:
        process = subprocess.Popen(
            argv,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=tuple(inherit),
            start_new_session=True,
        )
    except OSError as error:
        return Asked(None, problem=_not_started(argv[0], error), started=False)
    try:
        raw_out, raw_err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired as late:
        code = process.poll()
        _end(process)
        out, err = _text(late.stdout), _text(late.stderr)
        if code is not None:  # it ended; something it left behind holds the pipes
            return Asked(code, out, err)
        return Asked(None, out, err, f"{argv[0]} did not answer within {timeout_s:g} s")
    except BaseException:
        if not outlives_us:
            _end(process)
        raise
    return Asked(process.returncode, _text(raw_out), _text(raw_err))


def ask_stoppable(argv: Sequence[str], timeout_s: float, stop: Event | None) -> Asked:
    """Do the same in a thread of its own, and give up when ``stop`` is set."""
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        return Asked(None, problem=_not_started(argv[0], error), started=False)
    end = time.monotonic() + timeout_s
    while True:
        try:
            out, err = process.communicate(timeout=min(_LOOK_S, max(0.0, end - time.monotonic())))
        except subprocess.TimeoutExpired as late:
            stopped = stop is not None and stop.is_set()
            if stopped or time.monotonic() >= end:
                _end(process)
                why = "it was stopped" if stopped else f"no answer within {timeout_s:g} s"
                return Asked(None, _text(late.stdout), _text(late.stderr), why)
        except BaseException:
            _end(process)
            raise
        else:
            return Asked(process.returncode, _text(out), _text(err))


def complaint(program: str, asked: Asked) -> str:
    """Return why a command gave no answer, in one short sentence: its own words if it has some.

    SLURM's commands tell the cause first and end with the conclusion, which is what counts here.
    """
    lines = [line.strip() for line in asked.err.splitlines() if line.strip()]
    errors = [line for line in lines if "error:" in line or "fatal:" in line]
    words = _without_prefix((errors[-1:] or lines[:1])[0], program) if lines else ""
    if asked.problem:
        return shortened(f"{asked.problem} (it said: {words})" if errors else asked.problem)
    if words:
        return shortened(f"{program}: {words}")
    if asked.code is not None and asked.code < 0:
        return f"{program} was ended by signal {-asked.code}"
    return f"{program} ended with exit code {asked.code} and said nothing"


def shortened(text: str) -> str:
    """Return a text that fits a message and cannot disturb a terminal."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1] + "…"


def _without_prefix(line: str, program: str) -> str:
    """Cut off what lines of SLURM's commands begin with.

    >>> _without_prefix("sacct: error: Problem talking to the database", "sacct")
    'Problem talking to the database'
    >>> _without_prefix("slurm_load_jobs error: Invalid job id specified", "squeue")
    'Invalid job id specified'
    """
    return re.sub(rf"^({re.escape(program)}: )?((error|fatal): |slurm_\w+( error)?: )?", "", line)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the group and reap its leader; a process that left it may hold the pipes for ever."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode("utf-8", "replace")


def _not_started(program: str, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{program} is not installed here (not on PATH)"
    return f"{program} cannot be started: {error.strerror}"
