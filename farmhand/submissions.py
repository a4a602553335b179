"""Writing submissions: the render and every resubmit go through here."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

import orjson

from manifest.header import Submission
from manifest.layout import is_nested, ranges
from manifest.spec import Resources
from renderer.schedulers import SCHEDULERS
from renderer.submission import Target, Written


def utc_now() -> str:
    """Return the time as manifests show it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def new_submission(
    number: int, scheduler: str, shards: Iterable[int], resources: Resources
) -> Submission:
    """Return a submission as the manifest lists it."""
    asked = resources.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    return Submission(
        id=number,
        scheduler=scheduler,
        shards=ranges(shards),
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
    )
    written = SCHEDULERS[submission.scheduler].render(target)
    # Renamed when it is whole: a rebuilt manifest reads all that are there.
    with open(f"{path}.tmp", "wb") as stream:
        stream.write(orjson.dumps(submission.model_dump(mode="json"), option=orjson.OPT_INDENT_2))
    os.rename(f"{path}.tmp", path)
    return written
