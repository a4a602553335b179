"""Finding and reading a sweep, and the directories of its runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import typer

from farmhand.talk import short_path
from manifest.errors import UserError
from manifest.layout import MANIFEST, is_run
from manifest.sweep import SUFFIX, Sweep, SweepRun, parse_sweep

SweepArgument = Annotated[
    str,
    typer.Argument(
        metavar="FILE", help="The sweep file, or the directory of its runs.", show_default=False
    ),
]


@dataclass(frozen=True, slots=True)
class Opened:
    """A sweep, and where it lies."""

    path: str
    """Absolute path of the sweep file."""
    sweep: Sweep

    @property
    def folder(self) -> str:
        """Return the directory that holds the runs."""
        return os.path.join(os.path.dirname(self.path), self.sweep.sweep_id)

    @property
    def shown(self) -> str:
        """Return the sweep file's path for people."""
        return short_path(self.path)

    def run(self, one: SweepRun) -> str:
        """Return the directory of a run."""
        return os.path.join(os.path.dirname(self.path), one.run)

    def manifests(self) -> Iterator[tuple[SweepRun, str, str]]:
        """Yield each run with its directory and its manifest.

        Raises:
            UserError: a run is not there.
        """
        for one in self.sweep.runs:
            folder = self.run(one)
            if not is_run(folder):
                raise UserError(
                    "a run of this sweep is not there",
                    where=short_path(folder),
                    hint=f"put it back beside {self.shown}, or render the sweep again",
                )
            yield one, folder, os.path.join(folder, MANIFEST)


def open_sweep(given: str) -> Opened:
    """Read the sweep that a command line means.

    Raises:
        UserError: there is none, or it cannot be read.
    """
    path = os.path.abspath(given)
    if os.path.isdir(path):
        path += SUFFIX
    try:
        with open(path, "rb") as stream:
            data = stream.read()
    except OSError as error:
        raise UserError(
            f"the sweep file cannot be read: {error.strerror}",
            where=path,
            hint=f"name the {SUFFIX[1:]} file that farmhand sweep render wrote",
        ) from error
    return Opened(path, parse_sweep(data, path))
