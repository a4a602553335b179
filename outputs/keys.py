"""Keys that must be unique over all shards."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from outputs.job import refuse

if TYPE_CHECKING:
    from outputs.facts import Source


@dataclass(slots=True)
class UniqueKeys:
    """Remembers which source a key came from; about 200 bytes a key."""

    names: tuple[str, ...]
    _first: dict[tuple[str, ...], Source] = field(default_factory=dict)
    _size: int = 0

    def add(self, key: tuple[str, ...], source: Source) -> None:
        """Note one key.

        Raises:
            Refusal: it was there before; names the key and both shards.
        """
        first = self._first.setdefault(key, source)
        if first is not source:
            raise refuse(source, f"{self._text(key)} is also in {first.label}")
        if len(self._first) == self._size:
            raise refuse(source, f"{self._text(key)} is there twice")
        self._size += 1

    def _text(self, key: tuple[str, ...]) -> str:
        pairs = zip(self.names, key, strict=True)
        return "key " + ", ".join(f"{name}={value}" for name, value in pairs)
