"""The schedulers that jobs are submitted to: what they have of a run, and how one more is added."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Protocol

from collectors.condor import read_logs as read_condor_logs
from farmhand.observe_slurm import placed_jobs
from farmhand.submission_journal import Place
from manifest.arrays import Arrays
from manifest.errors import Refusal
from manifest.header import Header, Submission
from manifest.layout import parse_ranges
from renderer import htcondor, slurm
from renderer.submission import submission_folder
from runners import condor, condor_submit, sbatch
from runners.sbatch import Submitted


@dataclass(frozen=True, slots=True)
class Script:
    """One file to submit."""

    place: Place
    command: str
    path: str
    shards: Collection[int]


@dataclass(frozen=True, slots=True)
class Placed:
    """What a scheduler and the records have of a run."""

    places: frozenset[Place]
    """Of every job that is or was."""
    accounting: bool
    """Whether the past was told, too."""


class Queue(Protocol):
    """A scheduler that takes jobs."""

    def placed(self, run: str, header: Header) -> Placed:
        """Return what it has; raises Refusal when it does not answer."""

    def scripts(self, run: str, submission: Submission, mode: str | None) -> Iterator[Script]:
        """Yield the files of a submission."""

    def written_for(self, path: str) -> str | None:
        """Return the run that a file was rendered for; None: it does not say."""

    def submit(self, path: str, lock: int) -> Submitted:
        """Submit one file; the command inherits the lock."""


class SlurmQueue:
    """SLURM: one script for each array."""

    def placed(self, run: str, header: Header) -> Placed:
        """Ask squeue and sacct by the name of the jobs."""
        places, accounting = placed_jobs(run, header)
        return Placed(places, accounting)

    def scripts(self, run: str, submission: Submission, mode: str | None) -> Iterator[Script]:
        """Yield one script a part."""
        del mode
        arrays = Arrays(submission.shards, submission.shards_per_job, submission.arrays)
        for part in range(len(arrays.sizes)):
            path = slurm.script_path(run, submission.id, part, len(arrays.sizes))
            members = [shard for element in arrays.elements(part) for shard in element]
            yield Script((submission.id, part), "sbatch", path, members)

    def written_for(self, path: str) -> str | None:
        """Return the directory that the script starts its jobs in."""
        return slurm.written_for(path)

    def submit(self, path: str, lock: int) -> Submitted:
        """Run sbatch."""
        return sbatch.submit(path, lock)


class HtcondorQueue:
    """HTCondor: one cluster for each submission; it is queued whole, or not at all."""

    def placed(self, run: str, header: Header) -> Placed:
        """Read the event logs, then ask the schedd for what is not in them yet."""
        numbers = [s.id for s in header.submissions if s.scheduler == "htcondor"]
        known = {number for number, log in read_condor_logs(run, header).items() if log.jobs}
        for number in numbers:
            if number in known:
                continue
            name = f"{header.run_uuid}.{number}"
            for ask in (condor.queue, condor.history):
                answer = ask([name])
                if answer.text is None:
                    raise Refusal(
                        str(answer.problem),
                        where=run,
                        hint="nothing was submitted; type the same again when HTCondor answers",
                    )
                if any(True for _ in condor.read_queue(answer.text)):
                    known.add(number)
                    break
        return Placed(frozenset((number, 0) for number in known), accounting=True)

    def scripts(self, run: str, submission: Submission, mode: str | None) -> Iterator[Script]:
        """Yield the submit file of the mode that is wanted.

        Raises:
            Refusal: that file could not be written when this was rendered.
        """
        chosen = mode or submission.mode or "shared"
        name = htcondor.TRANSFER if chosen == "transfer" else htcondor.SHARED
        path = os.path.join(run, submission_folder(submission.id), name)
        if not os.path.exists(path):
            raise Refusal(
                f"there is no {name}: something of this run cannot be sent to workers",
                where=os.path.dirname(path),
                hint="render says what; inputs need paths relative to the spec",
            )
        yield Script(
            (submission.id, 0), "condor_submit", path, list(parse_ranges(submission.shards))
        )

    def written_for(self, path: str) -> str | None:
        """Return the directory that the event log lies in the logs/ of."""
        return htcondor.written_for(path)

    def submit(self, path: str, lock: int) -> Submitted:
        """Run condor_submit."""
        return condor_submit.submit(path, lock)


QUEUES: dict[str, Queue] = {"slurm": SlurmQueue(), "htcondor": HtcondorQueue()}
