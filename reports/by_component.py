"""How a run stands, component by component: a line each, then its bad chunks with the evidence."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from manifest.layout import BLOCK, ranges
from manifest.store import Manifest
from reports.bad_table import evidence_lines, group_bad, shorten
from reports.tally import Tally, tally

_CHUNK = "_Chunk"
_GROUPS = 40
"""Of bad chunks, in all components together; then the rest is only counted."""


@dataclass(frozen=True, slots=True)
class Span:
    """A component and its place in the run."""

    name: str
    first: int
    shards: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A component and how it stands."""

    name: str
    tally: Tally
    causes: Counter[str]
    """Of its bad shards."""
    noun: str = "shard"
    """Or chunk, where its files were split."""

    def text(self) -> str:
        """Return for example ``12 chunks: 10 succeeded, 2 failed (1 oom, 1 timeout)``."""
        number = self.tally.shards
        states = self.tally.text().partition(": ")[2]
        causes = ", ".join(f"{count} {cause}" for cause, count in self.causes.most_common())
        noun = f"{self.noun}{'s' * (number != 1)}"
        return f"{number} {noun}: {states}" + (f" ({causes})" if causes else "")


def component_of(spans: Sequence[Span]) -> Callable[[int], str | None]:
    """Return the function that says which component a shard is of."""
    firsts = [span.first for span in spans]

    def find(shard: int) -> str | None:
        at = bisect_right(firsts, shard) - 1
        return spans[at].name if at >= 0 and shard < firsts[at] + spans[at].shards else None

    return find


def by_component(
    manifest: Manifest, spans: Iterable[Span], only: Iterable[int] | None = None
) -> list[Standing]:
    """Count by component, of all shards or of those in ``only``; what has none is left out."""
    wanted = None if only is None else sorted(set(only))
    found = []
    for span in spans:
        last = span.first + span.shards
        if wanted is None:
            counted = _whole(manifest, span.first, last)
        else:
            counted = tally(
                manifest, wanted[bisect_left(wanted, span.first) : bisect_left(wanted, last)]
            )
        if counted.shards:
            heads = (manifest.results.head(index) for index in counted.bad)
            causes = Counter(cause or state for state, cause in heads)
            chunked = manifest.plans.row(span.first)["name"].startswith(span.name + _CHUNK)
            found.append(Standing(span.name, counted, causes, "chunk" if chunked else "shard"))
    return found


def _whole(manifest: Manifest, first: int, last: int) -> Tally:
    """Count the shards of a component; blocks that are all its own, and not bad, by their head."""
    found = Tally()
    at = first
    while at < last:
        block, end = at // BLOCK, min(last, (at // BLOCK + 1) * BLOCK)
        states = manifest.header.blocks[block].states
        if end - at == BLOCK and not states.get("bad"):
            found.states.update(states)
            found.shards += BLOCK
        else:
            part = tally(manifest, range(at, end))
            found.states.update(part.states)
            found.shards += part.shards
            found.bad += part.bad
        at = end
    return found


def component_table(
    standings: Sequence[Standing],
    rows: Iterable[dict[str, Any]],
    width: int,
    again: Collection[int] = (),
) -> list[str]:
    """Return the lines of the table, none wider than ``width`` where names allow it.

    Args:
        standings: the components, in order.
        rows: the bad shards, as ``check --json`` lists them.
        width: of the terminal.
        again: shards that were submitted again and are waited for; they are only counted.
    """
    of_shard = {index: one.name for one in standings for index in one.tally.bad}
    bad: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["shard_index"] not in again:
            bad.setdefault(of_shard[row["shard_index"]], []).append(row)
    column = min(24, max((len(one.name) for one in standings), default=0))
    lines: list[str] = []
    shown = hidden = 0
    for one in standings:
        waiting = sum(index in again for index in one.tally.bad)
        lines += _component_lines(one, waiting, column, width)
        groups = group_bad(bad.get(one.name, ()))
        for state, cause, members in groups:
            if shown < _GROUPS:
                lines += _group_lines(one.name, state, cause, members, width)
                shown += 1
            else:
                hidden += len(members)
    if hidden:
        lines.append(f"   ...  and {hidden} more bad shards (--json)")
    return lines


def _component_lines(one: Standing, waiting: int, column: int, width: int) -> Iterator[str]:
    text = one.text() + (f", {waiting} resubmitted" if waiting else "")
    line = f"{one.name:<{column}}  {text}"
    if len(line) <= width:
        yield line
        return
    start, _, rest = line.partition(": ")  # too long for one line: what is bad goes to the next
    yield f"{start}:"
    yield from evidence_lines(rest, width)


def _group_lines(
    component: str, state: str, cause: str, members: list[dict[str, Any]], width: int
) -> Iterator[str]:
    which = shorten(chunk_names(component, members), width - 32)
    yield f"{len(members):>6}  {state:<9}  {cause:<11}  {which}"
    first = members[0]
    prefix = f"{first['name']}: " if len(members) == 1 else f"e.g. {first['name']}: "
    yield from evidence_lines(prefix + first["evidence"], width)


def chunk_names(component: str, rows: Iterable[dict[str, Any]]) -> str:
    """Return chunks in a word: ``_Chunk3,7-9``; shards that are none by their numbers.

    >>> chunk_names("DY", [{"shard_index": 12, "name": "DY_Chunk3"}])
    '_Chunk3'
    >>> chunk_names("DY", [{"shard_index": 12, "name": "DY"}])
    'shard 12'
    """
    listed = list(rows)
    numbers = [row["name"].removeprefix(component + _CHUNK) for row in listed]
    if all(number.isdecimal() for number in numbers):
        return _CHUNK + ranges(map(int, numbers))
    indices = [row["shard_index"] for row in listed]
    return f"shard{'s' * (len(indices) > 1)} {ranges(indices)}"
