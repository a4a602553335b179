"""Where merged rows go: one file, or one file for each value of the group columns."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from outputs.job import refuse
from outputs.shard_values import short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outputs.facts import Source
    from outputs.staged import StagedDirectory, StagedFile

_UNSAFE = re.compile(r"[^\w.+=,-]", re.ASCII)
_LONGEST = 200
"""Bytes of a file name, well below the 255 that filesystems allow."""
_PIECE = 1 << 20
_MEMORY = 16 << 20
"""Bytes of rows that are held back before they are appended to their files."""


@dataclass(slots=True)
class Tally:
    """What went into one file."""

    rows: int = 0
    sources: set[int] = field(default_factory=set)
    """Numbers of the sources that gave rows."""


class Rows(Protocol):
    """Takes the rows of the result."""

    @property
    def tallies(self) -> dict[str, Tally]:
        """Return what went into each file, by its name."""

    def add(self, group: tuple[str, ...], raw: bytes, number: int) -> None:
        """Write one row of the source with this number."""

    def finish(self) -> None:
        """Bring everything to the disk."""

    def path(self, name: str) -> str:
        """Return where a finished file lies until it is published."""


class OneFile:
    """All rows into one file."""

    def __init__(self, file: StagedFile, header: bytes) -> None:
        """Write the header."""
        self._file = file
        self._tally = Tally()
        self.tallies = {os.path.basename(file.target): self._tally}
        self._held = bytearray(header)

    def add(self, _group: tuple[str, ...], raw: bytes, number: int) -> None:
        """Write one row."""
        self._tally.rows += 1
        self._tally.sources.add(number)
        self._held += raw
        if len(self._held) > _PIECE:
            self._flush()

    def finish(self) -> None:
        """Bring the file to the disk."""
        self._flush()
        self._file.finish()

    def path(self, _name: str) -> str:
        """Return where it lies until it is published."""
        return self._file.path

    def _flush(self) -> None:
        self._file.write(bytes(self._held))
        self._held.clear()


@dataclass(slots=True)
class GroupedRows:
    """Rows into ``<name>=<value>[,…].csv``, each file with the header."""

    folder: StagedDirectory
    columns: tuple[str, ...]
    suffix: str
    header: bytes
    sources: Sequence[Source]
    tallies: dict[str, Tally] = field(default_factory=dict)
    """In the order in which the values came up."""
    _names: dict[tuple[str, ...], str] = field(default_factory=dict)
    _owner: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _held: dict[str, bytearray] = field(default_factory=dict)
    _bytes: int = 0

    def add(self, group: tuple[str, ...], raw: bytes, number: int) -> None:
        """Write one row to the file of its values.

        Raises:
            Refusal: two values would get one file name, or the name is too long.
            UserError: the disk is full or gone.
        """
        name = self._names.get(group) or self._new_name(group, self.sources[number])
        tally = self.tallies[name]
        tally.rows += 1
        tally.sources.add(number)
        self._held.setdefault(name, bytearray()).extend(raw)
        self._bytes += len(raw)
        if self._bytes > _MEMORY:
            self._flush()

    def finish(self) -> None:
        """Bring all files to the disk."""
        self._flush()
        self.folder.finish()

    def path(self, name: str) -> str:
        """Return where a file lies until it is published."""
        return os.path.join(self.folder.path, name)

    def _flush(self) -> None:
        """Append what is held back to its files."""
        for name, data in self._held.items():
            self.folder.append(name, bytes(data))
        self._held.clear()
        self._bytes = 0

    def _new_name(self, key: tuple[str, ...], source: Source) -> str:
        name = file_name(self.columns, key) + self.suffix
        shown = " and ".join(f"{c}={v!r}" for c, v in zip(self.columns, key, strict=True))
        if len(name) > _LONGEST:
            raise refuse(source, f"the value {shown[:80]} is too long for a file name")
        other = self._owner.setdefault(name, key)
        if other != key:
            raise refuse(
                source,
                f"{', '.join(map(repr, other))} and {', '.join(map(repr, key))} "
                f"of {', '.join(self.columns)} would both be written to {name}",
            )
        self._names[key] = name
        self.tallies[name] = Tally()
        self._held[name] = bytearray(self.header)
        return name


def file_name(columns: tuple[str, ...], values: tuple[str, ...]) -> str:
    """Return a safe file name without a suffix.

    >>> file_name(("params.mass", "flavour"), ("0.215", "mu/e"))
    'mass=0.215,flavour=mu_e'
    """
    pairs = zip(map(short, columns), values, strict=True)
    name = ",".join(f"{_UNSAFE.sub('_', c)}={_UNSAFE.sub('_', v)}" for c, v in pairs)
    return "_" + name[1:] if name.startswith((".", "-")) else name
