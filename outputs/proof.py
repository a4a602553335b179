"""The completeness proof: every planned shard is there once, and the ranges tile the work.

Pure functions over (start, size) rows. Sorting dominates: O(n log n) for n shards.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from manifest.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

SHOWN = 10
"""Ranges of shard indices that a message lists before it says ``and N more``."""


class Planned(Protocol):
    """One planned row: elements ``start`` to ``start + size - 1`` of its component.

    ``outputs.facts.ShardFacts`` is one; so is any row of the manifest with these attributes.
    """

    @property
    def index(self) -> int: ...  # noqa: D102 (the class says it)
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def component(self) -> str | None: ...  # noqa: D102
    @property
    def start(self) -> int: ...  # noqa: D102
    @property
    def size(self) -> int: ...  # noqa: D102


class Span(NamedTuple):
    """The half-open range ``start`` to ``stop`` of a component's elements."""

    component: str | None
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Proof:
    """What was compared, and everything that speaks against merging."""

    shards: int
    """Number of planned rows."""
    covered: tuple[Span, ...]
    """The elements that accepted sources cover, as few spans as possible."""
    missing: tuple[Planned, ...]
    """Planned, but without an accepted source."""
    duplicates: tuple[Planned, ...]
    """Accepted more than once, or planned more than once under one index."""
    unknown: tuple[int, ...]
    """Accepted indices that the plan does not have."""
    overlaps: tuple[tuple[Planned, Planned], ...]
    """Accepted shards that share elements: (the earlier, the one that begins inside it)."""
    gaps: tuple[Span, ...]
    """Elements that no planned row covers, whether its source is there or not."""

    @property
    def complete(self) -> bool:
        """Whether every element is there exactly once."""
        return self.sound and not self.missing

    @property
    def sound(self) -> bool:
        """Whether nothing but missing shards speaks against merging."""
        return not (self.duplicates or self.unknown or self.overlaps or self.gaps)


def prove(
    planned: Iterable[Planned],
    accepted: Iterable[int],
    *,
    totals: Mapping[str | None, int] | None = None,
) -> Proof:
    """Compare the plan with the shards that have an accepted source.

    Args:
        planned: all rows of the plan, in any order.
        accepted: shard indices with an accepted source, one entry a source.
        totals: elements of each component (``work.count``). Given, the ranges are checked for
            overlaps and gaps; left out, only the shards are counted (items, files, grids).
    """
    rows = list(planned)
    found = Counter(accepted)
    times = Counter(row.index for row in rows)
    known = {row.index: row for row in rows}
    have = [row for row in rows if row.index in found]
    return Proof(
        shards=len(rows),
        covered=tuple(_union(have)),
        missing=tuple(row for row in rows if row.index not in found),
        duplicates=tuple(
            known[index] for index in sorted(known) if times[index] > 1 or found[index] > 1
        ),
        unknown=tuple(sorted(index for index in found if index not in known)),
        overlaps=() if totals is None else tuple(_overlaps(have)),
        gaps=() if totals is None else tuple(_gaps(rows, totals)),
    )


def _in_order(rows: Iterable[Planned]) -> list[Planned]:
    """Return rows that hold something, by component, start and index."""
    return sorted(
        (row for row in rows if row.size > 0),
        key=lambda row: (row.component or "", row.start, row.index),
    )


def _union(rows: Iterable[Planned]) -> Iterator[Span]:
    span: Span | None = None
    for row in _in_order(rows):
        stop = row.start + row.size
        if span is None or row.component != span.component or row.start > span.stop:
            if span is not None:
                yield span
            span = Span(row.component, row.start, stop)
        elif stop > span.stop:
            span = span._replace(stop=stop)
    if span is not None:
        yield span


def _overlaps(rows: Iterable[Planned]) -> Iterator[tuple[Planned, Planned]]:
    furthest: Planned | None = None
    for row in _in_order(rows):
        if furthest is None or row.component != furthest.component:
            furthest = row
            continue
        if row.start < furthest.start + furthest.size:
            yield furthest, row
        if row.start + row.size > furthest.start + furthest.size:
            furthest = row


