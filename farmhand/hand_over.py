"""Handing chunks to the batch command, one after the other, each with a line of its own."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Annotated

import typer

from farmhand.chunk_journal import write_chunk
from farmhand.talk import give, say, some
from manifest.errors import Refusal, UserError
from manifest.header import Header
from manifest.layout import is_nested
from manifest.units import parse_duration
from renderer.submission import own_script_folder
from runners.batch_command import SCRIPT, BatchAnswer, run_batch

BatchOption = Annotated[
    str | None,
    typer.Option(
        "-b",
        "--batch",
        metavar="COMMAND",
        help="Run this by /bin/sh in each chunk's directory, batchScript.sh on its stdin: "
        "'bsub -q 1nh', 'nohup ./batchScript.sh &'.",
    ),
]
TimeoutOption = Annotated[
    str,
    typer.Option("--timeout", metavar="TIME", help="How long -b may take for one chunk."),
]
TIMEOUT = "2m"
_HOPELESS = 3
"""So many chunks in a row that fail for the command's own sake: the others will not fare better."""
_WIDEST = 40


@dataclass(frozen=True, slots=True)
class Batch:
    """The command that the user gave with -b."""

    command: str
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk as one submission has it."""

    shard: int
    name: str
    submission: int
    folder: str
    """Where its batchScript.sh lies."""


@dataclass(slots=True)
class Outcome:
    """What became of the chunks."""

    answers: list[tuple[Chunk, BatchAnswer]] = field(default_factory=list)
    left: list[Chunk] = field(default_factory=list)
    """Those that it did not come to."""
    interrupted: bool = False

    def of(self, outcome: str) -> list[Chunk]:
        """Return the chunks with this outcome."""
        return [chunk for chunk, answer in self.answers if answer.outcome == outcome]


def read_batch(command: str, timeout: str) -> Batch:
    """Return the batch command with its time-out.

    Raises:
        UserError: there is no command, or no time.
    """
    if not command.strip():
        raise UserError("-b: the command is empty", hint="write for example -b 'bsub -q 1nh'")
    try:
        seconds = parse_duration(timeout)
    except ValueError as error:
        raise UserError(f"--timeout: {error}") from error
    if seconds <= 0:
        raise UserError("--timeout: no command answers in no time", hint="write for example 2m")
    return Batch(command, seconds)


def chunk_of(header: Header, run: str, shard: int, name: str, submission: int) -> Chunk:
    """Return a chunk with its directory."""
    nested = is_nested(header.shards)
    place = own_script_folder(submission, header.rendered, shard, name, nested=nested)
    return Chunk(shard, name, submission, os.path.join(run, place))


def shown(chunk: Chunk, batch: Batch) -> str:
    """Return the line that does by hand what handing this chunk over does."""
    call = f"/bin/sh -c {shlex.quote(batch.command)} <{SCRIPT}"
    return f"(cd {shlex.quote(chunk.folder)} && {call})"


def hand_over(run: str, chunks: Sequence[Chunk], batch: Batch, *, quiet: bool = False) -> Outcome:
    """Hand chunks to the batch command, whatever becomes of each; ^C stops after the running one.

    The journal has a line before each and one after it. ``quiet``: no lines on stdout.
    """
    outcome = Outcome()
    width = min(_WIDEST, max((len(chunk.name) for chunk in chunks), default=0))
    hopeless = 0
    with _stopping() as stopped:
        for number, chunk in enumerate(chunks):
            if stopped or hopeless >= _HOPELESS:
                outcome.left += chunks[number:]
                break
            answer = _hand_one(run, chunk, batch)
            outcome.answers.append((chunk, answer))
            hopeless = hopeless + 1 if answer.hopeless else 0
            if not quiet:
                _tell(chunk, answer, width)
        outcome.interrupted = bool(stopped)
    return outcome


def _hand_one(run: str, chunk: Chunk, batch: Batch) -> BatchAnswer:
    write_chunk(run, chunk.submission, "about to", chunk.shard, batch.command)
    answer = run_batch(batch.command, chunk.folder, batch.timeout_s)
    write_chunk(
        run,
        chunk.submission,
        "no answer" if answer.outcome == "doubtful" else answer.outcome,
        chunk.shard,
        batch.command,
        job=answer.job,
        code=answer.code,
        text=answer.text,
    )
    return answer


def _tell(chunk: Chunk, answer: BatchAnswer, width: int) -> None:
    line = f"{chunk.name:<{width}}  {answer.outcome:<9}  {answer.job or '-'}"
    give(line if answer.outcome == "submitted" else f"{line}  {answer.text}")
    sys.stdout.flush()  # each may take a while


@contextlib.contextmanager
def _stopping() -> Iterator[list[int]]:
    """Note the first ^C (or TERM, or HUP) and let what runs come to its end; the second counts."""
    noted: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        if noted:
            raise KeyboardInterrupt
        noted.append(number)
        say("stopping when the running command has answered; once more: at once")

    old = {
        number: signal.signal(number, note)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) not in (signal.SIG_IGN, None)
    }
    try:
        yield noted
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def conclude(outcome: Outcome, doubtful: Sequence[str], *, run: str, batch: Batch) -> None:
    """Say how it went.

    Args:
        outcome: of what was handed over.
        doubtful: names of chunks that were not, since they may have been submitted before.
        run: as the person would write it.
        batch: the command.

    Raises:
        Refusal: not every chunk was submitted.
        KeyboardInterrupt: the person stopped it.
    """
    done, refused = outcome.of("submitted"), outcome.of("refused")
    count = f"{len(done)} chunk{'s' * (len(done) != 1)} submitted"
    unnamed = sum(a.job is None and a.outcome == "submitted" for _, a in outcome.answers)
    if unnamed:
        count += f" ({unnamed} without a job id in the answer)"
    say(f"{count}. Later: farmhand check {run}")
    if outcome.interrupted:
        say(f"stopped; {len(outcome.left)} left, which the same line submits")
        raise KeyboardInterrupt
    unsure = [*doubtful, *(chunk.name for chunk in outcome.of("doubtful"))]
    parts = []
    if refused:
        parts.append(f"{len(refused)} refused ({some([chunk.name for chunk in refused])})")
    if unsure:
        parts.append(f"{len(unsure)} doubtful ({some(unsure)})")
    if outcome.left:
        parts.append(f"{len(outcome.left)} not tried, for the command itself does not work")
    if not parts:
        return
    again = f"farmhand submit {run} -b {shlex.quote(batch.command)}"
    hints = []
    if refused or outcome.left:
        hints.append(f"mend what the command says, then: {again}")
    if unsure:
        hints.append(
            "doubtful ones may have been submitted: look for their jobs; if they are not there: "
            f"{again} --doubtful"
        )
    raise Refusal(f"not submitted: {', '.join(parts)}", where=run, hint="\n         ".join(hints))
