"""``farmhand resubmit``: render the bad shards again, with more of what they lacked."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, replace
from typing import Annotated, Any

import typer

from collectors.fold import stamped
from collectors.records import known_attempts
from farmhand.gather import Gathered, gather
from farmhand.locate import JsonOption, ManifestOption, OutDirOption, RunArgument, find_run
from farmhand.run import verb as start
from farmhand.select import (
    CauseOption,
    ShardsOption,
    chosen_causes,
    chosen_shards,
    latest_submission,
    not_started,
)
from farmhand.submissions import new_submission, write_submission
from farmhand.talk import give, give_json, say, short_path
from farmhand.unchanged import refuse_changes
from manifest.errors import Refusal, UserError
from manifest.header import Submission
from manifest.layout import ranges
from manifest.locking import manifest_lock
from manifest.policy import decide
from manifest.rows import head_of, parse_row
from manifest.spec import Resources
from manifest.states import is_bad
from manifest.store import write_manifest
from manifest.units import format_bytes, format_duration
from renderer.submission import Written


@dataclass(frozen=True, slots=True)
class Group:
    """Bad shards that are submitted again with the same resources."""

    resources: Resources
    asked: Resources
    why: str
    shards: list[tuple[int, str]]


def verb(
    run: RunArgument = None,
    manifest: ManifestOption = None,
    out_dir: OutDirOption = "runs",
    shards: ShardsOption = None,
    cause: CauseOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be rendered.")
    ] = False,
    execute: Annotated[
        bool, typer.Option("--execute", help="Also run them now (scheduler local).")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Render the bad shards again, with more of what they lacked.

    Shards out of memory, time or disk get more of it; lost nodes and the like are simply tried
    again; failures of the command itself once more. What needs a hand first (setup, cancelled)
    is left alone unless named by --shards or --cause; so is what an earlier resubmit rendered and
    nobody has started. Unknown shards need --shards, running ones are never touched. The lines to
    type next go to stdout.
    """
    folder, path = find_run(run, manifest, out_dir, writes=True)
    refuse_changes(folder)
    with manifest_lock(folder):
        gathered = gather(folder, path)
        header = gathered.manifest.header
        chosen, causes = chosen_shards(shards, header.shards), chosen_causes(cause)
        groups, left = select(gathered, chosen, causes)
        for why, count in left.most_common():
            say(f"left alone: {count} shard{'s' * (count != 1)}: {why}")
        if not groups:
            raise Refusal(
                "nothing to resubmit",
                where=short_path(folder),
                hint="farmhand check says how the shards stand; --shards and --cause insist",
            )
        if as_json:
            give_json([_as_json(group) for group in groups])
        else:
            for group in groups:
                say(_describe(group))
        if dry_run:
            say("Nothing written (--dry-run).")
            return
        if execute and header.scheduler != "local":
            raise UserError(
                f"--execute starts shards of the local pool; this run is for {header.scheduler}",
                hint="leave it out and type the lines that are printed",
            )
        written = _write(gathered, groups)
    if execute:
        start(run=folder, shards=ranges(i for group in groups for i, _ in group.shards))
    say("Nothing submitted. Now type:")
    for line in dict.fromkeys(command for item in written for command in item.commands):
        if not as_json:
            give(line)


def select(
    gathered: Gathered, chosen: set[int] | None, causes: set[str] | None
) -> tuple[list[Group], Counter[str]]:
    """Return what is submitted again by resources, and why other bad shards are not."""
    manifest, retry = gathered.manifest, gathered.facts.spec.retry
    asked = {s.id: Resources.model_validate(s.resources) for s in manifest.header.submissions}
    latest = latest_submission((s.id, s.shards) for s in manifest.header.submissions)
    groups: dict[tuple[str, str, str], Group] = {}
    left: Counter[str] = Counter()
    for index, data in enumerate(manifest.results):
        state, cause = head_of(data, manifest.path)
        named = chosen is not None and index in chosen
        insisted = named and state == "unknown"
        if (chosen is not None and not named) or not (insisted or is_bad(state, cause)):
            if named:
                left[f"{state}, not bad"] += 1
            continue
        if causes is not None and cause not in causes:
            continue
        row = parse_row(data, manifest.path)
        row["attempts"] = list(known_attempts(row, manifest.path).values())
        before = asked[latest[index]]
        forced = named or causes is not None
        if not forced and not_started(row, latest[index]):
            left[f"rendered again in submission {latest[index]} and not started since"] += 1
            continue
        decision = decide(cause, row["attempts"], before, retry, forced=forced)
        if not decision.again:
            left[decision.why] += 1
            continue
        key = (decision.resources.model_dump_json(), before.model_dump_json(), decision.why)
        group = groups.setdefault(key, Group(decision.resources, before, decision.why, []))
        group.shards.append((index, row["name"]))
    return list(groups.values()), left


def _write(gathered: Gathered, groups: list[Group]) -> list[Written]:
    """Write one submission for each set of resources, then the manifest that lists them."""
    manifest = gathered.manifest
    header = manifest.header
    number = max(s.id for s in header.submissions)
    submissions: list[Submission] = list(header.submissions)
    written = []
    for resources, members in _by_resources(groups):
        number += 1
        while _is_taken(manifest.run, number):
            number += 1  # a resubmit that was killed before it wrote the manifest
        submission = new_submission(
            number, header.submissions[0].scheduler, (i for i, _ in members), resources
        )
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
            )
        )
        submissions.append(submission)
    fresh = stamped(header).model_copy(update={"submissions": tuple(submissions)})
    write_manifest(replace(manifest, header=fresh))
    return written


def _is_taken(run: str, number: int) -> bool:
    names = (os.path.join("submissions", f"{number}.json"), f"resubmit-{number}")
    return any(os.path.lexists(os.path.join(run, name)) for name in names)


def _by_resources(groups: list[Group]) -> list[tuple[Resources, list[tuple[int, str]]]]:
    merged: dict[str, tuple[Resources, list[tuple[int, str]]]] = {}
    for group in groups:
        key = group.resources.model_dump_json()
        merged.setdefault(key, (group.resources, []))[1].extend(group.shards)
    return [(resources, sorted(members)) for resources, members in merged.values()]


def _describe(group: Group) -> str:
    changes = [
        f"{name} {_amount(name, getattr(group.asked, name))} -> "
        f"{_amount(name, getattr(group.resources, name))}"
        for name in ("memory", "walltime", "disk")
        if getattr(group.asked, name) != getattr(group.resources, name)
    ]
    count = len(group.shards)
    which = ranges(index for index, _ in group.shards)
    shown = which if len(which) <= 40 else which[:40].rpartition(",")[0] + ",..."  # noqa: PLR2004
    return f"{count} shard{'s' * (count != 1)} ({shown}): {', '.join(changes) or group.why}"


def _amount(name: str, value: int | None) -> str:
    if value is None:
        return "none"
    return format_duration(value) if name == "walltime" else format_bytes(value)


def _as_json(group: Group) -> dict[str, Any]:
    return {
        "shards": [index for index, _ in group.shards],
        "before": group.asked.model_dump(mode="json", exclude_none=True),
        "after": group.resources.model_dump(mode="json", exclude_none=True),
        "why": group.why,
    }
