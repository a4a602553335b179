"""The batch command that a user types: the only text that a shell of ours ever sees.

It is run in one chunk's directory with the chunk's script on standard input. Its output goes to
files, not to pipes: a job that it leaves in the background would hold a pipe open till its end.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Literal

from runners.asked import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = "batchScript.sh"
_READ_BYTES = 1 << 16
_KILL_AFTER_S = 10.0
_SIGNALLED = range(129, 193)  # 128 + n, as a shell says it
_CANNOT_RUN = (126, 127)  # the shell's own codes for what it cannot execute, or find
_PHRASES = (
    re.compile(r"\bJob <(\d{1,18})> is submitted"),  # bsub
    re.compile(r"\bSubmitted batch job (\d{1,18})\b"),  # sbatch
    re.compile(r"\bsubmitted to cluster (\d{1,18})\b"),  # condor_submit
    re.compile(r"^(\d{1,18})\.\d+ - \d+\.\d+$"),  # condor_submit -terse
    re.compile(r"\bYour job(?:-array)? (\d{1,18})\b"),  # qsub of Grid Engine
)
# A line that is nothing else: sbatch --parsable (with its cluster), qsub of PBS, a pid.
_BARE = re.compile(r"^(\d{1,18})(?:;[\w.-]+|(?:\[\])?\.[A-Za-z][\w.-]*)?$", re.ASCII)
_CHATTER = re.compile(r"^nohup: |please wait", re.IGNORECASE)

Outcome = Literal["submitted", "refused", "doubtful"]


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """What the batch command made of one chunk.

    Attributes:
        outcome: submitted; refused; doubtful: it may have been submitted, nobody said.
        job: the id it named, if it named one.
        code: its exit code, -n when signal n ended it; None: it did not end in time.
        text: the line of what it said that says most.
        hopeless: the command itself is at fault, so that other chunks will fare the same.
    """

    outcome: Outcome
    job: str | None
    code: int | None
    text: str
    hopeless: bool = False


def run_batch(command: str, folder: str, timeout_s: float) -> BatchAnswer:
    """Run the command in a chunk's directory, and wait for its shell only.

    In a session of its own: what it leaves in the background outlives us, and a ^C meant for us
    does not end a submission in its middle.
    """
    try:
        script = open(os.path.join(folder, SCRIPT), "rb")  # noqa: SIM115 (closed below)
    except OSError as error:
        return BatchAnswer("refused", None, None, f"no {SCRIPT} here: {error.strerror}")
    with script, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            cwd=folder,
            stdin=script,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        code: int | None = None
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            _end(process)
        return judge(code, _head(out), _head(err), timeout_s)


def judge(code: int | None, out: str, err: str, timeout_s: float = 0.0) -> BatchAnswer:
    """Return what became of a submission by its exit code and what was said.

    A job that was named in so many words is there, whatever the exit code.

    >>> judge(0, "Job <17> is submitted to queue <1nh>.", "").job
    '17'
    >>> judge(255, "", "1nx: No such queue. Job not submitted.").outcome
    'refused'
    """
    said = [*_lines(out), *_lines(err)]
    named = next(_named(said), None)
    if named is not None:
        return BatchAnswer("submitted", named[0], code, shortened(named[1]))
    first = next(iter([*_lines(err), *_lines(out)] if code else said), "")
    if code is None:
        late = f"no answer within {timeout_s:g} s"
        first = first or " ".join((out + err).split())
        text = shortened(f"{late}; it said: {first}" if first else late)
        return BatchAnswer("doubtful", None, None, text, hopeless=True)
    if code == 0:
        bare = next((match[0] for line in said if (match := _BARE.match(line))), None)
        return BatchAnswer("submitted", bare, code, shortened(bare or first))
    number = -code if code < 0 else code - 128 if code in _SIGNALLED else 0
    how = f"ended by signal {number}" if number else f"exit code {code}"
    text = shortened(f"{how}: {first}" if first else f"{how}, and it said nothing")
    if number:
        return BatchAnswer("doubtful", None, code, text)
    return BatchAnswer("refused", None, code, text, hopeless=code in _CANNOT_RUN)


def _named(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        for phrase in _PHRASES:
            match = phrase.search(line)
            if match:
                yield match[1], line


def _lines(text: str) -> list[str]:
    stripped = (line.strip() for line in text.splitlines())
    return [line for line in stripped if line and not _CHATTER.search(line)]


def _head(stream: IO[bytes]) -> str:
    """Return how the output begins; the place where the job goes on writing is not moved."""
    return os.pread(stream.fileno(), _READ_BYTES, 0).decode("utf-8", "replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_KILL_AFTER_S)
            return
    process.wait()
