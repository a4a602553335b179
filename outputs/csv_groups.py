"""Where merged rows go: one file, or one file for each value of the group columns."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from outputs.job import refuse

if TYPE_CHECKING:
    from outputs.facts import Source
    from outputs.staged import StagedDirectory, StagedFile

_UNSAFE = re.compile(r"[^\w.+=,-]", re.ASCII)
_LONGEST = 200
"""Bytes of a file name, well below the 255 that filesystems allow."""
_MEMORY = 16 << 20
"""Bytes of rows that are held back before they are appended to their files."""


@dataclass(slots=True)
class OneFile:
    """All rows into one file."""

    file: StagedFile
    _begun: bool = False

    def begin(self, header: bytes) -> None:
        """Write the header, once."""
        if self.file.size == 0:
            self.file.write(header)

    def add(self, _values: list[str], raw: bytes, _source: Source) -> None:
        """Write one row."""
        self.file.write(raw)


@dataclass(slots=True)
class GroupedRows:
    """Rows into ``<column>=<value>[,…].csv``, each file with the header."""

    folder: StagedDirectory
    columns: tuple[str, ...]
    suffix: str
    rows: dict[str, int] = field(default_factory=dict)
    """File name -> rows in it, in the order in which the values came up."""
    _names: dict[tuple[str, ...], str] = field(default_factory=dict)
    _owner: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _held: dict[str, bytearray] = field(default_factory=dict)
    _bytes: int = 0
    _header: bytes = b""

    def begin(self, header: bytes) -> None:
        """Remember the header for the files to come."""
        self._header = header

    def add(self, values: list[str], raw: bytes, source: Source) -> None:
        """Write one row to the file of its values.

        Raises:
            Refusal: two values would get one file name, or the name is too long.
            UserError: the disk is full or gone.
        """
        key = tuple(values)
        name = self._names.get(key) or self._new_name(key, source)
        self.rows[name] += 1
        self._held.setdefault(name, bytearray()).extend(raw)
        self._bytes += len(raw)
        if self._bytes > _MEMORY:
            self.flush()

    def flush(self) -> None:
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
        self.rows[name] = 0
        self._held[name] = bytearray(self._header)
        return name


def file_name(columns: tuple[str, ...], values: tuple[str, ...]) -> str:
    """Return a safe file name without a suffix.

    >>> file_name(("mass", "flavour"), ("0.215", "mu/e"))
    'mass=0.215,flavour=mu_e'
    """
    pairs = zip(columns, values, strict=True)
    name = ",".join(f"{_UNSAFE.sub('_', c)}={_UNSAFE.sub('_', v)}" for c, v in pairs)
    return "_" + name[1:] if name.startswith((".", "-")) else name
