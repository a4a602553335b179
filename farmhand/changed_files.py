"""How the files of a component differ from those that a plan has, with the lines that say so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from farmhand.talk import short_path
from manifest.file_table import FoundFile


def changed_files(old: Sequence[FoundFile], new: Sequence[FoundFile]) -> Iterator[str]:
    """Yield what differs: ``inputs.list:3: b.root has 7 events, not 5``; nothing, if nothing does.

    Only what was found now is known by its line; a plan keeps none.
    """
    before = {file.path: file for file in old}
    now = {file.path: file for file in new}
    yield from _told(f"{_named(file)} is new" for file in new if file.path not in before)
    yield from _told(f"{_shown(file)} is gone" for file in old if file.path not in now)
    both = [(before[file.path], file) for file in new if file.path in before]
    yield from _told(
        f"{_named(file)} has {file.events} events, not {known.events}"
        for known, file in both
        if known.events != file.events
    )
    yield from _told(
        f"{_shown(file)} was changed"
        for known, file in both
        if (known.size, known.mtime_ns) != (file.size, file.mtime_ns)
    )
    order = [file.path for file in old if file.path in now]
    moved = [file for path, (_, file) in zip(order, both, strict=True) if path != file.path]
    if moved:
        yield f"{_named(moved[0])} stands in another place"


def _told(texts: Iterator[str]) -> Iterator[str]:
    """Yield the first of many, and how many more there are."""
    first = next(texts, None)
    if first is not None:
        more = sum(1 for _ in texts)
        yield first + (f", and {more} more" if more else "")


def _named(file: FoundFile) -> str:
    """Return a file with the line of the list that names it."""
    shown = _shown(file)
    source, colon, line = (file.place or "").rpartition(":")
    if not (colon and line.isdecimal()):
        return shown
    return f"{short_path(source) if source.startswith('/') else source}:{line}: {shown}"


def _shown(file: FoundFile) -> str:
    return short_path(file.path) if file.path.startswith("/") else file.path
