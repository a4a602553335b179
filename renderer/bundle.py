"""The bundle: software packed at the render into a tarball that is named by its content.

Sorted names, one time, one owner: the same files give the same bytes wherever they are packed.
"""

from __future__ import annotations

import fnmatch
import glob
import gzip
import hashlib
import io
import os
import stat
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from manifest.errors import UserError
from manifest.layout import is_run
from manifest.software import Bundle
from manifest.units import format_bytes
from renderer.patterns import has_pattern, matching
from renderer.shell_words import sh
from renderer.staging import cache_word, variables
from renderer.templating import template

FOLDER = "bundle"
SUMS = "bundle/sums"
"""Checksums of the files, as sha256sum(1) reads them."""
LARGEST = 1 << 30
_ALWAYS_OUT = (".git", "__pycache__", "*.pyc", ".*.rendering.*")
_UNWRITABLE = set("\n\r\\")


@dataclass(frozen=True, slots=True)
class Member:
    """A file (data), a link (target) or a directory (neither)."""

    name: str
    runs: bool = False
    data: bytes | None = None
    target: str | None = None


def find_members(bundle: Bundle, base: str) -> list[Member]:
    """Read what a bundle is made of, sorted by name.

    Raises:
        UserError: a path is missing or unreadable, a link leaves the tree, or nothing is left.
    """
    top = os.path.realpath(os.path.join(base, bundle.directory))
    if not os.path.isdir(top):
        raise UserError("there is no such directory", where=f"bundle.directory: {top}")
    walk = _Walk(top, bundle.exclude)
    try:
        for path in bundle.paths:
            for found in _named(top, path):
                for member in walk.at(found):
                    walk.found[member.name] = member
    except OSError as error:
        raise UserError(
            f"the bundle cannot be packed: {error.strerror}",
            where=str(error.filename),
            hint="make it readable, or leave it out: bundle: {exclude: [NAME]}",
        ) from None
    for member in walk.found.values():
        _refuse_stray(member, walk)
    if not any(member.data is not None for member in walk.found.values()):
        raise UserError("nothing is left to pack", where="bundle")
    return sorted(walk.found.values(), key=lambda member: os.fsencode(member.name))


def _named(top: str, path: str) -> Sequence[str]:
    whole = os.path.normpath(os.path.join(top, path))
    if not has_pattern(path):
        return [whole]
    found = matching(os.path.join(glob.escape(top), path))
    if not found:
        raise UserError(f"nothing matches '{path}'", where="bundle.paths", hint=f"in {top}")
    return found


class _Walk:
    """The tree below a directory, without what is left out."""

    def __init__(self, top: str, exclude: Sequence[str]) -> None:
        self.top = top
        self.exclude = (*_ALWAYS_OUT, *exclude)
        self.found: dict[str, Member] = {}
        self.bytes = 0

    def at(self, path: str) -> Iterator[Member]:
        """Yield what lies at a path, and all below it."""
        name = os.path.relpath(path, self.top)
        if self._is_out(name):
            return
        if _UNWRITABLE & set(name):
            raise UserError(
                "a line end or a backslash in a file's name cannot be packed",
                where=repr(path),
                hint="rename it, or leave it out: bundle: {exclude: [PATTERN]}",
            )
        mode = os.lstat(path).st_mode
        if stat.S_ISLNK(mode):
            yield Member(name, target=os.readlink(path))
        elif stat.S_ISDIR(mode):
            if name != ".":
                yield Member(name)
            if not is_run(path):
                with os.scandir(path) as entries:
                    below = [entry.path for entry in entries]
                for each in below:
                    yield from self.at(each)
        elif stat.S_ISREG(mode):
            yield self._file(path, name, runs=bool(mode & 0o111))
        else:
            raise UserError(
                "this is neither a file nor a directory nor a link",
                where=path,
                hint="leave it out: bundle: {exclude: [NAME]}",
            )

    def _file(self, path: str, name: str, *, runs: bool) -> Member:
        self.bytes += os.stat(path).st_size
        if self.bytes > LARGEST:
            raise UserError(
                f"the bundle is larger than {format_bytes(LARGEST)}",
                where=path,
                hint="leave data out: bundle: {exclude: [...]}; what shards read is for inputs:",
            )
        with open(path, "rb") as stream:
            return Member(name, runs, stream.read())

    def _is_out(self, name: str) -> bool:
        last = os.path.basename(name)
        return any(
            fnmatch.fnmatchcase(last, pattern)
            or fnmatch.fnmatchcase(name, pattern.removeprefix("./").rstrip("/"))
            for pattern in self.exclude
        )


def _refuse_stray(member: Member, walk: _Walk) -> None:
    """Refuse a link to what is not in the bundle: on the node it would lead nowhere.

    Raises:
        UserError: names the link and where it leads.
    """
    if member.target is None:
        return
    path = os.path.join(walk.top, member.name)
    name = os.path.relpath(os.path.realpath(path), walk.top)
    there = walk.found.get(name)
    lost = name != "." and (there is None or there.target is not None)  # a link: it leads in a ring
    if lost or os.path.isabs(member.target):
        raise UserError(
            f"the link '{member.name}' leads to {member.target}, which is not in the bundle",
            where=path,
            hint="put the file there instead, make the link relative, or leave it out: "
            f"bundle: {{exclude: ['{member.name}']}}",
        )


def sums_of(members: Sequence[Member]) -> bytes:
    """Return the checksums of the files, one a line."""
    lines = [
        hashlib.sha256(member.data).hexdigest().encode() + b"  " + os.fsencode(member.name)
        for member in members
        if member.data is not None
    ]
    return b"\n".join([*lines, b""])


def pack(members: Sequence[Member]) -> bytes:
    """Return a tarball whose bytes depend on nothing but names, contents and who may execute."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for member in members:
            tar.addfile(_header(member), io.BytesIO(member.data or b""))
    return gzip.compress(raw.getvalue(), compresslevel=6, mtime=0)


def _header(member: Member) -> tarfile.TarInfo:
    header = tarfile.TarInfo(member.name)
    header.mode = 0o755 if member.runs or member.data is None else 0o644
    if member.target is not None:
        header.type, header.linkname = tarfile.SYMTYPE, member.target
    elif member.data is None:
        header.type = tarfile.DIRTYPE
    else:
        header.size = len(member.data)
    return header


def bundle_text(bundle: Bundle, digest: str) -> str:
    """Return the part of the payload that unpacks the bundle."""
    return template("bundle.sh.j2").render(
        digest=digest,
        cache=cache_word(bundle.cache) if bundle.cache else None,
        shown=sh(bundle.cache or ""),
        variables=variables(bundle.cache or ""),
    )
