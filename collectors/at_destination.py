"""How a run stands at its destinations: counted while its rows meet the listing."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

import orjson

from collectors.destination import GONE, UNKNOWN, Listing, Places, Silence
from manifest.rows import parse_row

_EMPTY = b'"attempts":[]'
_WRONG = b'"destination":[{'
_PART = ".part-"  # between the final name and a nonce: an upload that is not finished


@dataclass(slots=True)
class AtDestination:
    """How a run stands at its destinations; shards by name, files by URL."""

    expected: int = 0
    there: int = 0
    gone: list[str] = field(default_factory=list)
    wrong_size: list[str] = field(default_factory=list)
    without_companions: list[str] = field(default_factory=list)
    unrecorded: list[str] = field(default_factory=list)
    """Shards without a record, but with a file there."""
    extra: list[str] = field(default_factory=list)
    """Files that no shard of this plan has."""
    alike: int = 0
    """Of those: named as this plan's are, but for the numbers."""
    unfinished: int = 0
    """Uploads under temporary names."""
    silent: tuple[Silence, ...] = ()


class Survey:
    """Counts what is there, block by block."""

    def __init__(self, listing: Listing, path: str) -> None:
        """``path`` is the manifest's, for messages."""
        self.found = AtDestination(silent=listing.silent)
        self._listing = listing
        self._path = path
        self._mine: set[str] = set()

    def count(self, places: list[Places]) -> str:
        """Count a block's files; return a fingerprint of what the listing says of them."""
        urls = [url for shard in places for several in shard.values() for url in several]
        sizes = list(map(self._listing.size, urls))
        self._mine.update(urls)
        self.found.expected += len(urls)
        self.found.there += len(urls) - sizes.count(GONE) - sizes.count(UNKNOWN)
        return hashlib.blake2b(orjson.dumps(sizes), digest_size=12).hexdigest()

    def look_for_unrecorded(self, rows: list[bytes], places: list[Places]) -> None:
        """Note the shards of a block that left a file there, but no record."""
        size = self._listing.size
        for data, shard in zip(rows, places, strict=True):
            if _EMPTY in data and any(size(urls[0]) >= 0 for urls in shard.values()):
                self.found.unrecorded.append(parse_row(data, self._path)["name"])

    def look_for_wrong(self, rows: list[bytes]) -> None:
        """Note the shards of a block whose files are no longer what was stored."""
        kinds = {
            "gone": self.found.gone,
            "size": self.found.wrong_size,
            "companion": self.found.without_companions,
        }
        for data in rows:
            if _WRONG not in data:
                continue
            row = parse_row(data, self._path)
            wrong = [one for one in row["attempts"] if one.get("destination")]
            if row["state"] != "succeeded" and wrong:
                for kind in {problem["problem"] for problem in wrong[-1]["destination"]}:
                    kinds[kind].append(row["name"])

    def result(self) -> AtDestination:
        """Return all that was found, with the files that are nobody's."""
        extra = self._listing.files.keys() - self._mine
        parts = {url for url in extra if _PART in url and url.rpartition(_PART)[0] in self._mine}
        self.found.unfinished = len(parts)
        self.found.extra = sorted(extra - parts)
        if self.found.extra:
            shapes = set(map(_shape, self._mine))
            self.found.alike = sum(_shape(url) in shapes for url in self.found.extra)
        return self.found


def _shape(url: str) -> str:
    return re.sub(r"\d+", "#", url)
