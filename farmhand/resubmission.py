"""Writing a resubmission: the scripts of what is redone, then the manifest that lists them."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from collectors.fold import stamped
from farmhand.array_limit import largest_array
from farmhand.gather import Gathered
from farmhand.items_left import write_left
from farmhand.redo import Group
from farmhand.submissions import Way, new_submission, write_submission
from manifest.header import Submission
from manifest.resources import Resources
from manifest.store import write_manifest
from renderer.submission import Written


@dataclass(frozen=True, slots=True)
class Resubmission:
    """What was written."""

    written: list[Written]
    """What to type next, for each submission."""
    chunks: list[tuple[int, str, int]]
    """(shard, name, its new submission), in order."""


def write_resubmission(
    gathered: Gathered, groups: list[Group], way: Way, exclude: tuple[str, ...] = ()
) -> Resubmission:
    """Write one submission for each set of resources, then the manifest that lists them.

    The caller holds the lock of the manifest.
    """
    manifest = gathered.manifest
    header = manifest.header
    number = max(s.id for s in header.submissions)
    submissions: list[Submission] = list(header.submissions)
    spec = gathered.facts.spec
    largest = largest_array(way.scheduler, spec)
    written = []
    chunks: list[tuple[int, str, int]] = []
    for resources, members in _by_resources(groups):
        number += 1
        while _is_taken(manifest.run, number):
            number += 1  # a resubmit that was killed before it wrote the manifest
        submission = new_submission(
            number,
            way,
            (i for i, _ in members),
            resources,
            spec=spec,
            largest_array=largest,
        )
        write_left(gathered, number, members)
        written.append(
            write_submission(
                submission,
                resources,
                members,
                run=manifest.run,
                root=manifest.run,
                run_id=header.run_id,
                plan_id=header.plan_id,
                total=header.shards,
                spec=spec,
                largest_array=largest,
                exclude=exclude,
                run_uuid=header.run_uuid,
            )
        )
        submissions.append(submission)
        chunks += [(index, name, number) for index, name in members]
    fresh = stamped(header).model_copy(update={"submissions": tuple(submissions)})
    write_manifest(replace(manifest, header=fresh))
    return Resubmission(written, sorted(chunks))


def _is_taken(run: str, number: int) -> bool:
    names = (os.path.join("submissions", f"{number}.json"), f"resubmit-{number}")
    return any(os.path.lexists(os.path.join(run, name)) for name in names)


def _by_resources(groups: list[Group]) -> list[tuple[Resources, list[tuple[int, str]]]]:
    merged: dict[str, tuple[Resources, list[tuple[int, str]]]] = {}
    for group in groups:
        key = group.resources.model_dump_json()
        merged.setdefault(key, (group.resources, []))[1].extend(group.shards)
    return [(resources, sorted(members)) for resources, members in merged.values()]
