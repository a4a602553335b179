"""Inputs: found, staged in the layout the user wrote, and fingerprinted."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from manifest.errors import UserError
from manifest.spec import Input
from renderer.component_files import is_url
from renderer.references import references
from renderer.shell_words import sh

HASHED_UP_TO = 64 << 20  # larger files are told apart by size and time of change


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What an input file was when the run was rendered."""

    shown: str
    """The path as the user wrote it."""
    source: str
    """Absolute path of the original."""
    staged: str | None
    """Path under plan/stage, or None: an absolute path is read in place."""
    size: int
    mtime_ns: int
    sha256: str | None

    def row(self) -> dict[str, Any]:
        """Return the fingerprint as plan/inputs.json holds it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Inputs:
    """All inputs of a run."""

    words: Mapping[str, str]
    """Name -> shell word of its path in a job."""
    files: tuple[Fingerprint, ...]
    folders: tuple[str, ...] = ()
    """Directories under plan/stage with nothing in them."""


@dataclass(slots=True)
class _Search:
    """What was found so far, and what was not."""

    base: str
    files: dict[tuple[bool, str], str] = field(default_factory=dict)
    """Whether the path is absolute, and the original -> the path as the user wrote it."""
    folders: dict[str, str] = field(default_factory=dict)
    """The same of relative directories with nothing in them."""
    missing: dict[str, str] = field(default_factory=dict)
    """Path -> where it was asked for."""

    def add(self, path: str, where: str) -> None:
        """Add a file, or all files of a directory: each once, however it was spelled."""
        source = os.path.normpath(os.path.join(self.base, path))
        if os.path.realpath(source) != os.path.realpath(os.path.join(self.base, path)):
            raise UserError(
                f"'{path}' goes into a linked directory and up again, which leads elsewhere than "
                "the same path without that",
                where=f"{where}: {os.path.realpath(os.path.join(self.base, path))}, not {source}",
                hint="write the path that is meant without going through the link",
            )
        for found in _leaves(source, ()):
            inside = os.path.normpath(os.path.join(path, os.path.relpath(found, source)))
            if os.path.isfile(found):
                self.files.setdefault((os.path.isabs(path), found), inside)
            elif os.path.isdir(found):
                if not os.path.isabs(path):
                    self.folders.setdefault(found, inside)
            elif os.path.exists(found):
                raise UserError(
                    f"input '{inside}' is neither a file nor a directory", where=f"{where}: {found}"
                )
            else:
                self.missing.setdefault(inside, f"{where}: {found}")

    def refuse_missing(self) -> None:
        """Name everything that is not there."""
        if not self.missing:
            return
        names = ", ".join(f"'{path}'" for path in self.missing)
        several = len(self.missing) > 1
        what = f"{len(self.missing)} inputs do not exist: {names}"
        raise UserError(
            what if several else f"input {names} does not exist",
            where="\n         ".join(self.missing.values()),
            hint="paths in a spec are relative to the spec's directory",
        )


def find_inputs(inputs: Mapping[str, Input], base: str) -> Inputs:
    """Find every declared input and what it references, from the spec's directory ``base``.

    Raises:
        UserError: missing, unreadable, or a reference that matches nothing.
    """
    search = _Search(base)
    for name, item in inputs.items():
        where = f"inputs.{name}"
        _refuse_no_path(item.path, where)
        search.add(item.path, where)
        if os.path.exists(os.path.join(base, item.path)):
            for path, place in references(item, base, where):
                if not is_url(path):  # the command opens it where it is
                    search.add(path, place)
    search.refuse_missing()
    shown = [path for (absolute, _), path in search.files.items() if not absolute]
    depth = max((_ups(path) for path in (*shown, *search.folders.values())), default=0)
    root = os.path.normpath(os.path.join(base, *[".."] * depth))
    files = tuple(_fingerprint(path, source, root) for (_, source), path in search.files.items())
    words = {name: _word(item.path, base, root) for name, item in inputs.items()}
    return Inputs(words, files, tuple(os.path.relpath(path, root) for path in search.folders))


def _refuse_no_path(text: str, where: str) -> None:
    if is_url(text):
        raise UserError(
            f"'{text}' is no file of this machine",
            where=where,
            hint="inputs: are files here, the same for all shards. URLs that are copied to the "
            "node (staging:) are the work: list them under files: or events:. Else give the URL to "
            "the command, or have HTCondor fetch it: htcondor.commands.transfer_input_files",
        )
    if "{{" in text:
        raise UserError(
            f"{{{{ }}}} has no meaning in {where}: inputs are the same for all shards", where=where
        )


def _word(path: str, base: str, root: str) -> str:
    if os.path.isabs(path):
        return sh(os.path.normpath(path))
    return '"$FARMHAND_RUN"/plan/stage/' + sh(os.path.relpath(os.path.join(base, path), root))


def _ups(path: str) -> int:
    parts = os.path.normpath(path).split(os.sep)
    return sum(part == os.pardir for part in parts)


def _leaves(path: str, above: tuple[tuple[int, int], ...]) -> Iterator[str]:
    """Yield what is no directory at or below a path, and directories with nothing in them."""
    if not os.path.isdir(path):
        yield path
        return
    try:
        status = os.stat(path)
        names = sorted(os.listdir(path))
    except OSError as error:
        raise UserError(f"input cannot be read: {error.strerror}", where=path) from error
    me = (status.st_dev, status.st_ino)
    if me in above:
        raise UserError(
            "a link among the inputs leads to a directory that it lies in: there is no end to it",
            where=path,
            hint="remove the link, or name the files that are needed",
        )
    for name in names:
        yield from _leaves(os.path.join(path, name), (*above, me))
    if not names:
        yield path


def _fingerprint(path: str, source: str, root: str) -> Fingerprint:
    try:
        f"{path}{source}".encode()
    except UnicodeEncodeError as error:
        raise UserError(
            f"the name of input {os.fsencode(path)!r} is not UTF-8",
            where=repr(source),
            hint="rename it",
        ) from error
    try:
        status = os.stat(source)
        digest = None
        if status.st_size <= HASHED_UP_TO:
            with open(source, "rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"input '{path}' cannot be read: {error.strerror}", where=source) from error
    staged = None if os.path.isabs(path) else os.path.relpath(source, root)
    return Fingerprint(path, source, staged, status.st_size, status.st_mtime_ns, digest)
