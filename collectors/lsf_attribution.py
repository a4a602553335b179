"""What LSF says about a run, by shard: of each job what the best source has to say.

A whole job report is the best; then bhist and bacct, then bjobs, which tells times to the minute
only. So that all of them speak of one execution, its start is taken from the record it left.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from collectors.lsf import Heard, Known, job_of
from collectors.lsf_bjobs import JobRow
from collectors.lsf_known import Told
from collectors.lsf_observation import BJOBS, of_history, of_row
from collectors.observation import LIVE, Observation, Observed
from collectors.observed_verdict import NFS_LAG_S

_CLOCKS_S = 5.0
_MINUTE_S = 60.0
_JOURNAL = "submission journal"
_Placed = tuple[tuple[int, ...], Observation]


class _Shards(Mapping[int, list[Observation]]):
    """Observations by shard; those of kept reports are made when they are asked for."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._told: dict[int, list[Told]] = defaultdict(list)
        self._said: dict[int, list[Observation]] = defaultdict(list)
        for told in known.settled.values():
            for shard in told.shards:
                self._told[shard].append(told)

    def add(self, shards: tuple[int, ...], said: Observation) -> None:
        for shard in shards:
            self._said[shard].append(said)

    def __getitem__(self, shard: int) -> list[Observation]:
        if shard not in self:
            raise KeyError(shard)
        told = (one.observation() for one in self._told.get(shard, ()))
        said = [*told, *self._said.get(shard, ())]
        return [_pinned(one, shard, self._known) for one in said]

    def __contains__(self, shard: object) -> bool:
        return shard in self._told or shard in self._said

    def __iter__(self) -> Iterator[int]:
        return iter(self._told.keys() | self._said.keys())

    def __len__(self) -> int:
        return len(self._told.keys() | self._said.keys())


def attribute(known: Known, heard: Heard, open_ones: set[str], now: float) -> Observed:
    """Return what LSF says, by shard.

    Args:
        known: what lies in the run's files.
        heard: what LSF's commands answered.
        open_ones: native ids of which the files do not say how they ended.
        now: when bjobs was asked, in seconds since the epoch.
    """
    _take_history(known, heard)
    shards = _Shards(known)
    rows = heard.rows or {}
    jobs: dict[int, set[str]] = defaultdict(set)
    for row in rows.values():
        for placed in _of_row(known, row, now):
            shards.add(*placed)
            jobs[placed[1].submission or 0].add(str(row.job))
    for native_id in sorted((open_ones | known.rough.keys()) - rows.keys()):
        said = _unlisted(known, native_id, now, gone=heard.rows is not None)
        if said is not None and not known.is_settled(native_id):
            shards.add(*said)
    for native_id, submission in known.of.items():
        jobs[submission].add(str(job_of(native_id)))
    for native_id, one in known.submitted.items():
        jobs[one.submission].add(str(job_of(native_id)))
    packed = any(one.submission.shards_per_job > 1 for one in known.reports.values())
    return Observed(
        shards=shards,
        queue=None if heard.rows is None else BJOBS,
        asked=now,
        schedulers=frozenset(("lsf",)),
        jobs={number: frozenset(ids) for number, ids in jobs.items() if number},
        begun=known.recorded.begun if packed else None,
        notes=heard.notes,
    )


def _take_history(known: Known, heard: Heard) -> None:
    """Keep what bhist or bacct say of jobs that are over: it does not change any more."""
    for row in heard.history:
        if not row.over or row.native_id in known.settled:
            continue
        placed = known.by_id(row.native_id) or known.place(row.name, row.element)
        if placed is None or not _is_same(known, row.native_id, row.name, row.submitted):
            continue
        number, shards = placed
        if number is None:
            named = known.place(row.name, row.element)
            number = named[0] if named else next(iter(known.reports))
        said = of_history(row, heard.source, known.asked(number, shards))
        known.reports[number].remember(said, shards)
        told = known.reports[number].told_of(row.native_id)
        known.settled[row.native_id], known.of[row.native_id] = told, number


def _is_same(known: Known, native_id: str, name: str | None, submitted: float | None) -> bool:
    """Say whether a job is not a later one that was given the same id."""
    if known.place(name, 0) or name is None or submitted is None:
        return True
    since = known.since(native_id)
    return not since or submitted <= since + _CLOCKS_S


def _of_row(known: Known, row: JobRow, now: float) -> Iterator[_Placed]:
    """Yield what bjobs says of a job, unless its report says more."""
    placed = known.place(row.name, row.element) or known.by_id(row.native_id)
    if placed is None:
        return
    number, shards = placed
    said = of_row(row, known.asked(number, shards), now)
    told = known.settled.get(row.native_id)
    if told is not None and not _is_later(known, row, said, told):
        return
    if said.kind in LIVE or told is None:
        yield shards, said


def _is_later(known: Known, row: JobRow, said: Observation, told: Told) -> bool:
    """Say whether a job was started again, or waits for that, after what was told of its end.

    Else LSF has yet to notice an end: the report is written first.
    """
    if said.kind in ("pending", "held") or not known.is_settled(row.native_id):
        return True
    started = told.observation().started
    return bool(row.started and started and row.started > started + _MINUTE_S)


def _unlisted(known: Known, native_id: str, now: float, *, gone: bool) -> _Placed | None:
    """Return what there is to say of a job that bjobs does not list, or was not asked for.

    With a record there is nothing to add to it.
    """
    placed = known.by_id(native_id)
    if placed is None:
        return None
    number, shards = placed
    rough = known.rough.get(native_id)
    cut = rough.observation() if rough else None
    if known.recorded.starts(native_id) and (gone or cut is None or cut.state != "cut"):
        return None
    since = known.since(native_id)
    if not gone or now - since < NFS_LAG_S:
        why = "no record and no report of it: it waits, or was ended while it waited"
        said = Observation(_JOURNAL, native_id, "unknown", "submitted", why, submission=number)
        said = cut or said._replace(submitted=since or None)
        return shards, said._replace(weak=not gone)
    why = "bjobs does not know it any more, and it has left no record"
    why += f"; {cut.state}: {cut.why}" if cut else " and no report"
    return shards, Observation(
        BJOBS, native_id, "vanished", "gone", why, submission=number, preliminary=True
    )


def _pinned(said: Observation, shard: int, known: Known) -> Observation:
    """Let an observation speak of the execution that left a record, by the record's start."""
    starts = known.recorded.starts(said.native_id, None if said.packed else shard)
    if not starts:
        if said.kind in LIVE and said.started is None and said.submitted is None:
            return said._replace(submitted=known.created(said.submission))
        return said
    if said.kind in ("pending", "held"):  # it began before: it was put back into the queue
        return said._replace(submitted=None)
    if said.kind in LIVE:
        return said._replace(started=float(starts[0 if said.packed else -1].time))
    if said.packed or said.kind == "vanished":
        return said
    begun = [one.time for one in starts if said.ended is None or one.time <= said.ended + _MINUTE_S]
    if said.started is not None:
        begun = [time for time in begun if time >= said.started - _CLOCKS_S]
    if not begun:
        return said
    start = float(begun[0] if said.started is not None else begun[-1])
    return said._replace(
        started=start, ended=None if said.ended is None else max(said.ended, start)
    )
