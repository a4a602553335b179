"""What a merge of a run is asked, and what comes of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any

from collectors.run_facts import RunFacts
from manifest.checks import MergeSpec
from manifest.store import Manifest
from outputs.facts import Source
from runners.command import run_command

_TIMEOUT_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Request:
    """A merge of a run."""

    facts: RunFacts
    manifest: Manifest
    spec: MergeSpec
    out: str | None
    """Absolute path of the result, when it was given."""
    allow_partial: bool
    dry_run: bool

    @property
    def ids(self) -> dict[str, str]:
        """Return what tells of the run in a result's provenance."""
        header = self.manifest.header
        return {"run_id": header.run_id, "plan_id": header.plan_id}

    def start(
        self, arguments: list[str], stop: Event | None = None, folder: str | None = None
    ) -> tuple[int, str]:
        """Run a command in the run's directory; return its exit code and its last line."""
        return _start(arguments, folder or self.facts.run, stop)


def start_here(
    arguments: list[str], stop: Event | None = None, folder: str | None = None
) -> tuple[int, str]:
    """Run a command in the current directory; return its exit code and its last line."""
    return _start(arguments, folder or os.getcwd(), stop)


def _start(arguments: list[str], folder: str, stop: Event | None) -> tuple[int, str]:
    result = run_command(arguments, folder, None, _TIMEOUT_S, stop)
    return (124, "it took longer than a day") if result.code is None else (result.code, result.tail)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was merged, or would be (``--dry-run``)."""

    lines: Sequence[str]
    """For a person."""
    data: Any
    """For ``--json``."""
    used: Sequence[tuple[str, Sequence[Source]]] = ()
    """Name of each result -> the files whose content is in it."""
    warnings: Sequence[str] = ()
    passed: bool = True
    """Whether the results pass their own criteria."""
    complete: bool = True
