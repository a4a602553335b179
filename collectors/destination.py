"""What lies at the destinations of outputs: listed in bulk, looked up by URL.

A store is listed directory by directory, never shard by shard. What was not listed is not known:
a URL below it is neither there nor gone.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

GONE, UNKNOWN = -1, -2
"""In place of a number of bytes."""

_MOST = 16  # listings of one run; beyond, directories are listed from further up
_LINE = re.compile(r"[ \t]*(\d+)[ \t](.+)")

Places = dict[str, list[str]]
"""Output -> its plain URL, then those of its companions."""


class Folder(NamedTuple):
    """A directory that is listed."""

    plain: str
    """As URLs are compared, without the slash at its end."""
    url: str
    """As it was written."""


class Silence(NamedTuple):
    """A directory of which there is no listing, and why."""

    folder: Folder
    why: str
    answers: bool = True
    """Whether its store can be listed at all."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What the stores answered."""

    files: Mapping[str, int]
    """Plain URL -> bytes."""
    listed: tuple[str, ...] = ()
    """Plain directories that answered, each with a slash at its end."""
    silent: tuple[Silence, ...] = ()

    def size(self, url: str) -> int:
        """Return the bytes of a plain URL; GONE where it was looked for, else UNKNOWN."""
        found = self.files.get(url)
        if found is not None:
            return found
        return GONE if url.startswith(self.listed) else UNKNOWN


def plain(url: str) -> str:
    """Return a URL in the one spelling that URLs are compared in.

    >>> plain("root://host//data/a"), plain("file:///data//a"), plain("/data/./a")
    ('root://host/data/a', '/data/a', '/data/a')
    """
    if "//" not in url and "/." not in url:
        return url
    scheme, mark, rest = url.partition("://")
    if not mark:
        rest = url
    while "//" in rest:
        rest = rest.replace("//", "/")
    if "/." in rest:
        rest = posixpath.normpath(rest)
    return f"{scheme}://{rest}" if mark and scheme != "file" else rest


def folders_of(urls: Iterable[str]) -> list[Folder]:
    """Return the directories to list so that each of these URLs is looked for, sorted.

    Where they are many, the deepest give way to the directory above them: what 100,000 shards
    store in 100,000 directories is one listing of all.
    """
    found: dict[str, str] = {}
    for url in urls:
        folder = url.rpartition("/")[0]
        if folder not in found:
            found[folder] = folder
    spelt: dict[str, str] = {}
    for folder in found:
        spelt.setdefault(plain(folder), folder)
    outermost = _outermost(spelt)
    while len(outermost) > _MOST:
        deepest = max(map(_depth, outermost))
        if deepest == 0:
            break
        lifted: dict[str, str] = {}
        for folder, url in outermost.items():
            if _depth(folder) == deepest:
                folder, url = folder.rpartition("/")[0], url.rstrip("/").rpartition("/")[0]  # noqa: PLW2901
            lifted.setdefault(folder, url.rstrip("/"))
        outermost = _outermost(lifted)
    return [Folder(folder, url) for folder, url in sorted(outermost.items())]


def _depth(folder: str) -> int:
    """Return how far a directory may be lifted: not above a bucket, a host, a first directory."""
    _, mark, rest = folder.partition("://")
    return rest.count("/") if mark else max(0, folder.count("/") - 1)


def _outermost(folders: Mapping[str, str]) -> dict[str, str]:
    """Leave out directories below others: a listing goes all the way down."""
    kept: dict[str, str] = {}
    last = None
    for folder in sorted(folders, key=lambda name: f"{name}/"):
        if last is None or not folder.startswith(f"{last}/"):
            kept[folder] = folders[folder]
            last = folder
    return kept


def read_listing(text: str, folder: str) -> tuple[dict[str, int], str | None]:
    r"""Return plain URL -> bytes of what was printed about a directory; and a line that is none.

    >>> read_listing("12 a.root\n3 sub/b c\n", "s3://bucket/dst")
    ({'s3://bucket/dst/a.root': 12, 's3://bucket/dst/sub/b c': 3}, None)
    """
    found: dict[str, int] = {}
    start = f"{folder}/"
    for line in text.split("\n"):
        size, _, name = line.partition(" ")
        if not (size.isdecimal() and name):
            match = _LINE.fullmatch(line)
            if match is None:
                if line.strip():
                    return {}, line
                continue
            size, name = match[1], match[2]
        if name.endswith("/"):
            continue  # S3's mark of a directory
        if "//" in name or "/." in name or name[0] in "./":
            found[plain(f"{start}{name}")] = int(size)
        else:
            found[start + name] = int(size)
    return found, None


def joined(
    urls: Mapping[str, str], companions: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """Return output -> its plain URL and those of its companions, which lie beside it."""
    places = {name: [plain(url)] for name, url in urls.items()}
    for name, beside in companions.items():
        folder = urls[name].rpartition("/")[0]
        places[name] += [plain(f"{folder}/{one}") for one in beside]
    return places
