"""On which line of a file a value stands; looked up only when a message needs it."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from manifest.yaml_reader import LOADER, Event


def line_of(text: str, path: list[str]) -> int | None:
    """Return the line, from 1, of the deepest key or item of ``path`` that the text shows."""
    line: int | None = None
    events: Iterator[Event] = yaml.parse(text, Loader=LOADER)
    try:
        event = next(event for event in events if isinstance(event, yaml.NodeEvent))
        for part in path:
            if isinstance(event, yaml.MappingStartEvent):
                event = next(events)
                while getattr(event, "value", None) != part:
                    _skip(event, events)
                    _skip(next(events), events)
                    event = next(events)
                line = event.start_mark.line + 1
                event = next(events)
            elif isinstance(event, yaml.SequenceStartEvent):
                for _ in range(int(part)):
                    _skip(next(events), events)
                event = next(events)
                line = event.start_mark.line + 1
    except (yaml.YAMLError, ValueError, OverflowError, StopIteration):
        return line  # JSON that YAML does not read, or a value that only --set gave
    return line


def _skip(event: Event, events: Iterator[Event]) -> None:
    """Go to the end of the value that ``event`` begins."""
    depth = 0
    while True:
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth <= 0:
            return
        event = next(events)
