"""Writing submissions: the render and every resubmit go through here."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from farmhand.lsf_habits import lsf_habits
from manifest.arrays import array_sizes
from manifest.header import Submission
from manifest.layout import is_nested, ranges
from manifest.lsf_section import LsfHabits
from manifest.resources import Resources
from manifest.spec import Spec
from renderer.schedulers import SCHEDULERS
from renderer.submission import Target, Written


@dataclass(frozen=True, slots=True)
class Way:
    """How shards get to a scheduler."""

    scheduler: str
    mode: str | None = None
    """Which of the scheduler's several ways; None: its usual one."""


def utc_now() -> str:
    """Return the time as manifests show it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def new_submission(
    number: int,
    way: Way,
    shards: Iterable[int],
    resources: Resources,
    *,
    spec: Spec,
    largest_array: int,
) -> Submission:
    """Return a submission as the manifest lists it.

    ``largest_array`` is the number of elements that one array may have; 0: there are no arrays.
    """
    asked = resources.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    members = list(shards)
    per_job = spec.shards_per_job if largest_array else 1
    return Submission(
        id=number,
        scheduler=way.scheduler,
        mode=way.mode,
        shards=ranges(members),
        shards_per_job=per_job,
        arrays=array_sizes(len(members), per_job, largest_array) if largest_array else (),
        resources=asked,
        created_at_utc=utc_now(),
    )


def write_submission(
    submission: Submission,
    resources: Resources,
    shards: Iterable[tuple[int, str]],
    *,
    run: str,
    root: str,
    run_id: str,
    plan_id: str,
    total: int,
    spec: Spec,
    largest_array: int,
    exclude: tuple[str, ...] = (),
    run_uuid: str,
    first: bool = False,
) -> Written:
    """Write submissions/<k>.json and the scheduler's scripts below ``root``."""
    path = os.path.join(root, "submissions", f"{submission.id}.json")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    target = Target(
        run=run,
        root=root,
        run_id=run_id,
        plan_id=plan_id,
        submission=submission,
        resources=resources,
        shards=shards,
        nested=is_nested(total),
        spec=spec,
        first=first,
        largest_array=largest_array,
        exclude=exclude,
        run_uuid=run_uuid,
        mode=submission.mode,
        lsf=lsf_habits(spec) if submission.scheduler == "lsf" else LsfHabits(),
    )
    written = SCHEDULERS[submission.scheduler].render(target)
    # Renamed when it is whole: a rebuilt manifest reads all that are there.
    with open(f"{path}.tmp", "wb") as stream:
        stream.write(orjson.dumps(submission.model_dump(mode="json"), option=orjson.OPT_INDENT_2))
    os.rename(f"{path}.tmp", path)
    return written
