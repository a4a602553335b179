"""How schedulers and stores are asked about a run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Asking:
    """How a scheduler is asked. What lies in files of the run is read in any case."""

    live: bool = True
    """Ask its commands."""
    sacct_file: str | None = None
    """A listing of SLURM's accounting that somebody saved."""
    stores: bool = True
    """List the destinations of outputs, where there are any."""


SILENT = Asking(live=False, stores=False)
STORES = Asking(live=False)
