"""What render says about components that are cut into chunks, and about grids."""

from __future__ import annotations

from collections.abc import Iterator

from farmhand.talk import say, some, warn
from farmhand.tell_points import tell_points
from manifest.chunks import used_events
from manifest.file_table import Found
from manifest.splitting import Part
from renderer.plan import Plan

_MOST = 40
"""Components that get a line each."""


def tell_split(plan: Plan) -> None:
    """Say into how many chunks each component is cut, and what looks like a slip."""
    parts = [part for part in plan.parts if part.found is not None]
    width = max((len(part.name or "") for part in parts), default=0)
    for part in parts[:_MOST]:
        say(f"{part.name or 'files':<{width}}  {_line(part)}")
    if len(parts) > _MOST:
        say(f"... and {len(parts) - _MOST} components more")
    for part in plan.parts:
        if part.work.items:
            say(_items_line(part, part.component.shards or plan.spec.shards))
    for text in _slips(plan.found):
        warn(text)
    for part in plan.parts:
        if part.points:
            tell_points(part, part.points)


def _items_line(part: Part, asked: int) -> str:
    how = "modulo" if part.work.modulo else "contiguous"
    shards = f"{part.shards} shard{'s' * (part.shards != 1)}"
    items = f"{part.count} item{'s' * (part.count != 1)}"
    text = f"{f'{part.name}  ' if part.name else ''}{items} in {shards}, {how}"
    return text if asked == part.shards else f"{text} ({asked} asked for)"


def _line(part: Part) -> str:
    assert part.found is not None  # noqa: S101 (the caller looked)
    files, work = len(part.found.paths), part.work
    shown = f"{files} file{'s' * (files != 1)}"
    if not part.chunked:
        return f"{shown}, not split"
    chunks = f"{part.shards} chunk{'s' * (part.shards != 1)}"
    if work.per_range:
        left = sum(part.found.events or ()) - part.count
        text = f"{shown} with {part.count} events in {chunks} of up to {work.per_range}"
        return f"{text}; {_left_out(part)}" if left else text
    largest = -(-files // part.shards) if part.shards > 1 else files
    text = f"{shown} in {chunks} of up to {largest}" if largest > 1 else f"{shown} in {chunks}"
    asked = work.chunks or (None if work.is_cut else part.wanted)
    return text if asked in (None, part.shards) else f"{text} ({asked} asked for)"


def _left_out(part: Part) -> str:
    """Say which events are in no shard, and why."""
    assert part.found is not None  # noqa: S101 (the caller looked)
    work, events = part.work, part.found.events or ()
    capped = work.model_copy(update={"tail": "keep"})
    beyond = sum(events) - sum(used_events(capped, part.found))
    pairs = zip(used_events(capped, part.found), used_events(work, part.found), strict=True)
    tails = [whole - used for whole, used in pairs if whole > used]
    told = []
    if tails:
        files = f"{len(tails)} file{'s' * (len(tails) != 1)}"
        told.append(f"{sum(tails)} events at the ends of {files} are dropped (tail: drop)")
    if beyond:
        told.append(f"{beyond} are left out (max_events: {work.max_events})")
    return ", ".join(told)


def _slips(found: Found) -> Iterator[str]:
    owners: dict[str, str | None] = {}
    shared: list[str] = []
    for name, files in found.items():
        shared += [file.path for file in files if owners.setdefault(file.path, name) != name]
        empty = [file.path for file in files if file.events == 0]
        if empty:
            yield f"no events, so no chunk, in {some(empty)}"
        bare = [file.path for file in files if file.size == 0]
        if bare:
            yield f"empty files of component '{name}': {some(bare)}"
    if shared:
        yield f"in more than one component: {some(shared)}"
