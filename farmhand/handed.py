"""What is known to have been submitted, by both journals; and bad shards that are waited for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from collectors.records import known_attempts
from farmhand.chunk_journal import Handed, read_all
from farmhand.select import latest_submission, not_started
from farmhand.submission_journal import read_journal
from manifest.arrays import Arrays
from manifest.header import Header, Submission
from manifest.layout import parse_ranges
from manifest.store import Manifest

CHUNKED = ("nohup", "lsf")
"""Schedulers for which every shard has a batchScript.sh of its own."""


@dataclass(frozen=True, slots=True)
class Again:
    """A bad shard that was rendered again, of which nothing has been heard since."""

    shard: int
    name: str
    submission: int
    scheduler: str
    handed: Handed | None
    """What became of it; None: farmhand has not submitted it."""

    @property
    def waiting(self) -> bool:
        """Return whether it was submitted, so that it will be heard of."""
        return self.handed is not None and self.handed.outcome == "submitted"


class Submitted:
    """What farmhand has submitted of a run."""

    def __init__(self, run: str, header: Header) -> None:
        """Read the journals."""
        self._chunks = read_all(run, (s.id for s in header.submissions))
        by_number = {s.id: s for s in header.submissions}
        self._whole: dict[int, dict[int, Handed]] = {}
        for (number, part), job in read_journal(run).submitted.items():
            if number in by_number:
                mine = self._whole.setdefault(number, {})
                mine |= dict.fromkeys(
                    _members(by_number[number], part), Handed("submitted", job=job)
                )

    def find(self, submission: int, shard: int) -> Handed | None:
        """Return what became of a shard in a submission; None: nothing was tried."""
        whole = self._whole.get(submission, {}).get(shard)
        return whole or self._chunks.get(submission, {}).get(shard)

    def chunks(self, submission: int) -> dict[int, Handed]:
        """Return what the batch command was given of a submission."""
        return self._chunks.get(submission, {})


def _members(submission: Submission, part: int) -> Iterable[int]:
    if not submission.arrays:
        return parse_ranges(submission.shards)
    arrays = Arrays(submission.shards, submission.shards_per_job, submission.arrays)
    if not 0 <= part < len(arrays.sizes):
        return ()
    return (shard for element in arrays.elements(part) for shard in element)


def rendered_again(manifest: Manifest, bad: Iterable[int], submitted: Submitted) -> list[Again]:
    """Return those bad shards whose latest submission no attempt is of.

    Their evidence is older than that submission. What a scheduler holds is not among them: it is
    still there.
    """
    submissions = manifest.header.submissions
    if len(submissions) == 1:
        return []
    latest = latest_submission((s.id, s.shards) for s in submissions)
    schedulers = {s.id: s.scheduler for s in submissions}
    found = []
    for index in bad:
        row = manifest.results.row(index)
        row["attempts"] = list(known_attempts(row, manifest.path).values())
        number = latest[index]
        if row["state"] != "held" and not_started(row, number):
            handed = submitted.find(number, index)
            found.append(Again(index, row["name"], number, schedulers[number], handed))
    return found
