"""What SLURM says about a run: its rows attributed to shards."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from collectors.observation import LIVE, Observation, Observed
from collectors.records import lines_of, read_record
from collectors.slurm_observation import observation
from collectors.slurm_rows import SlurmRow
from manifest.arrays import Arrays
from manifest.header import Header
from manifest.layout import block_of, records_dir

_RECORD = re.compile(r"(\d+)\.((\d+)_(\d+))\.\d+\.[0-9a-f]+\.jsonl")
_CLOCKS_S = 5  # by which those of SLURM and of who rendered the run may differ
_SCRIPT = re.compile(r"(?:.*/)?(?:resubmit-(\d+)/)?slurm_array_job(?:\.(\d+))?\.sh")


class Example(NamedTuple):
    """One record of an array job."""

    shard: int
    element: int
    """Its index in the array."""
    submission: int | None
    """None: its first line cannot be read."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a run's records tell of SLURM's ids."""

    examples: dict[int, Example]
    """Array job -> one of its records."""
    begun: frozenset[str]
    """Native ids that have a record."""


def recorded_ids(run: str, names: Iterable[str]) -> Recorded:
    """Read the names of all records, and of each array job the first line of one."""
    examples: dict[int, Example] = {}
    begun = set()
    for name in names:
        match = _RECORD.fullmatch(name)
        if match:
            begun.add(match[2])
            shard, job, index = int(match[1]), int(match[3]), int(match[4])
            if job not in examples or examples[job].submission is None:
                path = os.path.join(records_dir(run, block_of(shard)), name)
                examples[job] = Example(shard, index, _submission(path))
    return Recorded(examples, frozenset(begun))


def _submission(path: str) -> int | None:
    start = next(lines_of(read_record(path) or b""), {})
    number = start.get("submission")
    return number if isinstance(number, int) else None


def as_accounted(path: str) -> str:
    """Return a path without what accounting does not keep.

    Double quotes come back as backticks, and letters that the database has no place for as ``?``.
    """
    return "".join(letter if letter.isascii() else "?" for letter in path.replace('"', "`"))


