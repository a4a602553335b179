"""``farmhand submit -b``: what is not submitted yet goes to the user's batch command."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from collectors.records import known_attempts
from farmhand.asking import Asking
from farmhand.components import chooser, spans
from farmhand.gather import Gathered, gather
from farmhand.hand_over import Batch, Chunk, chunk_of, conclude, hand_over, shown
from farmhand.handed import CHUNKED, Submitted
from farmhand.select import latest_submission, not_started
from farmhand.talk import give, say, short_path, warn
from farmhand.unchanged import refuse_changes
from manifest.errors import Refusal, UserError
from manifest.header import Header
from manifest.locking import submit_lock
from manifest.rows import head_of, parse_row
from manifest.store import read_manifest
from reports.by_component import component_of
from runners.batch_command import SCRIPT

Chosen = Callable[[str, str | None], bool]
_HEAD_LINES = 60


@dataclass(slots=True)
class Left:
    """What there is to submit."""

    chunks: list[Chunk] = field(default_factory=list)
    doubtful: list[Chunk] = field(default_factory=list)
    """Those that may have been submitted already."""
    there: int = 0
    """Submitted or started before, and not succeeded."""
    elsewhere: int = 0
    """Chosen, but their latest submission is for a scheduler without a script a chunk."""


def submit_chunks(
    folder: str,
    path: str,
    batch: Batch,
    *,
    only: Sequence[str] | None = None,
    skip: Sequence[str] | None = None,
    doubtful: bool = False,
    dry_run: bool = False,
) -> None:
    """Do as ``submit -b`` says.

    Raises:
        UserError: the run has no script a chunk.
        Refusal: some were not submitted.
    """
    refuse_whole(folder, read_manifest(path).header)
    refuse_changes(folder)
    if dry_run:
        left = _left(folder, path, only, skip, doubtful=doubtful)
        say("Nothing submitted. This would be done:" if left.chunks else "Nothing left to submit.")
        for chunk in left.chunks:
            give(shown(chunk, batch))
        return
    with submit_lock(folder):
        left = _left(folder, path, only, skip, doubtful=doubtful)
        refuse_moved(left.chunks, folder)
        if left.there:
            say(f"{left.there} submitted or started before; left alone")
        if left.elsewhere:
            say(f"{left.elsewhere} are for a scheduler that takes them whole; left alone")
        for chunk in left.doubtful:
            give(f"{chunk.name}  doubtful  -  may have been submitted before")
        if not (left.chunks or left.doubtful):
            say("Nothing is left to submit.")
            return
        warn_of_scheduler(read_manifest(path).header, left.chunks, batch)
        outcome = hand_over(folder, left.chunks, batch)
    names = [chunk.name for chunk in left.doubtful]
    conclude(outcome, names, run=shlex.quote(short_path(folder)), batch=batch)


def refuse_whole(folder: str, header: Header) -> None:
    """Refuse a run whose jobs are not started chunk by chunk.

    Raises:
        UserError: says how they are.
    """
    if any(submission.scheduler in CHUNKED for submission in header.submissions):
        return
    run = shlex.quote(short_path(folder))
    how = f"farmhand run {run}" if header.scheduler == "local" else f"farmhand submit {run}"
    raise UserError(
        f"-b: this run is for {header.scheduler}; it has no {SCRIPT} for each chunk",
        where=short_path(folder),
        hint=f"start it by: {how}; or render it with --scheduler {' or '.join(CHUNKED)}",
    )


def refuse_moved(chunks: Sequence[Chunk], folder: str) -> None:
    """Refuse scripts that would start the chunks of another directory: of where they came from.

    One script of each submission is looked at: they were all written at once.

    Raises:
        Refusal: says where the run was.
    """
    for chunk in {chunk.submission: chunk for chunk in chunks}.values():
        place = _written_for(os.path.join(chunk.folder, SCRIPT))
        if place is not None and os.path.realpath(place) != os.path.realpath(folder):
            raise Refusal(
                f"the run was moved or copied: its scripts were written for {place}",
                where=short_path(folder),
                hint="submit it there, move it back, or render a new run",
            )


def _written_for(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as stream:
            for _, line in zip(range(_HEAD_LINES), stream, strict=False):
                if line.startswith("run="):
                    words = shlex.split(line.removeprefix("run="))
                    return words[0] if words else None
    except (OSError, ValueError):
        return None
    return None


def warn_of_scheduler(header: Header, chunks: Sequence[Chunk], batch: Batch) -> None:
    """Say when bsub gets scripts that were not written for it: they have no #BSUB lines."""
    lsf = {s.id for s in header.submissions if s.scheduler == "lsf"}
    words = batch.command.split()
    if words[:1] == ["bsub"] and any(chunk.submission not in lsf for chunk in chunks):
        warn("these scripts have no #BSUB lines (name, log, resources): render --scheduler lsf")


def _left(
    folder: str,
    path: str,
    only: Sequence[str] | None,
    skip: Sequence[str] | None,
    *,
    doubtful: bool,
) -> Left:
    """Return what is left to submit; the scheduler is asked, too, for what was typed by hand."""
    gathered = gather(folder, path, asking=Asking())
    rows = gathered.manifest.results
    components = spans(gathered.facts)
    known = [span.name for span in components]
    if only or skip:
        known += [parse_row(row, path)["name"] for row in rows]
    return _looked(gathered, chooser(only, skip, known), doubtful=doubtful)


def _looked(gathered: Gathered, chosen: Chosen, *, doubtful: bool) -> Left:
    manifest = gathered.manifest
    header = manifest.header
    latest = latest_submission((s.id, s.shards) for s in header.submissions)
    chunked = {s.id for s in header.submissions if s.scheduler in CHUNKED}
    find_component = component_of(spans(gathered.facts))
    submitted = Submitted(gathered.facts.run, header)
    left = Left()
    for index, data in enumerate(manifest.results):
        if head_of(data, manifest.path)[0] == "succeeded":
            continue
        row = parse_row(data, manifest.path)
        if not chosen(row["name"], find_component(index)):
            continue
        number = latest[index]
        if number not in chunked:
            left.elsewhere += 1
            continue
        row["attempts"] = list(known_attempts(row, manifest.path).values())
        handed = submitted.find(number, index)
        chunk = chunk_of(header, gathered.facts.run, index, row["name"], number)
        if row["attempts"] and not not_started(row, number):
            left.there += 1
        elif handed is None or handed.outcome == "refused":
            left.chunks.append(chunk)
        elif handed.outcome == "submitted":
            left.there += 1
        elif doubtful:
            left.chunks.append(chunk)
        else:
            left.doubtful.append(chunk)
    return left
