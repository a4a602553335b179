"""What HTCondor says about a run, by shard: event logs first, then what its schedd answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from collectors.condor import SubmissionLog, read_notes
from collectors.condor_ads import Ad, Ads, corrected, rows_of, schedd_of
from collectors.condor_known import Job
from collectors.condor_observations import SOURCE, Subject, observations
from collectors.observation import LIVE, Observation, Observed
from manifest.header import Header
from manifest.layout import parse_ranges


class _Known(NamedTuple):
    submission: int
    native_id: str
    job: Job | None
    """None: the event log does not know it."""
    ad: Ad | None = None


class _Shards(Mapping[int, list[Observation]]):
    """Observations by shard, made when they are asked for: mostly, few are."""

    def __init__(self, logs: Mapping[int, SubmissionLog], ads: Ads, run_uuid: str) -> None:
        self._logs = logs
        self._ads = ads
        self._jobs: dict[int, list[_Known]] = defaultdict(list)
        self._unmade: dict[int, list[Observation]] = defaultdict(list)
        for number, log in logs.items():
            for native_id, job in log.mine():
                self._jobs[job.shard].append(_Known(number, native_id, job))
        for native_id, ad in ads:
            notes = read_notes(ad.get("SubmitEventNotes"), run_uuid)
            if notes and notes.submission in logs and native_id not in logs[notes.submission].jobs:
                known = _Known(notes.submission, native_id, None, ad)
                self._jobs[notes.shard].append(known)

    def add(self, shard: int, said: Observation) -> None:
        self._unmade[shard].append(said)

    def __getitem__(self, shard: int) -> list[Observation]:
        if shard not in self:
            raise KeyError(shard)
        return [*self._unmade.get(shard, ()), *self._told(shard)]

    def _told(self, shard: int) -> Iterator[Observation]:
        for known in self._jobs.get(shard, ()):
            listed = self._ads.queue is None or known.native_id in self._ads.queue
            for said in self._of_job(known):
                if listed or said.kind not in LIVE:
                    yield said

    def _of_job(self, known: _Known) -> Iterator[Observation]:
        queued, left = self._ads.of(known.native_id)
        rows = known.job.events() if known.job else list(rows_of(known.ad or {}))
        course, teller = corrected(rows, queued, left)
        if known.job is None:
            teller = "condor_history" if left else "condor_q"
        schedd = schedd_of(queued) or self._logs[known.submission].schedd
        return observations(Subject(known.native_id, known.submission, schedd, teller), course)

    def __contains__(self, shard: object) -> bool:
        return shard in self._jobs or shard in self._unmade

    def __iter__(self) -> Iterator[int]:
        return iter(self._jobs.keys() | self._unmade.keys())

    def __len__(self) -> int:
        return len(self._jobs.keys() | self._unmade.keys())


def attribute(
    logs: Mapping[int, SubmissionLog],
    header: Header,
    ads: Ads,
    now: float,
    notes: tuple[str, ...] = (),
) -> Observed:
    """Return what the logs say, by shard.

    Args:
        logs: by submission.
        header: of the run.
        ads: what the schedd answered.
        now: in seconds since the epoch.
        notes: what the user should know about the asking.
    """
    shards = _Shards(logs, ads, header.run_uuid)
    for submission in header.submissions:
        if submission.id in logs:
            log = logs[submission.id]
            for shard, said in _unmaterialized(log, submission.shards):
                shards.add(shard, said._replace(submission=submission.id))
    return Observed(
        shards=shards,
        queue=None if ads.queue is None else "condor_q",
        asked=now,
        schedulers=frozenset(("htcondor",)),
        modes={number: log.mode for number, log in logs.items() if log.mode},
        jobs={
            number: frozenset(name.partition(".")[0] for name in log.jobs) | log.factories.keys()
            for number, log in logs.items()
        },
        notes=(*notes, *_complaints(logs)),
    )


def _complaints(logs: Mapping[int, SubmissionLog]) -> Iterator[str]:
    for log in logs.values():
        if log.damaged:
            yield (
                f"{log.damaged} event{'s' * (log.damaged != 1)} in {log.path} could not be read; "
                "the others were"
            )
        yield from _stalled(log)


def _stalled(log: SubmissionLog) -> Iterator[str]:
    """Yield which clusters make no new jobs: paused, or held jobs count as if they ran."""
    for cluster, state in log.factories.items():
        if state not in ("open", "paused"):
            continue
        names = [name for name in log.jobs if name.partition(".")[0] == cluster]
        live = [log.jobs[name].course().state for name in names if not log.jobs[name].over]
        held = live.count("held")
        if state == "paused" or (held and held == len(live)):
            yield (
                f"cluster {cluster} makes no new jobs: the factory is stalled, "
                f"{held} of its {len(names)} jobs are held (max_materialize counts them)"
            )


def _unmaterialized(log: SubmissionLog, ranges: str) -> Iterator[tuple[int, Observation]]:
    """Yield the shards for which a job is yet to be made, or never will be.

    Jobs are made in the order of the item list, which is that of the shards: so it is known which
    id a job will have, and what is said of it now gives way to what is said of it then.
    """
    clusters = {state: cluster for cluster, state in log.factories.items() if state != "complete"}
    if not clusters:
        return
    cluster = clusters.get("open") or clusters.get("paused")
    made = {job.shard for _, job in log.mine()}
    for position, shard in enumerate(parse_ranges(ranges)):
        native_id = f"{cluster or clusters['removed']}.{position}"
        if shard in made or native_id in log.jobs:
            continue
        if cluster:
            why = "its job is not made yet"
            yield shard, Observation(SOURCE, native_id, "pending", "unmaterialized", why)
        else:
            why = "its cluster was removed before its job was made"
            yield shard, Observation(SOURCE, native_id, "cancelled", "removed", why)
