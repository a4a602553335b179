"""The files of components: found, put into an order that never changes again, and measured."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from manifest.errors import UserError
from manifest.file_table import FoundFile
from manifest.spec import Spec
from manifest.work import FileCommand, Work
from renderer.patterns import has_pattern, matching
from renderer.root_events import count_events
from runners.listing import listing

_LISTING_S = 600.0
_NUMBER = re.compile(r"[0-9]{1,18}")
_AT_ONCE = 16  # stat over a network is waiting, not work


def find_files(spec: Spec, base: str) -> dict[str | None, tuple[FoundFile, ...]]:
    """Find the files of every component that has any.

    Args:
        spec: what the user wants.
        base: the spec's directory; relative paths start there.

    Raises:
        UserError: nothing found, something unreadable, a file twice in one component, or events
            to be cut and not known how many there are.
    """
    found: dict[str | None, tuple[FoundFile, ...]] = {}
    for name, component in spec.parts():
        work = component.does
        if not work.listed:
            continue
        key = "files" if work.files else "events"
        where = f"work.{key}" if name is None else f"components.{name}.{key}"
        named = list(_named(work, base, where))
        if not named:
            raise UserError(
                "there are no files: what stands here names none",
                where=where,
                hint="name at least one, or leave the component out",
            )
        _refuse_doubles([path for path, _ in named], where)
        files = tuple(_measured(named, where))
        found[name] = _with_events(files, work, where) if work.per_range else files
    return found


def is_url(path: str) -> bool:
    """Say whether a file is elsewhere: ``root://``, ``https://``, any scheme.

    >>> is_url("root://eos.example.org//store/a.root"), is_url("data/a.root")
    (True, False)
    """
    scheme, mark, _ = path.partition("://")
    return bool(mark) and scheme.isascii() and scheme.replace("+", "").isalnum()


def _named(work: Work, base: str, where: str) -> Iterator[tuple[str, int | None]]:
    """Yield every file with the number of its events, where a list says it."""
    for position, entry in enumerate(work.listed):
        place = f"{where}[{position}]"
        if isinstance(entry, FileCommand):
            text = listing(entry.command, base, _LISTING_S, place)
            yield from _lines(text, base, f"{place}: {entry.command[0]}")
        elif entry.startswith("@"):
            path = os.path.join(base, entry[1:])
            yield from _lines(_read(path, place), os.path.dirname(path), path)
        else:
            for found in _expanded(entry, base, place):
                yield found, None


def _read(path: str, where: str) -> str:
    try:
        with open(path, encoding="utf-8-sig") as stream:  # editors of Windows write a mark
            return stream.read()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UserError(
            f"the list of files cannot be read: {why}",
            where=f"{where}: {path}",
            hint="@NAME is a text file with one file a line, relative to the spec",
        ) from error


def _lines(text: str, base: str, source: str) -> Iterator[tuple[str, int | None]]:
    """Yield the files of a list: a name a line, and maybe the number of its events.

    A ``#`` begins a comment at the start of a line or after a blank. A name with blanks in it
    stands in double quotes.
    """
    for number, line in enumerate(text.splitlines(), start=1):
        place = f"{source}:{number}"
        name, events = _line(line, place)
        if name:
            for path in _expanded(name, base, place):
                yield path, events


def _line(line: str, place: str) -> tuple[str, int | None]:
    stripped = line.strip()
    if stripped.startswith('"') and '"' in stripped[1:]:
        name, _, rest = stripped[1:].partition('"')
        words = [name, *_uncommented(rest)]
    else:
        words = _uncommented(stripped)
    if not words:
        return "", None
    if len(words) == 1:
        return words[0], None
    if len(words) == 2 and _NUMBER.fullmatch(words[1]):  # noqa: PLR2004 (a pair)
        return words[0], int(words[1])
    raise UserError(
        f"'{stripped}' is neither a file nor a file and the number of its events",
        where=place,
        hint='put a name with blanks in it into double quotes: "a b.root" 1000',
    )


def _uncommented(text: str) -> list[str]:
    words = []
    for word in text.split():
        if word.startswith("#"):
            break
        words.append(word)
    return words


def _expanded(entry: str, base: str, place: str) -> list[str]:
    """Return the files that a path, pattern or URL means; a pattern's in the order of names."""
    if not entry:
        raise UserError("an empty name", where=place, hint="name a file, or leave the entry out")
    if not entry.isprintable():
        raise UserError(
            f"the name {entry!r} has a character that is not printable",
            where=place,
            hint="rename the file",
        )
    if is_url(entry):
        return [entry]
    path = os.path.normpath(os.path.join(base, os.path.expanduser(entry)))
    if not has_pattern(entry) or os.path.exists(path):
        return [path]
    try:
        found = matching(path)
    except OSError as error:
        raise UserError(
            f"the pattern '{entry}' may miss files: {error.filename}: {error.strerror}",
            where=place,
            hint="make the directory readable, or write a pattern that does not go there",
        ) from error
    for match in found:
        if not match.isprintable():
            raise UserError(
                f"{entry} finds {match!r}, a name that is not printable",
                where=place,
                hint="rename the file",
            )
    files = [match for match in found if not os.path.isdir(match)]
    if not files:
        raise UserError(
            f"the pattern '{entry}' finds {'only directories' if found else 'nothing'}",
            where=f"{place}: {path}",
            hint="patterns are relative to the spec",
        )
    return files


