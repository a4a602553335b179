"""Which shards a pool has to run, and as what jobs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping

from farmhand.gather import Gathered
from farmhand.select import latest_submission, not_started
from manifest.header import Header
from manifest.resources import Resources
from manifest.store import Manifest
from runners.job import NOTHING_SAID, Adopted, Ask, Job
from runners.processes import live_payloads


class Asks:
    """What each shard asks for, by its latest submission."""

    def __init__(self, header: Header) -> None:
        """Read all submissions."""
        self.latest = latest_submission((s.id, s.shards) for s in header.submissions)
        self.resources = {s.id: Resources.model_validate(s.resources) for s in header.submissions}
        self._asks = {k: Ask(r.cpus or 1, r.memory) for k, r in self.resources.items()}

    def of(self, shard: int) -> Ask:
        """Return what a shard asks for."""
        return self._asks.get(self.latest.get(shard, 0), NOTHING_SAID)


def living(folder: str, asks: Asks) -> tuple[list[Adopted], set[int]]:
    """Return what an earlier pool left running, and the shards that somebody else runs here."""
    payloads = live_payloads(folder)
    adopted = [
        Adopted(shard, payload.pid, payload.pid_start, asks.of(shard))
        for payload in payloads
        if payload.scheduler == "local"
        for shard in payload.shards
    ]
    return adopted, {s for p in payloads if p.scheduler != "local" for s in p.shards}


def due_shards(
    manifest: Manifest, chosen: Iterable[int], latest: Mapping[int, int], alive: set[int]
) -> tuple[list[int], list[int]]:
    """Return the shards to start, and those of which nobody knows whether they run elsewhere."""
    due, unknown = [], []
    for index in chosen:
        state, cause = manifest.results.head(index)
        if state in ("succeeded", "running", "pending") or index in alive:
            continue
        doubtful = state == "unknown" and cause is None
        if doubtful and not not_started(manifest.results.row(index), latest[index]):
            unknown.append(index)
        else:
            due.append(index)
    return due, unknown


def jobs_of(gathered: Gathered, asks: Asks, due: Iterable[int]) -> Iterator[Job]:
    """Yield one call of the payload a shard, as its latest submission asked."""
    usual = gathered.facts.spec.resources.cpus or 1
    calls = {
        number: (
            # The payload is one for the run, and knows only the cores that the spec asks for at its
            # top; env(1) becomes bash, so the process stays the same.
            *(() if (r.cpus or 1) == usual else ("/usr/bin/env", f"fh_cpus={r.cpus or 1}")),
            "/bin/bash",
            os.path.join(gathered.facts.run, "plan", "shard.sh"),
            gathered.manifest.header.plan_id,
            str(number),
            "local",
            "-",
            "0",
            str(r.walltime or 0),
        )
        for number, r in asks.resources.items()
    }
    for index in due:
        yield Job(index, (*calls[asks.latest[index]], str(index)), asks.of(index))
