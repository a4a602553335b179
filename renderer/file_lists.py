"""Lists of files: a name a line, and maybe how many events are in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from manifest.errors import UserError
from manifest.work import LARGEST

_PAIR = 2
_SHOWN = 80
_LONGEST = len(str(LARGEST))


class Line(NamedTuple):
    """A line of a list that names something."""

    name: str
    """A path, pattern or URL, as it stands there."""
    events: int | None
    """How many events are in it, where the line says so."""
    place: str
    """The list and the number of the line, for messages."""


def read_list(path: str, where: str) -> Iterator[Line]:
    """Read a list that is a file.

    Raises:
        UserError: it cannot be read, or has a line that makes no sense.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="\n") as stream:  # Windows writes a mark
            text = stream.read()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UserError(
            f"the list of files cannot be read: {why}",
            where=f"{where}: {path}",
            hint="a list is a text file with one file a line, relative to the spec; data files "
            "themselves stand as entries of a YAML list: [data/*.root]",
        ) from error
    yield from lines(text, path)


def lines(text: str, source: str) -> Iterator[Line]:
    r"""Yield what a list names.

    A ``#`` begins a comment at the start of a line or after a blank. A name with blanks in it
    stands in double quotes. Only ``\n`` ends a line: str.splitlines() also cuts at characters that
    no editor counts as a line.

    Raises:
        UserError: a line is neither a name nor a name and a number.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        place = f"{source}:{number}"
        stripped = line.removesuffix("\r").strip(" \t")
        words = _words(stripped)
        if not words:
            continue
        if len(words) > _PAIR:
            raise UserError(
                f"{_shown(stripped)} has {len(words)} fields, and a line is a file, or a file and "
                "the number of its events",
                where=place,
                hint='put a name with blanks in it into double quotes: "a b.root" 1000',
            )
        yield Line(words[0], _number(words[1], place) if len(words) == _PAIR else None, place)


def _number(word: str, place: str) -> int:
    is_number = word.isascii() and word.isdecimal()
    digits = word.lstrip("0") or "0"
    if is_number and len(digits) <= _LONGEST and int(digits) <= LARGEST:
        return int(digits)
    if word[0] == "-" and word[1:].isdecimal():
        what = f"a file cannot have {_shown(word)} events"
    elif is_number:
        what = f"{_shown(word)} events are more than can be counted"
    else:
        what = f"{_shown(word)} is not a number of events"
    raise UserError(
        what,
        where=place,
        hint="write digits only, such as 2000000; put a name with blanks in it into double quotes",
    )


def _shown(text: str) -> str:
    """Return a text quoted, cut, and with nothing in it that a terminal would obey."""
    text = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return f"'{text}'" if text.isprintable() else repr(text)


def _words(line: str) -> list[str]:
    if line.startswith('"') and '"' in line[1:]:
        name, _, rest = line[1:].partition('"')
        return [name, *_uncommented(rest)]
    return _uncommented(line)


def _uncommented(text: str) -> list[str]:
    words = []
    for word in text.replace("\t", " ").split(" "):
        if word.startswith("#"):
            break
        if word:
            words.append(word)
    return words