def _gaps(rows: Sequence[Planned], totals: Mapping[str | None, int]) -> Iterator[Span]:
    """Yield what the plan leaves out of 0..total of each component (and what lies beyond it)."""
    spans: dict[str | None, list[Span]] = {component: [] for component in totals}
    for span in _union(rows):
        spans.setdefault(span.component, []).append(span)
    for component, parts in spans.items():
        at, total = 0, totals.get(component, 0)
        for span in parts:
            if span.start > at:
                yield Span(component, at, min(span.start, total) if at < total else span.start)
            at = span.stop
        if at != total:
            yield Span(component, min(at, total), max(at, total))


def compact_ranges(indices: Iterable[int]) -> str:
    """Return indices as ascending ranges without blanks.

    >>> compact_ranges([2, 0, 1, 5])
    '0-2,5'
    """
    return ",".join(_text(first, last) for first, last in _runs(indices))


def name_shards(indices: Iterable[int], limit: int = SHOWN) -> str:
    """Return indices as ranges for a message, cut after ``limit`` ranges.

    >>> name_shards([7, 3, 8, 9])
    '3, 7-9'
    >>> name_shards(range(0, 100, 2), limit=3)
    '0, 2, 4 and 47 more'
    """
    runs = list(_runs(indices))
    shown = ", ".join(_text(first, last) for first, last in runs[:limit])
    left = sum(last - first + 1 for first, last in runs[limit:])
    return f"{shown} and {left} more" if left else shown


def _text(first: int, last: int) -> str:
    return f"{first}" if first == last else f"{first}-{last}"


def _runs(indices: Iterable[int]) -> Iterator[tuple[int, int]]:
    first = last = None
    for index in sorted(set(indices)):
        if first is None or last is None or index != last + 1:
            if first is not None and last is not None:
                yield first, last
            first = index
        last = index
    if first is not None and last is not None:
        yield first, last


def refuse_unless_complete(
    proof: Proof, *, allow_missing: bool = False, where: str | None = None
) -> None:
    """Return when the sources may be merged.

    Args:
        proof: of ``prove``.
        allow_missing: accept missing shards (``--allow-partial``); nothing else is forgiven.
        where: the run or manifest, for the message.

    Raises:
        Refusal: naming the shards, every kind of reason in one message.
    """
    reasons = list(_reasons(proof))
    if proof.missing and not allow_missing:
        reasons.insert(0, _missing(proof))
    if not reasons:
        return
    only_missing = proof.sound
    hint = (
        "redo them (farmhand check says why, farmhand resubmit writes the scripts), "
        "or merge without them with --allow-partial"
        if only_missing
        else "the manifest was changed by hand, or belongs to another run: render it again"
    )
    raise Refusal(f"not merged: {'; '.join(reasons)}", where=where, hint=hint)


def _missing(proof: Proof) -> str:
    rows = proof.missing
    if len(rows) == 1:
        return f"shard {rows[0].index} ({rows[0].name}) of {proof.shards} has no accepted output"
    names = name_shards(row.index for row in rows)
    return f"{len(rows)} of {proof.shards} shards have no accepted output: {names}"


def _reasons(proof: Proof) -> Iterator[str]:
    if proof.duplicates:
        yield f"more than one source for shards {name_shards(r.index for r in proof.duplicates)}"
    if proof.unknown:
        yield f"the plan has no shards {name_shards(proof.unknown)}"
    if proof.overlaps:
        pairs = [f"{a.index} ({a.name}) and {b.index} ({b.name})" for a, b in proof.overlaps]
        yield f"overlapping ranges of shards {_first(pairs)}"
    if proof.gaps:
        yield f"no planned shard holds elements {_first([_span(gap) for gap in proof.gaps])}"


def _span(span: Span) -> str:
    text = _text(span.start, span.stop - 1)
    return f"{text} of {span.component}" if span.component else text


def _first(texts: Sequence[str]) -> str:
    more = len(texts) - SHOWN
    return ", ".join(texts[:SHOWN]) + (f" and {more} more" if more > 0 else "")
