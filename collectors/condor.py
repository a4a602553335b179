"""The event logs of a run, one a submission: read from where they were left, and kept."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from collectors.condor_events import SUBMIT
from collectors.condor_known import STRANGER, Job, keep, kept
from collectors.condor_log import Event, LogReader, fingerprint
from manifest.header import Header

_CLUSTER_SUBMIT, _CLUSTER_REMOVE, _FACTORY_PAUSED, _FACTORY_RESUMED = 35, 36, 37, 38
_FACTORY = {_CLUSTER_SUBMIT: "open", _FACTORY_PAUSED: "paused", _FACTORY_RESUMED: "open"}
_ALL_MADE = 1
_NOTES = re.compile(r"farmhand (\S+) (\d+) (\d+)(?: (\w+))?")
_ALIAS = re.compile(r"[?&]alias=([^&>\s]+)")
_VERSION = "farmhand-log-3"


def log_path(run: str, submission: int) -> str:
    """Return the path of a submission's event log."""
    return os.path.join(run, "logs", str(submission), "condor.log")


class Notes(NamedTuple):
    """What a job says of itself (submit_event_notes)."""

    submission: int
    shard: int
    mode: str | None


def read_notes(text: object, run_uuid: str) -> Notes | None:
    """Return what a job of this run says of itself; None: it is of no run, or of another one."""
    match = _NOTES.search(str(text or ""))
    if not match or match[1] != run_uuid:
        return None
    return Notes(int(match[2]), int(match[3]), match[4])


@dataclass(slots=True)
class SubmissionLog:
    """What the event log of one submission has told so far."""

    path: str
    offset: int = 0
    damaged: int = 0
    jobs: dict[str, Job] = field(default_factory=dict)
    """``cluster.proc`` -> job."""
    factories: dict[str, str] = field(default_factory=dict)
    """Cluster -> open, paused, complete (all jobs are made) or removed, of those that are
    materialized bit by bit."""
    mode: str | None = None
    """shared or transfer: the submit file that was taken."""
    schedd: str | None = None
    """The machine of the schedd that has the jobs."""
    grown: bool = False
    """Something was read that was not known when this was kept."""

    @property
    def _kept(self) -> str:
        return f"{self.path}.read"

    def mine(self) -> Iterator[tuple[str, Job]]:
        """Yield the jobs of this submission."""
        return ((name, job) for name, job in self.jobs.items() if job.shard != STRANGER)

    def recall(self) -> None:
        """Take up what an earlier collect kept; what does not fit is read again from the log."""
        found = kept(self._kept)
        if found is None:
            return
        head, jobs = found
        offset: int = head.get("offset", 0)
        if (head["version"], head["log"]) == (_VERSION, fingerprint(self.path, offset)):
            self.jobs, self.offset, self.damaged = jobs, offset, head["damaged"]
            self.mode, self.schedd, self.factories = head["mode"], head["schedd"], head["factories"]

    def keep(self) -> None:
        """Keep what was read, so that the next collect reads only what is new."""
        if self.grown:
            head = {
                "version": _VERSION,
                "log": fingerprint(self.path, self.offset),
                "offset": self.offset,
                "damaged": self.damaged,
                "mode": self.mode,
                "schedd": self.schedd,
                "factories": self.factories,
            }
            keep(self._kept, head, self.jobs)

    def read(self, run_uuid: str) -> None:
        """Read what is new in the log."""
        reader = LogReader(self.path, self.offset)
        for event in reader.events():
            if _CLUSTER_SUBMIT <= event.type <= _FACTORY_RESUMED:
                self._factory(event)
                continue
            name = f"{event.cluster}.{event.proc}"
            job = self.jobs.get(name)
            if job is None:
                job = self.jobs[name] = Job()
            if event.type == SUBMIT:
                self._submitted(job, event, run_uuid)
            job.add(event)
        self.grown = reader.offset != self.offset or reader.damaged > 0
        self.offset = reader.offset
        self.damaged += reader.damaged

    def _submitted(self, job: Job, event: Event, run_uuid: str) -> None:
        text = event.text.decode(errors="replace")
        told = read_notes(event.facts.get("LogNotes", text), run_uuid)
        if told:
            job.shard, self.mode = told.shard, told.mode or self.mode
            if self.schedd is None:
                alias = _ALIAS.search(text.replace("&amp;", "&"))
                self.schedd = alias[1] if alias else None

    def _factory(self, event: Event) -> None:
        cluster = str(event.cluster)
        if event.type == _CLUSTER_REMOVE:
            all_made = event.facts.get("Completion") == _ALL_MADE
            self.factories[cluster] = "complete" if all_made else "removed"
        elif self.factories.get(cluster) not in ("complete", "removed"):  # it may be told late
            self.factories[cluster] = _FACTORY[event.type]


def read_logs(run: str, header: Header) -> dict[int, SubmissionLog]:
    """Read the event logs of a run's submissions for HTCondor, each from where it was left."""
    logs = {}
    for submission in header.submissions:
        if submission.scheduler == "htcondor":
            log = logs[submission.id] = SubmissionLog(log_path(run, submission.id))
            log.recall()
            log.read(header.run_uuid)
    return logs
