"""The jobs whose time is told: a run's shards, or logs that farmhand did not make."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from collectors.records import Attempt, known_attempts
from collectors.run_facts import RunFacts
from farmhand.gather import Gathered
from farmhand.talk import short_path
from manifest.document import Document, read_document
from manifest.errors import UserError
from manifest.loading import load_spec
from manifest.rows import parse_row
from manifest.timing import USUAL, Phase
from manifest.work import Work
from outputs.tag_log import LogReader, LogTimes, Pair
from reports.timing import TimedJob


def phases_of(path: str) -> Mapping[str, Phase]:
    """Return the phases that the timing: of a spec names; nothing else in the file is read.

    Raises:
        UserError: there is none, or it is wrong.
    """
    try:
        with open(path, "rb") as stream:
            document = read_document(stream.read(), path)
    except OSError as error:
        raise UserError(f"the spec cannot be read: {error.strerror}", where=path) from error
    if not document.data.get("timing"):
        raise UserError("this spec has no timing:", where=path, hint="see docs/timing.md")
    filled = {"name": "n", "work": {"count": "1"}, "command": ["true"]}
    alone = {**filled, "timing": document.data["timing"]}
    return load_spec(Document(alone, path, document.text)).timing


def jobs_of_run(gathered: Gathered, phases: Mapping[str, Phase] | None) -> list[TimedJob]:
    """Return a job for each accepted attempt, and for each shard that has none."""
    facts, now = gathered.facts, gathered.manifest
    reader = LogReader(phases or facts.spec.timing or USUAL)
    found: list[TimedJob] = []
    for planned, seen in zip(now.plans, now.results, strict=True):
        plan, row = parse_row(planned, now.path), parse_row(seen, now.path)
        accepted = set(row["accepted_attempts"])
        mine = [one for one in known_attempts(row, now.path).values() if one["attempt"] in accepted]
        if mine:
            found += [_of_attempt(facts, plan, one, reader) for one in mine]
        else:
            found.append(_unfinished(plan, row))
    return found


def _unfinished(plan: dict[str, Any], row: dict[str, Any]) -> TimedJob:
    return TimedJob(
        name=plan["name"],
        shard=plan["shard_index"],
        component=plan["component"],
        reason=row["state"],
    )


def _of_attempt(
    facts: RunFacts, plan: dict[str, Any], attempt: Attempt, reader: LogReader
) -> TimedJob:
    log = f"{attempt['dir']}/stdout" if attempt["dir"] else None
    times = None if log is None else reader.read(os.path.join(facts.run, log))
    return TimedJob(
        name=plan["name"],
        shard=plan["shard_index"],
        component=plan["component"],
        attempt=attempt["attempt"],
        log=log,
        events=plan["size"] if _counts_events(facts.parts[plan["component"]].work) else None,
        output=_output_bytes(attempt),
        pairs={} if times is None else times.pairs,
        recorded=_wall(attempt),
    )


def _counts_events(work: Work) -> bool:
    """Say whether the size of a shard is a number of events, or of files."""
    return not work.files or work.per_range is not None


def _output_bytes(attempt: Attempt) -> int | None:
    sizes = [one["bytes"] for one in attempt["outputs"] or [] if one["path"]]
    return sum(sizes) if sizes and None not in sizes else None


def _wall(attempt: Attempt) -> Pair | None:
    if attempt["wall_s"] is None or attempt["ended"] is None:
        return None
    return Pair(attempt["ended"] - attempt["wall_s"], attempt["ended"])


def jobs_of_logs(
    patterns: Sequence[str],
    phases: Mapping[str, Phase] | None,
    failed: str | None,
    events: int | None,
) -> list[TimedJob]:
    """Return a job for each log, sorted by name.

    Raises:
        UserError: a pattern fits no file.
    """
    reader = LogReader(phases or USUAL, failed)
    paths = sorted({path for pattern in patterns for path in _matches(pattern)})
    return [_of_log(path, reader.read(path), events) for path in paths]


def _matches(pattern: str) -> Iterator[str]:
    if os.path.lexists(pattern) and not os.path.isdir(pattern):
        yield pattern  # a name with brackets in it is a name first
        return
    found = [path for path in glob.iglob(pattern, recursive=True) if not os.path.isdir(path)]
    if not found:
        hint = "name files, or a pattern in quotes: --logs 'logs/*.out'"
        raise UserError(f"no log fits '{pattern}'", where=short_path(os.getcwd()), hint=hint)
    yield from found


def _of_log(path: str, times: LogTimes | None, events: int | None) -> TimedJob:
    shown = os.fsencode(path).decode("utf-8", "replace")
    return TimedJob(
        name=shown,
        log=shown,
        events=events,
        pairs={} if times is None else times.pairs,
        reason="failed_log" if times is not None and times.failed else None,
    )
