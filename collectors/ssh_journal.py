"""Launches on hosts, as RUN/logs/ssh.jsonl tells of them, and what follows for their shards."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from collectors.observation import Kind, Observation, Observed
from collectors.records import lines_of

JOURNAL = os.path.join("logs", "ssh.jsonl")
SOURCE = "ssh"
_EVENTS = ("about to", "started", "not started", "pulled", "lost", "dismissed")
_LOST: dict[str, Kind] = {
    "node": "node",
    "stage_out": "stage_out",
    "vanished": "vanished",
    "setup": "setup",
    "disk": "disk",
}
_MAY_COME_BACK = ("node", "stage_out")


@dataclass(frozen=True, slots=True)
class Launched:
    """One launch, and the last thing that was heard of it."""

    id: str
    shard: int
    submission: int
    host: str
    event: str
    time: float
    facts: dict[str, Any]
    begun: bool
    """Whether it was ever seen to have been started."""
    started: float | None = None
    """When, by its own record."""

    @property
    def unsettled(self) -> bool:
        """Return whether there may be more to hear of it."""
        if self.event == "lost":
            return self.facts.get("kind") in _MAY_COME_BACK
        return self.event in ("about to", "started")


def read_launches(run: str) -> dict[str, Launched]:
    """Return all launches by id."""
    try:
        with open(os.path.join(run, JOURNAL), "rb") as stream:
            data = stream.read()
    except OSError:
        return {}
    found: dict[str, Launched] = {}
    for line in lines_of(data):
        launch, event = line.get("launch"), line.get("event")
        if not isinstance(launch, str) or event not in _EVENTS:
            continue
        known = found.get(launch)
        if event == "about to":
            if not all(type(line.get(key)) is int for key in ("shard", "submission")):
                continue
            place = (line["shard"], line["submission"], str(line.get("host")))
        elif known is not None:
            place = (known.shard, known.submission, known.host)
        else:
            continue
        begun = event == "started" or (known is not None and known.begun)
        at = line.get("time")
        when = float(at) if isinstance(at, int | float) else 0.0
        start = line.get("started")
        started = start if isinstance(start, float) else known and known.started
        found[launch] = Launched(launch, *place, event, when, line, begun, started or None)
    return found


def observed_by_ssh(run: str) -> Observed:
    """Return what is known of attempts on hosts beside their records."""
    shards: dict[int, list[Observation]] = {}
    asked = 0.0
    for launch in read_launches(run).values():
        said = _observation(launch)
        if said is not None:
            shards.setdefault(launch.shard, []).append(said)
        asked = max(asked, launch.time)
    return Observed(shards, asked=asked, schedulers=frozenset((SOURCE,)))


def _observation(launch: Launched) -> Observation | None:
    facts = launch.facts
    if launch.event in ("not started", "dismissed"):
        return None
    if launch.event == "pulled":
        code, ended = facts.get("code"), facts.get("ended")
        return Observation(
            SOURCE,
            launch.id,
            "completed" if code == 0 else "failed",
            "ended",
            code=code if isinstance(code, int) else None,
            started=launch.started,
            ended=ended if isinstance(ended, float) else None,
            node=launch.host,
            submission=launch.submission,
        )
    if launch.event == "lost":
        kind = _LOST.get(str(facts.get("kind")), "vanished")
        return Observation(
            SOURCE,
            launch.id,
            kind,
            f"lost on {launch.host}",
            why=str(facts.get("why", "")),
            started=launch.started,
            submission=launch.submission,
            preliminary=facts.get("kind") in _MAY_COME_BACK,
        )
    running: Kind = "running" if launch.event == "started" else "unknown"
    state = "started" if launch.event == "started" else "about to be started"
    return Observation(
        SOURCE,
        launch.id,
        running,
        state,
        started=launch.started,
        node=launch.host,
        submission=launch.submission,
    )
