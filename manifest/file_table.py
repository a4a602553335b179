"""RUN/plan/files.json: the files of each component, in the order that the plan has fixed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from manifest.chunks import FileList
from manifest.errors import UserError

NAME = "files.json"
_KEPT = 4  # columns


class FoundFile(NamedTuple):
    """A file as it was at the render."""

    path: str
    """Absolute path, or URL."""
    size: int | None
    """Bytes; None for a URL."""
    mtime_ns: int | None
    events: int | None
    """How many events are in it, where that was asked or told."""
    place: str | None = None
    """Where the render found it named (``inputs.list:3``); the plan does not keep that."""


Found = Mapping[str | None, tuple[FoundFile, ...]]
"""Component (None: the run has none) -> its files."""


def file_lists(found: Found) -> dict[str | None, FileList]:
    """Return what splitting needs of the files."""
    lists: dict[str | None, FileList] = {}
    for name, files in found.items():
        events = [file.events for file in files if file.events is not None]
        known = tuple(events) if len(events) == len(files) else None
        lists[name] = FileList(tuple(file.path for file in files), known)
    return lists


def table_of(found: Found) -> bytes:
    """Return the table as it is kept in the plan: one file a line."""
    rows = (
        b",\n ".join(orjson.dumps([name, *file[:_KEPT]]) for file in files)
        for name, files in found.items()
    )
    return b"[\n " + b",\n ".join(rows) + b"\n]\n"


def read_table(run: str) -> dict[str | None, tuple[FoundFile, ...]]:
    """Read the table of a run; a run without files has none.

    Raises:
        UserError: it is damaged.
    """
    path = os.path.join(run, "plan", NAME)
    found: dict[str | None, list[FoundFile]] = {}
    try:
        with open(path, "rb") as stream:
            rows: list[list[Any]] = orjson.loads(stream.read())
        for name, *columns in rows:
            found.setdefault(name, []).append(FoundFile(*columns))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            f"the plan is damaged: {error}",
            where=path,
            hint="restore plan/ from a copy; its checksums are in plan/SHA256SUMS",
        ) from error
    return {name: tuple(files) for name, files in found.items()}
