"""Attempts that were fetched from a host become attempts of the run here, the record last."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from collectors.records import apply_record, new_attempt
from manifest.layout import shard_dir
from runners.remote_run import Seen


@dataclass(frozen=True, slots=True)
class End:
    """What the record of an attempt says; None: it has no end."""

    code: int
    started: float | None
    ended: float | None


def start_of(seen: Seen, plan_id: str) -> float | None:
    """Return when an attempt began by its own record."""
    attempt = new_attempt(seen.launch.id)
    apply_record(attempt, "\n".join(seen.lines).encode(), plan_id)
    started: float | None = attempt["started"]
    return started


def end_of(seen: Seen, plan_id: str) -> End | None:
    """Return how an attempt ended by its own record."""
    attempt = new_attempt(seen.launch.id)
    apply_record(attempt, "\n".join(seen.lines).encode(), plan_id)
    if attempt["ended"] is None or attempt["exit_code"] is None:
        return None
    return End(attempt["exit_code"], attempt["started"], attempt["ended"])


def attempt_folder(seen: Seen, name: str, *, nested: bool) -> str:
    """Return the directory of an attempt, relative to the run."""
    assert seen.record is not None  # noqa: S101 (only what has one is fetched)
    attempt = seen.record.removeprefix(f"{seen.launch.shard}.").removesuffix(".jsonl")
    return os.path.join(shard_dir(seen.launch.shard, name, nested=nested), attempt)


def bring_home(run: str, fetched: str, attempts: Sequence[tuple[Seen, str]]) -> None:
    """Move what was fetched into the run: all of an attempt, and then its record.

    Raises:
        OSError: it cannot be moved.
    """
    for seen, folder in attempts:
        source, goal = os.path.join(fetched, folder), os.path.join(run, folder)
        if os.path.isdir(source):
            shutil.rmtree(goal, ignore_errors=True)  # of a pull that was cut before its record
            os.makedirs(os.path.dirname(goal), exist_ok=True)
            os.rename(source, goal)
        record = os.path.join("records", str(seen.launch.block), str(seen.record))
        os.rename(os.path.join(fetched, record), os.path.join(run, record))
    shutil.rmtree(fetched, ignore_errors=True)
