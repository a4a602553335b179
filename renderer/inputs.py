"""Inputs: found, staged in the layout the user wrote, and fingerprinted."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import yaml

from manifest.errors import UserError
from manifest.spec import Input
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


def find_inputs(inputs: Mapping[str, Input], base: str) -> Inputs:
    """Find every declared input and what it references, from the spec's directory ``base``.

    Raises:
        UserError: missing, unreadable, or a reference that matches nothing.
    """
    wanted: dict[tuple[bool, str], str] = {}
    tops: dict[str, str] = {}
    for name, item in inputs.items():
        where = f"inputs.{name}"
        _refuse_template(item.path, where)
        tops[name] = item.path
        _add(wanted, item.path, base, where)
        for path in _referenced(item, base, where):
            _add(wanted, path, base, f"{where}.references")
    depth = max((_ups(path) for (absolute, _), path in wanted.items() if not absolute), default=0)
    root = os.path.normpath(os.path.join(base, *[".."] * depth))
    files = tuple(_fingerprint(path, source, root) for (_, source), path in wanted.items())
    words = {name: _word(path, base, root) for name, path in tops.items()}
    return Inputs(words, files)


def _refuse_template(text: str, where: str) -> None:
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


def _add(wanted: dict[tuple[bool, str], str], path: str, base: str, where: str) -> None:
    """Add a file, or all files of a directory: each once, however it was spelled."""
    absolute = os.path.isabs(path)
    source = os.path.normpath(os.path.join(base, path))
    if os.path.isdir(source):
        for found in _walk(source):
            inside = os.path.join(path, os.path.relpath(found, source))
            wanted.setdefault((absolute, found), os.path.normpath(inside))
    elif os.path.isfile(source):
        wanted.setdefault((absolute, source), os.path.normpath(path))
    else:
        raise UserError(
            f"input '{path}' does not exist",
            where=f"{where}: {source}",
            hint="paths in a spec are relative to the spec's directory",
        )


def _walk(top: str) -> Iterator[str]:
    for folder, _, names in sorted(os.walk(top, followlinks=True)):
        for name in sorted(names):
            yield os.path.join(folder, name)


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


def _referenced(item: Input, base: str, where: str) -> Iterator[str]:
    if not item.references:
        return
    from jsonpath_ng.exceptions import JSONPathError  # noqa: PLC0415 (slow; only here)
    from jsonpath_ng.ext.parser import parse  # noqa: PLC0415

    source = os.path.join(base, item.path)
    document = _load(source, where)
    for expression in item.references:
        try:
            matches = parse(expression).find(document)
        except (JSONPathError, ValueError) as error:
            raise UserError(
                f"'{expression}' is not a JSONPath expression: {error}",
                where=f"{where}.references",
                hint="write for example channels[*].data.file",
            ) from error
        if not matches:
            raise UserError(
                f"'{expression}' matches nothing in {item.path}", where=f"{where}.references"
            )
        for match in matches:
            if not isinstance(match.value, str):
                raise UserError(
                    f"'{expression}' leads to {match.full_path}, which is not a text",
                    where=f"{where}.references",
                )
            folder = os.path.dirname(item.path)
            yield match.value if os.path.isabs(match.value) else os.path.join(folder, match.value)


def _load(source: str, where: str) -> Any:  # noqa: ANN401 (any document)
    try:
        with open(source, "rb") as stream:
            text = stream.read()
        return json.loads(text) if source.endswith(".json") else yaml.safe_load(text)
    except OSError as error:
        raise UserError(
            f"input '{source}' cannot be read: {error.strerror}", where=where
        ) from error
    except (ValueError, yaml.YAMLError) as error:
        raise UserError(
            f"{source} is neither JSON nor YAML, so its references cannot be found: {error}",
            where=where,
        ) from error
