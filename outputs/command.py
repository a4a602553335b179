"""A result that somebody else's tool makes: hadd, a script, anything with inputs and an output."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

from manifest.errors import Refusal, UserError
from manifest.units import format_bytes
from outputs.job import MergeReport, reading
from outputs.read_back import check_result
from outputs.sidecar import publish_with_sidecar
from outputs.staged import StagedFile

if TYPE_CHECKING:
    from threading import Event

    from outputs.job import MergeJob

INPUTS, LIST, OUTPUT = "{{ merge.inputs }}", "{{ merge.list }}", "{{ merge.output }}"
ARGUMENT_SPACE = 1 << 20
"""Bytes of all arguments together; Linux gives at least 2 MB, shared with the environment."""


class RunCommand(Protocol):
    """Starts a process and waits for it, with a time limit; lives in the runners."""

    def __call__(
        self, arguments: list[str], stop: Event | None = None, folder: str | None = None
    ) -> tuple[int, str]:
        """Return the exit code (128+n for signal n) and the tail of what it printed.

        Once ``stop`` is set, the command is ended. It runs in ``folder``, when that is given.
        """


def merge(job: MergeJob) -> MergeReport:
    """Run the command; it writes a temporary name that becomes the result when all is well.

    Raises:
        Refusal: the command failed, wrote nothing, or its result does not pass ``merge.check``.
        UserError: nobody can run commands here, too many inputs for one command line, or the
            result cannot be written.
    """
    if job.run_command is None:
        raise UserError("merge kind command needs somebody who starts processes")
    parts = []
    for source in job.sources:
        with reading(source):
            parts.append({"bytes": os.stat(source.path).st_size})
    list_path = job.target + ".inputs"
    with StagedFile(job.target) as result, StagedFile(list_path) as listing:
        result.finish()
        os.unlink(result.path)  # the command makes it: hadd refuses a file that exists
        for source in job.sources:
            listing.write(os.fsencode(source.path) + b"\n")
        arguments = expand(job, result.path, listing.finish())
        _run(job, arguments)
        size = _size_of(job, result.path, arguments)
        check_result(job, result.path, sum(source.facts.size for source in job.sources))
        outputs = [{"path": os.path.basename(job.target), "bytes": size}]
        sidecar = publish_with_sidecar(job, result, parts, outputs)
    table = [("command", arguments[0]), ("size", format_bytes(size))]
    return MergeReport("command", (job.target,), len(job.sources), None, table, sidecar=sidecar)


def expand(job: MergeJob, output: str, listing: str) -> list[str]:
    """Return the argument list with the three words of ``merge.command`` filled in.

    Raises:
        UserError: the inputs do not fit on a command line.
    """
    arguments: list[str] = []
    for word in job.spec.command:
        if word == INPUTS:
            arguments.extend(source.path for source in job.sources)
        else:
            arguments.append({LIST: listing, OUTPUT: output}.get(word, word))
    if sum(len(os.fsencode(word)) + 9 for word in arguments) > ARGUMENT_SPACE:
        raise UserError(
            f"{len(job.sources)} inputs are too many for one command line",
            where="merge.command",
            hint=f"give the command the file with one path a line: {LIST}",
        )
    return arguments


def _run(job: MergeJob, arguments: list[str]) -> None:
    if job.run_command is None:
        return
    code, tail = job.run_command(arguments)
    if code == 0:
        return
    said = f": {tail.strip().splitlines()[-1][:200]}" if tail.strip() else ""
    raise Refusal(
        f"not merged: {arguments[0]} ended with exit code {code}{said}",
        where=job.target,
        hint="run merge.command by hand on two of the accepted outputs",
    )


def _size_of(job: MergeJob, path: str, arguments: list[str]) -> int:
    try:
        size = os.stat(path).st_size
        with open(path, "rb") as file:
            os.fsync(file.fileno())
    except OSError as error:
        raise Refusal(
            f"not merged: {arguments[0]} ended with exit code 0 but wrote no output",
            where=job.target,
            hint=f"merge.command must write to the word {OUTPUT}",
        ) from error
    if size == 0 and all(os.stat(source.path).st_size for source in job.sources):
        raise Refusal(
            f"not merged: {arguments[0]} ended with exit code 0 but its output is empty",
            where=job.target,
        )
    return size