class Attribution:
    """Which submission and part a job is, and so which shards its elements run."""

    def __init__(self, run: str, header: Header, recorded: Recorded) -> None:
        """``run`` is where the run lies now."""
        self._run = os.path.realpath(run)
        self._prefix = f"{header.run_id}."
        # What was submitted before is of a run that was here before, and had the same name.
        made = datetime.strptime(header.created_at_utc, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        self._since = made.timestamp() - _CLOCKS_S
        self._recorded = recorded
        self._arrays = {
            s.id: Arrays(s.shards, s.shards_per_job, s.arrays)
            for s in header.submissions
            if s.scheduler == "slurm"
        }
        self._known: dict[int, tuple[int, int] | None] = {}

    def submissions(self) -> Iterable[int]:
        """Return the numbers of the submissions for SLURM."""
        return self._arrays.keys()

    def is_vague(self, row: SlurmRow) -> bool:
        """Say whether a job bears this run's name and place, but not which script it is of."""
        return self.place(row) is None and self._by_name(row) is not None and self._is_here(row)

    def _is_here(self, row: SlurmRow) -> bool:
        if row.workdir is None or (row.submit is not None and row.submit < self._since):
            return False
        told = os.path.realpath(row.workdir)
        return told == self._run or (
            row.source != "squeue" and as_accounted(told) == as_accounted(self._run)
        )

    def recorded_places(self) -> set[tuple[int, int]]:
        """Return the submissions and parts of which there are records."""
        found = map(self._by_record, self._recorded.examples.values())
        return {place for place in found if place is not None}

    def jobs(self) -> dict[int, frozenset[str]]:
        """Return the ids of the jobs that were placed so far, by submission."""
        found: dict[int, set[str]] = defaultdict(set)
        for job, place in self._known.items():
            if place is not None:
                found[place[0]].add(str(job))
        return {submission: frozenset(ids) for submission, ids in found.items()}

    def packed(self, submission: int) -> bool:
        """Say whether elements of a submission run several shards."""
        return self._arrays[submission].per_job > 1

    def shards(self, row: SlurmRow) -> Iterator[tuple[int, int, int]]:
        """Yield (submission, array index, shard) of a row's elements."""
        place = self.place(row)
        if place is None or row.elements is None:
            return
        submission, part = place
        arrays = self._arrays[submission]
        size = arrays.sizes[part]
        for span in row.elements:
            for index in range(span.start, min(span.stop, size), span.step):
                for shard in arrays.element(part, index):
                    yield submission, index, shard

    def place(self, row: SlurmRow) -> tuple[int, int] | None:
        """Return (submission, part from 0) of a job, or None for one that is not this run's."""
        if self._known.get(row.job) is None:  # another row may carry what one lacked
            self._known[row.job] = self._find(row)
        return self._known[row.job]

    def _find(self, row: SlurmRow) -> tuple[int, int] | None:
        named = self._by_name(row)
        example = self._recorded.examples.get(row.job)
        if example is not None:
            found = self._by_record(example, named)
            if found is not None:
                return found
        if named is None or not self._is_here(row):
            return None
        match = _SCRIPT.fullmatch(row.script or "")
        part = int(match[2]) - 1 if match and match[2] else 0
        sizes = self._arrays[named].sizes
        if (match is None or match[2] is None) and len(sizes) > 1:
            return None
        return (named, part) if part < len(sizes) else None

    def _by_name(self, row: SlurmRow) -> int | None:
        number = row.name.removeprefix(self._prefix)
        known = row.name.startswith(self._prefix) and number.isascii() and number.isdigit()
        return int(number) if known and int(number) in self._arrays else None

    def _by_record(self, example: Example, named: int | None = None) -> tuple[int, int] | None:
        number = example.submission or named
        numbers = self._arrays if number is None else [number]
        fitting = [
            (number, part)
            for number in numbers
            if number in self._arrays
            for part in range(len(self._arrays[number].sizes))
            if example.shard in self._arrays[number].element(part, example.element)
        ]
        return fitting[0] if len(fitting) == 1 else None


def attribute(
    history: Iterable[SlurmRow],
    queue: Iterable[SlurmRow] | None,
    attribution: Attribution,
    recorded: Recorded,
    asked: float,
) -> Observed:
    """Return the rows of accounting and of the queue by shard.

    Args:
        history: of sacct or pyslurm: every execution, with what was known when they were asked.
        queue: of squeue, asked after that; None when it did not answer.
        attribution: of this run.
        recorded: ids in this run's records.
        asked: when, in seconds since the epoch.
    """
    found: dict[int, dict[str, list[Observation]]] = defaultdict(lambda: defaultdict(list))
    for shard, said in _observations(history, attribution):
        found[shard][said.native_id].append(said)
    if queue is not None:
        _update(found, _observations(queue, attribution))
    packed = any(map(attribution.packed, attribution.submissions()))
    return Observed(
        shards={
            shard: [said for group in ids.values() for said in group]
            for shard, ids in found.items()
        },
        queue=None if queue is None else "squeue",
        asked=asked,
        schedulers=frozenset(("slurm",)),
        jobs=attribution.jobs(),
        begun=recorded.begun if packed else None,
    )


def _observations(
    rows: Iterable[SlurmRow], attribution: Attribution
) -> Iterator[tuple[int, Observation]]:
    for row in rows:
        for submission, index, shard in attribution.shards(row):
            packed = attribution.packed(submission)
            yield shard, observation(row, f"{row.job}_{index}", submission, packed=packed)


def _update(
    found: dict[int, dict[str, list[Observation]]], queue: Iterable[tuple[int, Observation]]
) -> None:
    """Let the queue, asked last, have the word on what is not over.

    What accounting believes to be alive and the queue does not list is left out: it is gone.
    """
    listed: set[tuple[int, str]] = set()
    for shard, said in queue:
        known = found[shard][said.native_id]
        listed.add((shard, said.native_id))
        over = [other for other in known if other.kind not in LIVE]
        if said.kind in LIVE or not over:
            known[:] = [*over, said]
        else:
            known[:] = over
    for shard, ids in found.items():
        for native_id, known in ids.items():
            if (shard, native_id) not in listed:
                known[:] = [said for said in known if said.kind not in LIVE]
