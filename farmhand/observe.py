"""What the schedulers of a run say about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from collectors.observation import Observed
from collectors.ssh_journal import observed_by_ssh
from farmhand.asking import Asking
from farmhand.observe_htcondor import observe_htcondor
from farmhand.observe_lsf import observe_lsf
from farmhand.observe_slurm import observe_slurm
from farmhand.talk import warn
from manifest.header import Header


class Kept(Protocol):
    """What was read of files that schedulers write."""

    def keep(self) -> None:
        """Keep it, so that only what is new is read next time."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What the schedulers said, one item for each of them."""

    observed: tuple[Observed, ...] = ()
    logs: tuple[Kept, ...] = ()

    def keep(self) -> None:
        """Keep what was read of logs, so that only what is new is read next time."""
        for log in self.logs:
            log.keep()


def observe(run: str, header: Header, asking: Asking) -> Answers:
    """Ask every scheduler of a run, and say what was not answered.

    Raises:
        UserError: a saved listing cannot be read.
    """
    schedulers = {submission.scheduler for submission in header.submissions}
    observed: list[Observed] = []
    logs: tuple[Kept, ...] = ()
    if "slurm" in schedulers:
        said = observe_slurm(run, header, asking)
        observed += [] if said is None else [said]
    if "htcondor" in schedulers:
        told, read = observe_htcondor(run, header, asking)
        observed.append(told)
        logs += read
    if "lsf" in schedulers:
        told, reports = observe_lsf(run, header, asking)
        observed.append(told)
        logs += reports
    if "ssh" in schedulers:
        observed.append(observed_by_ssh(run))
    for one in observed:
        for note in one.notes:
            warn(note)
    return Answers(tuple(observed), logs)
