"""What every kind of merge is given, what it gives back, and the refusals they share."""

from __future__ import annotations

import contextlib
import datetime as dt
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from manifest.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from manifest.checks import MergeSettings
    from outputs.command import RunCommand
    from outputs.facts import ShardFacts, Source


@dataclass(frozen=True, slots=True)
class MergeJob:
    """One merge: sources in the order of their ranges, and where the result goes."""

    spec: MergeSettings
    sources: Sequence[Source]
    target: str
    missing: Sequence[ShardFacts]
    run: Mapping[str, Any]
    allow_partial: bool = False
    run_command: RunCommand | None = None
    sidecar: bool = True
    """Write ``<target>.merge.json``; not where somebody else keeps the provenance."""
    expected: Collection[str] | None = None
    """Keys that have to be there, and no others; None: whatever is there."""
    created_at_utc: str = field(
        default_factory=lambda: dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    )


@dataclass(frozen=True, slots=True)
class MergeReport:
    """What a merge made."""

    kind: str
    targets: tuple[str, ...]
    """The result files; never the sidecar."""
    shards: int
    rows: int | None
    """Rows, lines or toys of the result; None when the kind has nothing to count."""
    table: list[tuple[str, str]]
    """(label, value) pairs for a human summary."""
    warnings: tuple[str, ...] = ()
    passed: bool = True
    """False when the result is whole, but its own criteria (toy guardrails) say no."""
    sidecar: str | None = None
    """The provenance file beside the result; None for toys, which carry theirs."""
    counts: Mapping[str, Any] = field(default_factory=dict)
    """Numbers worth keeping beside the result: entries of trees, …"""
    used: tuple[Source, ...] | None = None
    """The sources whose content is in the result; None: all of them."""


class Merger(Protocol):
    """A module of one kind: ``outputs/<kind>.py``."""

    def merge(self, job: MergeJob) -> MergeReport:
        """Merge and publish, or raise Refusal or UserError and leave nothing behind."""


def refuse(source: Source, why: str) -> Refusal:
    """Return the refusal of one source: the shard, its file, the reason."""
    facts = source.facts
    if not facts.planned:
        return Refusal(f"not merged: {source.shown}: {why}", where=source.path)
    return Refusal(
        f"not merged: {source.label}: {why}",
        where=source.shown,
        hint="if this file is wrong, remove it: then farmhand collect --in-place --recheck calls "
        f"{facts.name} bad, and resubmit does it again",
    )


@contextlib.contextmanager
def reading(source: Source) -> Iterator[None]:
    """Turn an OSError of reading a source into a refusal that names its shard."""
    try:
        yield
    except OSError as error:
        raise refuse(source, f"cannot be read: {error.strerror or error}") from error


def missing_rows(missing: Sequence[ShardFacts]) -> list[dict[str, Any]]:
    """Return the shards a partial result lacks, as its provenance lists them."""
    return [
        {
            "shard_index": facts.index,
            "name": facts.name,
            "component": facts.component,
            "start": facts.start,
            "size": facts.size,
        }
        for facts in missing
    ]


def added(numbers: Sequence[int | float]) -> int | float:
    """Return a sum that does not depend on the order: exact for integers, rounded once for floats.

    Infinite when it is more than a float holds.

    >>> added([1, 2**80]), added([0.1] * 10)
    (1208925819614629174706177, 1.0)
    """
    if all(isinstance(number, int) for number in numbers):
        return sum(numbers)
    try:
        return math.fsum(numbers)
    except OverflowError:
        return math.inf


def finite(number: float) -> bool:
    """Say whether a number can be added to others: no nan, and no more than a float holds.

    >>> finite(10**400), finite(1.5)
    (False, True)
    """
    try:
        return math.isfinite(number)
    except OverflowError:
        return False
