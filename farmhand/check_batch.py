"""``farmhand check -b``: every bad chunk that is not alive is rendered again and submitted."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field

from farmhand.asking import STORES, Asking
from farmhand.check_view import View, give_table, look, tell
from farmhand.gather import gathered_under_lock
from farmhand.hand_over import Batch, Chunk, Outcome, chunk_of, hand_over
from farmhand.handed import CHUNKED
from farmhand.observe import observe
from farmhand.redo import Choice, Left, select
from farmhand.resubmission import write_resubmission
from farmhand.submissions import Way
from farmhand.submit_chunks import refuse_moved, warn_of_scheduler
from farmhand.talk import give, say, short_path, some
from farmhand.unchanged import refuse_changes
from manifest.errors import UserError
from manifest.header import Header
from manifest.layout import ranges
from manifest.locking import submit_lock
from manifest.store import read_manifest


@dataclass(slots=True)
class Redone:
    """What was done about the bad chunks."""

    view: View
    """How the run stood before."""
    outcome: Outcome
    doubtful: list[tuple[int, str]] = field(default_factory=list)
    """Rendered again before, and perhaps submitted."""
    left: Left = field(default_factory=dict)
    """Why others were left alone."""

    @property
    def submitted(self) -> set[int]:
        """Return the shards that were submitted."""
        return {chunk.shard for chunk in self.outcome.of("submitted")}

    @property
    def still_bad(self) -> list[int]:
        """Return the shards that are bad, and were not submitted again."""
        return [index for index in self.view.bad if index not in self.submitted]


def resubmit_bad(
    folder: str, path: str, chosen: set[int] | None, batch: Batch, *, quiet: bool
) -> Redone:
    """Render what is bad again, with more of what it lacked, and hand it to the batch command.

    What was rendered again before, and never submitted, is not rendered once more: a run that was
    killed in the middle of this goes on where it was.

    Raises:
        UserError: the run's jobs are not started chunk by chunk.
    """
    header = read_manifest(path).header
    way = _way(folder, header)
    refuse_changes(folder)
    with submit_lock(folder):
        answers = observe(folder, header, Asking())
        with gathered_under_lock(folder, path, asking=STORES, answers=answers) as gathered:
            redone = Redone(look(gathered, chosen), Outcome())
            if not quiet:
                give_table(redone.view)
                tell(redone.view, redoing=True)
            chunks = _rendered_before(redone, folder)
            refuse_moved(chunks, folder)
            before = {one.shard for one in redone.view.again}
            fresh = {index for index in redone.view.bad if index not in before}
            groups, left = select(gathered, Choice(among=fresh))
            redone.left |= left
            if groups:
                chunks += [
                    chunk_of(header, folder, index, name, number)
                    for index, name, number in write_resubmission(gathered, groups, way).chunks
                ]
        if chunks:
            if not quiet:
                give("")
            warn_of_scheduler(read_manifest(path).header, chunks, batch)
        redone.outcome = hand_over(folder, chunks, batch, quiet=quiet)
    return redone


def _way(folder: str, header: Header) -> Way:
    last = header.submissions[-1]
    if last.scheduler in CHUNKED:
        return Way(last.scheduler, last.mode)
    run = shlex.quote(short_path(folder))
    raise UserError(
        f"-b: the latest jobs of this run are for {last.scheduler}, not started chunk by chunk",
        where=short_path(folder),
        hint=f"farmhand resubmit {run}; with --scheduler {' or '.join(CHUNKED)} it writes a "
        "script for each chunk",
    )


def _rendered_before(redone: Redone, folder: str) -> list[Chunk]:
    """Return the chunks whose scripts are there and were never submitted."""
    header = redone.view.manifest.header
    chunks = []
    for one in redone.view.again:
        if one.waiting:
            continue
        if one.scheduler not in CHUNKED:
            why = f"rendered again in submission {one.submission} ({one.scheduler}), not started"
            redone.left.setdefault(why, []).append((one.shard, one.name))
        elif one.handed is not None and one.handed.outcome == "doubtful":
            redone.doubtful.append((one.shard, one.name))
        else:
            chunks.append(chunk_of(header, folder, one.shard, one.name, one.submission))
    return chunks


def tell_redone(redone: Redone, batch: Batch) -> None:
    """Say how it went, and how to ask for what was left alone."""
    run = shlex.quote(short_path(redone.view.manifest.run))
    again = f"farmhand submit {run} -b {shlex.quote(batch.command)}"
    for why, members in sorted(redone.left.items(), key=lambda item: -len(item[1])):
        say(f"left alone: {some([name for _, name in members])}: {why}")
    refused, outcome = redone.outcome.of("refused"), redone.outcome
    unsure = redone.doubtful + [(c.shard, c.name) for c in outcome.of("doubtful")]
    if redone.left:
        shards = ranges(index for members in redone.left.values() for index, _ in members)
        say(f"to redo these all the same: farmhand resubmit {run} --shards {shards}")
        say(f"and then:                   {again}")
    done = len(outcome.of("submitted"))
    say(f"{done} resubmitted" if done else "nothing resubmitted")
    if refused or outcome.left:
        names = [chunk.name for chunk in (*refused, *outcome.left)]
        say(f"{len(names)} not submitted: {some(names)}; mend what the command says, then: {again}")
    if unsure:
        say(f"{len(unsure)} doubtful: {some([name for _, name in unsure])}; look for their jobs,")
        say(f"  and if they are not there: {again} --doubtful")
    if outcome.interrupted:
        raise KeyboardInterrupt
