"""What became of a run, by kind of shard: counts, times, outputs, and why some failed."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from manifest.states import is_bad
from reports.amounts import short_bytes, short_time
from reports.spread import quantile

_KINDS = 40
"""Rows shown; of more, those with failures come first."""
_NAME = 26
_CELLS = 45
"""Characters that the numbers of a row take."""


@dataclass(slots=True)
class Kind:
    """The shards of one kind."""

    shards: int = 0
    succeeded: int = 0
    attempts: int = 0
    seconds: list[float] = field(default_factory=list)
    """Wall times of the attempts that count."""
    bytes: int | None = None
    """Of all outputs that count; None: none is known."""
    causes: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Made:
    """One declared output, over all shards."""

    shards: int = 0
    """That have it; one that was resumed may have it of several attempts."""
    bytes: int = 0
    smallest: tuple[int, str] | None = None
    """Its size, and the name of the shard."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a run."""

    kinds: Mapping[str, Kind]
    outputs: Mapping[str, Made]
    shards: int


def outcome(
    rows: Iterable[Mapping[str, Any]], kind_of: Callable[[int], str], outputs: Iterable[str]
) -> Outcome:
    """Sum up results of a manifest.

    Args:
        rows: results.
        kind_of: shard -> kind.
        outputs: names of the declared outputs.
    """
    kinds: dict[str, Kind] = {}
    made = {name: Made() for name in outputs}
    shards = 0
    for row in rows:
        shards += 1
        kind = kinds.setdefault(kind_of(row["shard_index"]), Kind())
        kind.shards += 1
        kind.attempts += len(row["attempts"])
        kind.succeeded += row["state"] == "succeeded"
        if is_bad(row["state"], row["cause"]):
            kind.causes[row["cause"] or row["state"]] += 1
        there: set[str] = set()
        for attempt in row["attempts"]:
            if attempt["attempt"] in row["accepted_attempts"]:
                there.update(_count(kind, made, attempt, row["name"]))
        for output in there:  # of a shard that was resumed several attempts have one
            made[output].shards += 1
    return Outcome(kinds, made, shards)


def _count(
    kind: Kind, made: Mapping[str, Made], attempt: Mapping[str, Any], name: str
) -> Iterator[str]:
    """Count what an accepted attempt made, and yield the names of the outputs that are there."""
    if attempt["wall_s"] is not None:
        kind.seconds.append(attempt["wall_s"])
    for output in attempt["outputs"] or ():
        size = output["bytes"]
        if output["problem"] is not None or size is None or output["name"] not in made:
            continue
        kind.bytes = (kind.bytes or 0) + size
        one = made[output["name"]]
        yield output["name"]
        one.bytes += size
        if one.smallest is None or size < one.smallest[0]:
            one.smallest = size, name


def outcome_lines(found: Outcome, least: Mapping[str, int | None], width: int) -> list[str]:
    """Return the table and a line an output, none wider than ``width`` characters.

    Args:
        found: what became of the run.
        least: the smallest size that is right, by name of the output.
        width: of the terminal.
    """
    width = max(width, 40)
    column = min(_NAME, max([len("kind"), *map(len, found.kinds)]), max(8, width - _CELLS))
    head = ("shards", "good", "tries", "median", "longest", "output")
    lines = [_line("kind", column, head, "failed")[:width].rstrip()]
    ordered = sorted(found.kinds.items(), key=lambda item: not item[1].causes)
    for name, kind in ordered[:_KINDS] if len(ordered) > _KINDS else found.kinds.items():
        lines += _kind_lines(name, kind, column, width)
    if len(ordered) > _KINDS:
        rest = [kind for _, kind in ordered[_KINDS:]]
        good = sum(kind.succeeded for kind in rest)
        shards = sum(kind.shards for kind in rest)
        lines.append(f"... and {len(rest)} more kinds: {shards} shards, {good} good")
    for name, made in found.outputs.items():
        text = f"output {name}: {made.shards} of {found.shards} there"
        if made.smallest is not None:
            size, shard = made.smallest
            text += f", {short_bytes(made.bytes)}, smallest {short_bytes(size)} ({shard})"
        if least.get(name):
            text += f", min_size {short_bytes(least[name] or 0)}"
        lines += textwrap.wrap(text, width, subsequent_indent="    ", break_on_hyphens=False)
    return lines


def _kind_lines(name: str, kind: Kind, column: int, width: int) -> Iterator[str]:
    ordered = sorted(kind.seconds)
    times = (short_time(quantile(ordered, 0.5)), short_time(ordered[-1])) if ordered else ("-", "-")
    cells = (
        f"{kind.shards}",
        f"{kind.succeeded}",
        f"{kind.attempts}",
        *times,
        "-" if kind.bytes is None else short_bytes(kind.bytes),
    )
    causes = ", ".join(f"{number} {cause}" for cause, number in kind.causes.most_common())
    line = _line(_cut(name, column), column, cells, causes)
    if len(line) <= width:
        yield line
        return
    yield _line(_cut(name, column), column, cells, "")
    yield from textwrap.wrap(causes, width, initial_indent="    ", subsequent_indent="    ")


def _line(name: str, column: int, cells: Sequence[str], last: str) -> str:
    sizes = (6, 6, 5, 7, 7, 8)
    body = " ".join(cell.rjust(size) for cell, size in zip(cells, sizes, strict=True))
    return f"{name:<{column}} {body}  {last}".rstrip()


def _cut(name: str, column: int) -> str:
    return name if len(name) <= column else f"{name[: column - 3]}..."
