"""The files of components: found, put into an order that never changes again, and measured."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from manifest.errors import UserError
from manifest.file_table import FoundFile
from manifest.spec import Spec
from manifest.work import LARGEST, FileCommand, Work
from renderer.file_lists import Line, lines, read_list
from renderer.patterns import has_pattern, matching
from renderer.root_events import count_events
from runners.listing import listing

_LISTING_S = 600.0
_PORTS = {"root": 1094, "roots": 1094, "xroot": 1094, "http": 80, "https": 443}
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
        _refuse_doubles(named)
        files = tuple(_measured(named))
        if work.per_range:
            files = _with_events(files, work, where)
            _refuse_uncountable(files, where)
        found[name] = files
    return found


def is_url(path: str) -> bool:
    """Say whether a file is elsewhere: ``root://``, ``https://``, any scheme.

    >>> is_url("root://eos.example.org//store/a.root"), is_url("data/a.root")
    (True, False)
    """
    scheme, mark, _ = path.partition("://")
    return bool(mark) and scheme.isascii() and scheme.replace("+", "").isalnum()


def _named(work: Work, base: str, where: str) -> Iterator[Line]:
    """Yield every file with the number of its events, where a list says it."""
    for position, entry in enumerate(work.listed):
        place = f"{where}[{position}]"
        if isinstance(entry, FileCommand):
            text = listing(entry.command, base, _LISTING_S, place)
            yield from _found(lines(text, f"{place}: {entry.command[0]}"), base)
        elif entry.startswith("@"):
            path = os.path.normpath(os.path.join(base, os.path.expanduser(entry[1:])))
            yield from _found(read_list(path, place), os.path.dirname(path))
        else:
            yield from _found([Line(entry, None, place)], base)


def _found(named: Iterable[Line], base: str) -> Iterator[Line]:
    for line in named:
        for path in _expanded(line.name, base, line.place):
            yield line._replace(name=path)


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


def _refuse_doubles(named: Iterable[Line]) -> None:
    seen: dict[str, str] = {}
    for path, _, place in named:
        real = _same_for_all(path)
        if real in seen:
            raise UserError(
                f"{path} is there twice: its events would be counted twice",
                where=f"{place} and {seen[real]}",
                hint="name every file once (patterns may overlap)",
            )
        seen[real] = place


def _same_for_all(path: str) -> str:
    """Return one spelling of a file, whichever of its spellings is given.

    >>> _same_for_all("ROOT://Host:1094//store/./a"), _same_for_all("s3://b/x//a")
    ('root://host/store/a', 's3://b/x//a')
    """
    if not is_url(path):
        return os.path.realpath(path)
    scheme, _, rest = path.partition("://")
    scheme = scheme.lower()
    host, slash, name = rest.partition("/")
    if scheme == "file":
        return os.path.realpath(slash + name)
    if scheme not in _PORTS:  # in S3 every character of a key counts
        return f"{scheme}://{rest}"
    name, mark, query = name.partition("?")
    host = host.lower().removesuffix(f":{_PORTS[scheme]}")
    return f"{scheme}://{host}{posixpath.normpath('/' + name.lstrip('/'))}{mark}{query}"


def _measured(named: list[Line]) -> Iterator[FoundFile]:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        measures = pool.map(_measure, named)
        for line, (size, mtime_ns) in zip(named, measures, strict=True):
            yield FoundFile(line.name, size, mtime_ns, line.events, line.place)


def _measure(line: Line) -> tuple[int | None, int | None]:
    """Return size and time of change, unknown for a URL."""
    path = line.name
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
    raise UserError(f"{path} {why}", where=line.place, hint=hint)


def _with_events(files: tuple[FoundFile, ...], work: Work, where: str) -> tuple[FoundFile, ...]:
    """Return the files with the numbers of their events, looked up in the tree where need be."""
    unknown = [file for file in files if file.events is None]
    if not unknown:
        return files
    if work.tree is None:
        raise UserError(
            f"how many events are in {unknown[0].path}"
            + (f" and {len(unknown) - 1} others" * (len(unknown) > 1))
            + " is not known",
            where=unknown[0].place or where,
            hint="name the tree that holds them (tree: events), or write the number behind each "
            "file in a @list",
        )
    counted = iter(count_events([file.path for file in unknown], work.tree, where))
    return tuple(
        file if file.events is not None else file._replace(events=next(counted)) for file in files
    )


def _refuse_uncountable(files: tuple[FoundFile, ...], where: str) -> None:
    events = sum(file.events or 0 for file in files)
    if events > LARGEST:
        raise UserError(
            f"{events} events in all are more than can be counted",
            where=where,
            hint="correct the numbers behind the files",
        )
