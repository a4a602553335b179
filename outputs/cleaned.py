"""``RUN/cleaned.json``: which outputs were taken away after they were merged.

A file on this list that is gone is not missing: it was good, it is merged, and its size is known.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

import orjson

from manifest.errors import UserError
from outputs.staged import StagedFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from outputs.tree import Known

SCHEMA = "farmhand.cleaned.v1"
NAME = "cleaned.json"


class Cleaned:
    """All cleanings of a run so far."""

    def __init__(self, run: str, entries: Sequence[dict[str, Any]] = ()) -> None:
        """``entries``, oldest first: result, at_utc, archive, files (path -> bytes, mtime_ns).

        Raises:
            KeyError: something is missing in one; TypeError, AttributeError: it is none.
        """
        self.entries = tuple(entries)
        self._files: dict[str, tuple[Known, dict[str, Any]]] = {}
        self._below: dict[str, dict[str, Known]] = {}
        for entry in self.entries:
            for path, known in entry["files"].items():
                full = os.path.join(run, path)
                fact = int(known["bytes"]), int(known["mtime_ns"])
                self._files[full] = fact, entry
                folder = os.path.dirname(path)
                while folder:
                    self._below.setdefault(os.path.join(run, folder), {})[full] = fact
                    folder = os.path.dirname(folder)

    def file(self, path: str) -> Known | None:
        """Return what is known of one file, by its absolute path."""
        found = self._files.get(path)
        return None if found is None else found[0]

    def below(self, folder: str) -> Mapping[str, Known]:
        """Return what is known of the files that lay below a directory."""
        return self._below.get(folder, {})

    def took(self, path: str) -> bool:
        """Say whether an output is gone, or part of it: it was good, and can be checked no more."""
        names = [path] if path in self._files else self.below(path)
        return not all(map(os.path.exists, names))

    def cleaning_of(self, path: str) -> dict[str, Any] | None:
        """Return the latest cleaning that took this file."""
        found = self._files.get(path)
        return None if found is None else found[1]


def read_cleaned(run: str) -> Cleaned:
    """Read the list; a run that was never cleaned has an empty one.

    Raises:
        UserError: it is damaged.
    """
    path = os.path.join(run, NAME)
    try:
        status = os.stat(path)
    except OSError:
        return Cleaned(run)
    return _read(run, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=4)
def _read(run: str, _mtime_ns: int, _size: int) -> Cleaned:
    """Read it once as long as it does not change: every block of 1,000 shards asks for it."""
    path = os.path.join(run, NAME)
    try:
        with open(path, "rb") as file:
            return Cleaned(run, orjson.loads(file.read())["cleaned"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"the list of cleaned outputs is damaged: {error!r}",
            where=path,
            hint="restore it from a copy: without it, outputs that were merged and taken away "
            "look like lost ones",
        ) from error


def add_cleaned(run: str, entry: dict[str, Any]) -> None:
    """Write one more cleaning into the list, whole or not at all.

    Raises:
        UserError: it cannot be written.
    """
    entries = [*read_cleaned(run).entries, entry]
    with StagedFile(os.path.join(run, NAME)) as file:
        document = {"schema": SCHEMA, "cleaned": entries}
        file.write(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
        file.publish()