def _refuse_doubles(paths: Iterable[str], where: str) -> None:
    seen: set[str] = set()
    for path in paths:
        real = path if is_url(path) else os.path.realpath(path)
        if real in seen:
            raise UserError(
                f"{path} is there twice: its events would be counted twice",
                where=where,
                hint="name every file once (patterns may overlap)",
            )
        seen.add(real)


def _measured(named: list[tuple[str, int | None]], where: str) -> Iterator[FoundFile]:
    paths = [path for path, _ in named]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        measures = pool.map(lambda path: _measure(path, where), paths)
        for (path, events), (size, mtime_ns) in zip(named, measures, strict=True):
            yield FoundFile(path, size, mtime_ns, events)


def _measure(path: str, where: str) -> tuple[int | None, int | None]:
    """Return size and time of change, unknown for a URL."""
    if is_url(path):
        return None, None
    why, hint = "is not a file", "name files only"
    try:
        status = os.stat(path)
        if stat.S_ISREG(status.st_mode):
            if os.access(path, os.R_OK):
                return status.st_size, status.st_mtime_ns
            why, hint = "may not be read by you", "make it readable, or leave it out"
        elif stat.S_ISDIR(status.st_mode):
            why, hint = "is a directory", f"for the files in it, write: {path}/*"
    except FileNotFoundError:
        why = "does not exist"
        hint = "paths are relative to the spec, those in a @list to the list"
    except OSError as error:
        why, hint = f"cannot be read: {error.strerror}", "make it readable, or leave it out"
    raise UserError(f"{path} {why}", where=where, hint=hint)


def _with_events(files: tuple[FoundFile, ...], work: Work, where: str) -> tuple[FoundFile, ...]:
    """Return the files with the numbers of their events, looked up in the tree where need be."""
    unknown = [file.path for file in files if file.events is None]
    if not unknown:
        return files
    if work.tree is None:
        raise UserError(
            f"how many events are in {unknown[0]}"
            + (f" and {len(unknown) - 1} others" * (len(unknown) > 1))
            + " is not known",
            where=where,
            hint="name the tree that holds them (tree: events), or write the number behind each "
            "file in a @list",
        )
    counted = iter(count_events(unknown, work.tree, where))
    return tuple(
        file
        if file.events is not None
        else FoundFile(file.path, file.size, file.mtime_ns, next(counted))
        for file in files
    )
