"""The head of a manifest: everything in it but the rows."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict

from manifest.layout import parse_ranges

SCHEMA = "farmhand.manifest/1"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Submission(_Model):
    """A set of shards with their resources, as written for one scheduler."""

    id: int
    scheduler: str
    mode: str | None = None
    shards: str
    """Shard numbers as ranges: ``0-7`` or ``3,7-9``."""
    shards_per_job: int = 1
    """How many of them one element of a job array runs, one after the other."""
    arrays: tuple[int, ...] = ()
    """Elements of each job array; none where the scheduler has no arrays."""
    resources: dict[str, Any]
    created_at_utc: str
    native_ids: tuple[str, ...] = ()


class Block(_Model):
    """One block of 1,000 shards: where its rows lie, and what is known of it without them."""

    digest: str | None = None
    """Of its record names, once all of its attempts have ended: then there is nothing to read."""
    accounted: bool = False
    """Whether the scheduler has said all there is to say about those attempts."""
    destination: str | None = None
    """Of what was last listed of its files at their destination: unchanged, nothing is judged."""
    plans: int
    """Bytes of its plans, separators between blocks not counted."""
    results: int
    states: dict[str, int]
    """Shards by state, and ``bad``."""


class Header(_Model):
    """Everything in a manifest but its rows."""

    schema_version: str
    revision: int
    """Counts the writes; compared before a rename, since locks may not hold on NFS."""
    run_id: str
    run_uuid: str
    name: str
    scheduler: str
    plan_id: str
    seed: int | None
    seed_ranges: tuple[tuple[int, int], ...] = ()
    """[low, high) of the base + start seeds in use, to warn about overlapping runs."""
    shards: int
    created_at_utc: str
    collected_at_utc: str | None = None
    journal_bytes: int = 0
    """How much of the local pool's journal has been folded in."""
    blocks: tuple[Block, ...] = ()
    submissions: tuple[Submission, ...] = ()

    @cached_property
    def rendered(self) -> int:
        """Number of submissions that the render made: the first, which share out all shards."""
        left = self.shards
        for number, submission in enumerate(self.submissions):
            if left <= 0:
                return number
            left -= sum(1 for _ in parse_ranges(submission.shards))
        return len(self.submissions)
