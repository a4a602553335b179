"""What a scheduler's renderer is given and what it gives back."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from manifest.header import Submission
from manifest.layout import shard_dir
from manifest.lsf_section import LsfHabits
from manifest.resources import Resources
from manifest.spec import Spec


def submission_folder(number: int) -> str:
    """Return where scripts lie, relative to the run: the run itself, or resubmit-<k>."""
    return "" if number == 1 else f"resubmit-{number}"


def own_script_folder(
    submission: int, rendered: int, index: int, name: str, *, nested: bool
) -> str:
    """Return the directory of a shard's own script, relative to the run.

    The render may make several submissions (ADR 2); they share no shard, so each shard has its
    first script at ``shards/<name>``. ``rendered`` is the number of the render's submissions.
    """
    place = shard_dir(index, name, nested=nested)
    return place if submission <= rendered else os.path.join(submission_folder(submission), place)


@dataclass(frozen=True, slots=True)
class Target:
    """A submission on its way to disk."""

    run: str
    """Absolute path that the run will have; this is what scripts contain."""
    root: str
    """Where to write now: the run, or the directory in which it is being made."""
    run_id: str
    plan_id: str
    submission: Submission
    resources: Resources
    shards: Iterable[tuple[int, str]]
    """(index, name) of the shards, in order; read once."""
    nested: bool
    spec: Spec
    first: bool = False
    """Whether the render writes it, not a resubmission."""
    largest_array: int = 0
    """Elements that one job array may have, where the scheduler has such things."""
    exclude: tuple[str, ...] = ()
    """Nodes to keep away from, beside those that the spec names."""
    run_uuid: str = ""
    mode: str | None = None
    """Which of a scheduler's several ways the user asked for."""
    lsf: LsfHabits = field(default_factory=LsfHabits)
    """How the site has set up LSF, where that is the scheduler."""

    @property
    def folder(self) -> str:
        """Return the scripts' directory relative to the run."""
        return submission_folder(self.submission.id)

    @property
    def own_cpus(self) -> str:
        """Return what tells the payload of cores that are not the spec's own, before its name.

        The payload is one for the run; points and components may ask for cores of their own.
        """
        mine = self.resources.cpus or 1
        return "" if mine == (self.spec.resources.cpus or 1) else f"fh_cpus={mine} "

    def has(self, name: str) -> bool:
        """Say whether the run has a file or directory of this name."""
        return os.path.lexists(os.path.join(self.root, name))

    def shard_folder(self, index: int, name: str) -> str:
        """Return the directory of a shard's own script, relative to the run."""
        rendered = self.submission.id if self.first else 0
        number = self.submission.id
        return own_script_folder(number, rendered, index, name, nested=self.nested)

    @property
    def own_scripts(self) -> str:
        """Return the directory in which the directories of shards' own scripts are."""
        return "shards" if self.first else os.path.join(self.folder, "shards")


@dataclass(frozen=True, slots=True)
class Written:
    """What to type next, and what to say about it."""

    commands: tuple[str, ...]
    notes: tuple[str, ...] = ()


class SchedulerModule(Protocol):
    """A module that renders for one scheduler; CONTRIBUTING.md shows how to add one."""

    def render(self, target: Target) -> Written:
        """Write the scripts of a submission."""
