"""What a run's own files tell of its jobs on LSF: reports, records, the submission journal."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from collectors.lsf_bjobs import JobRow
from collectors.lsf_files import HISTORY, Names, SubmissionReports
from collectors.lsf_history import HistoryRow
from collectors.lsf_journal import Submitted
from collectors.lsf_known import Told
from collectors.lsf_observation import Asked
from collectors.lsf_recorded import Recorded, is_open
from collectors.records import digest
from manifest.arrays import Arrays
from manifest.header import Header
from manifest.layout import block_of

_CLOCKS_S = 5.0
_MINUTE_S = 60
"""bjobs tells whole minutes."""
_ARRAY = re.compile(r"array(\d{1,9})(?:\[.*)?", re.ASCII)


@dataclass(slots=True)
class Known:
    """What lies in the run's own files."""

    run: str
    header: Header
    names: Names
    recorded: Recorded
    reports: Mapping[int, SubmissionReports]
    submitted: Mapping[str, Submitted]
    settled: dict[str, Told] = field(default_factory=dict)
    """Native id -> how its job ended, for good."""
    rough: dict[str, Told] = field(default_factory=dict)
    """Native id -> a file of it that holds no whole report."""
    of: dict[str, int] = field(default_factory=dict)
    """Native id -> submission, of both."""

    def __post_init__(self) -> None:
        """Sort what is told by job; a report counts for more than what bhist said."""
        for number, reports in self.reports.items():
            for name, told in sorted(reports.told.items()):
                self.of[told.native_id] = number
                if not told.settled:
                    self.rough[told.native_id] = told
                elif told.native_id not in self.settled or not name.startswith(HISTORY):
                    self.settled[told.native_id] = told

    def is_settled(self, native_id: str) -> bool:
        """Say whether the last that is known of a job is its end."""
        told, last = self.settled.get(native_id), self.recorded.last_start(native_id)
        return told is not None and not (last and 0 < told.ended < last - _CLOCKS_S)

    def open_ones(self, names: Iterable[list[str]]) -> set[str]:
        """Return the native ids of which it is not known how they ended.

        Args:
            names: those of the records, by block.
        """
        found = {job for job in self.submitted if not self.recorded.starts(job)}
        found |= {job for job in self.rough if not self.recorded.starts(job)}
        quiet = {
            number
            for number, (block, listed) in enumerate(zip(self.header.blocks, names, strict=False))
            if block.digest is not None and block.digest == digest(listed)
        }
        for native_id in self.recorded.begun:
            if self.is_settled(native_id):
                continue
            for start in self.recorded.starts(native_id):
                block = block_of(start.shard)
                if block not in quiet and is_open(self.run, block, start):
                    found.add(native_id)
                    break
        return {native_id for native_id in found if not self.is_settled(native_id)}

    def unheard_of(self) -> set[int]:
        """Return jobs that were seen in the queue once and have left nothing that can be read."""
        heard = {job_of(one) for one in (*self.settled, *self.rough, *self.submitted)}
        heard |= {job_of(one) for one in self.recorded.begun}
        ids = (one for s in self.header.submissions if s.scheduler == "lsf" for one in s.native_ids)
        return {int(one) for one in ids if one.isdecimal()} - heard

    def place(self, name: str | None, index: int) -> tuple[int, tuple[int, ...]] | None:
        """Return submission and shards of a job by its name, or None: it is not of this run."""
        prefix = f"{self.header.run_id}."
        number, _, rest = (name or "").removeprefix(prefix).partition(".")
        if not (name or "").startswith(prefix) or not number.isdecimal():
            return None
        reports = self.reports.get(int(number))
        if reports is None:
            return None
        array = _ARRAY.fullmatch(rest)
        if index and array:
            mine = reports.submission
            arrays = Arrays(mine.shards, mine.shards_per_job, mine.arrays)
            shards = arrays.element(int(array[1]) - 1, index - 1)
            return (int(number), tuple(shards)) if shards else None
        shard = None if index else self.names.index(rest)
        return None if shard is None else (int(number), (shard,))

    def by_id(self, native_id: str) -> tuple[int | None, tuple[int, ...]] | None:
        """Return submission and shards of a job by what it left, or by the journal."""
        told = self.settled.get(native_id) or self.rough.get(native_id)
        if told is not None:
            return self.of[native_id], told.shards
        if native_id in self.submitted:
            one = self.submitted[native_id]
            return one.submission, (one.shard,)
        shards = tuple({start.shard: None for start in self.recorded.starts(native_id)})
        return (None, shards) if shards else None

    def since(self, native_id: str) -> float:
        """Return when a job was there at the latest, by what it left; 0: not known."""
        submitted = self.submitted.get(native_id)
        if submitted is not None:
            return submitted.time
        rough = self.rough.get(native_id)
        return self.recorded.last_start(native_id) or (rough.mtime / 1e9 if rough else 0.0)

    def is_ours(self, row: JobRow) -> bool:
        """Say whether a job of one of our names, or ids, is ours: LSF gives out ids again.

        One that writes elsewhere, under another name, and was submitted after ours had begun is
        somebody else's.
        """
        if row.output is not None and os.path.isabs(row.output):
            root = row.output.rpartition("/logs/")[0]
            if root and os.path.realpath(root) == os.path.realpath(self.run):
                return True
            named = False
        else:
            named = self.place(row.name, row.element) is not None
        if self.by_id(row.native_id) is None:
            created = _epoch(self.header.created_at_utc) - _MINUTE_S
            return named and (row.submitted is None or row.submitted >= created)
        if named or row.submitted is None:
            return True
        since = self.since(row.native_id)
        return not since or row.submitted <= since + _CLOCKS_S

    def created(self, submission: int | None) -> float:
        """Return a time before any job of a submission was submitted."""
        mine = (one for one in self.header.submissions if one.id == submission)
        return next((_epoch(one.created_at_utc) for one in mine), 0.0)

    def asked(self, submission: int | None, shards: Iterable[int]) -> Asked:
        """Return what a submission had asked for."""
        reports = self.reports.get(submission or 0)
        if reports is None:
            return Asked(submission)
        return reports.asked(len(tuple(shards)))


def _epoch(text: str) -> float:
    made = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ") if text else datetime(1970, 1, 1)  # noqa: DTZ001, DTZ007
    return made.replace(tzinfo=UTC).timestamp()


def job_of(native_id: str) -> int:
    """Return the id of a job, or of the array of an element.

    >>> job_of("123[4]")
    123
    """
    return int(native_id.partition("[")[0])


@dataclass(frozen=True, slots=True)
class Heard:
    """What LSF's commands answered."""

    rows: Mapping[str, JobRow] | None = None
    """Of bjobs, by native id; None: it did not answer, or was not asked."""
    history: tuple[HistoryRow, ...] = ()
    source: str = ""
    """bhist or bacct."""
    notes: tuple[str, ...] = ()
