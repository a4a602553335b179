"""Names of event ranges: ``{{ dataset }}_%03d_%07d_%05d``, which read back to what they name.

The three conversions are, in this order, the number of the file in its list, the first event (how
many are skipped), and the number of events, as productions name their files.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

from manifest.errors import UserError
from manifest.names import name_problem

FIELDS = ("shard.file", "shard.first_event", "shard.size")
_CONVERSION = re.compile(r"%0?\d{0,2}d")
_PIECE = re.compile(r"(\{\{.*?\}\}|%0?\d{0,2}d)")
_MOST_DIGITS = 19  # 64 bits
_DATASET = re.compile(r"\{\{\s*dataset\s*\}\}")
_HINT = "write for example {{ dataset }}_%03d_%07d_%05d"


class EventRange(NamedTuple):
    """What a name says."""

    rest: tuple[str, ...]
    """The texts of ``{{ }}`` in it, in their order."""
    file: int
    skip: int
    events: int


def is_event_pattern(pattern: str) -> bool:
    """Say whether a name pattern has conversions.

    >>> is_event_pattern("{{ dataset }}_%03d"), is_event_pattern("s{{ shard.index }}")
    (True, False)
    """
    return _CONVERSION.search(pattern) is not None


def expanded(pattern: str, dataset: str) -> str:
    """Return a pattern with expressions in place of its conversions.

    Args:
        pattern: as the user wrote it.
        dataset: the expression or name that ``{{ dataset }}`` stands for.

    Raises:
        UserError: it does not read back.

    >>> expanded("{{ dataset }}_%03d_%07d_%05d", "ep")[:36]
    "ep_{{ '%03d' | format(shard.file) }}"
    """
    _refuse_unreadable(pattern)
    fields = iter(FIELDS)
    text = _CONVERSION.sub(
        lambda match: f"{{{{ '{match[0]}' | format({next(fields)}) }}}}", pattern
    )
    return _DATASET.sub(lambda _: dataset, text)


def _refuse_unreadable(pattern: str) -> None:
    found = list(_CONVERSION.finditer(pattern))
    if len(found) != len(FIELDS):
        raise UserError(
            f"'{pattern}' has {len(found)} conversions, not three: the number of the file, its "
            "first event and the number of events",
            where="shard_name",
            hint=_HINT,
        )
    ends = [match.span() for match in _PIECE.finditer(pattern)]
    if len(ends) > len(found) + 1:
        raise UserError(
            f"'{pattern}' does not read back: which part of a name is of which {{{{ }}}}?",
            where="shard_name",
            hint="use one {{ }} beside the three numbers, such as {{ dataset }}",
        )
    gaps = [pattern[one[1] : other[0]] for one, other in pairwise(ends)]
    for (start, end), gap in zip(ends, gaps, strict=False):
        if not gap or gap[0].isdigit() or gap[-1].isdigit():
            raise UserError(
                f"'{pattern}' does not read back: where does '{pattern[start:end]}' end?",
                where="shard_name",
                hint="put something that is no digit between two of them, such as _",
            )
    if pattern[: ends[0][0]][-1:].isdigit() or pattern[ends[-1][1] :][:1].isdigit():
        raise UserError(
            f"'{pattern}' does not read back: a digit stands beside a number",
            where="shard_name",
            hint=_HINT,
        )


def read_name(pattern: str, name: str) -> EventRange | None:
    """Return what a name says, or None when this pattern makes no such name.

    >>> read_name("{{ dataset }}_%03d_%07d_%05d", "ep_18x100_004_0012000_01000")
    EventRange(rest=('ep_18x100',), file=4, skip=12000, events=1000)
    >>> read_name("{{ dataset }}_%03d_%07d_%05d", "ep_4_0_1")
    """
    parts = _PIECE.split(pattern)
    text = ""
    for number, part in enumerate(parts):
        if number % 2 == 0:
            text += re.escape(part)
        else:
            text += "(.+)" if part.startswith("{{") else f"([0-9]{{1,{_MOST_DIGITS}}})"
    match = re.fullmatch(text, name)
    if match is None or name_problem(name):
        return None
    found = list(zip(parts[1::2], match.groups(), strict=True))
    written = [(part, value) for part, value in found if not part.startswith("{{")]
    if any(part % int(value) != value for part, value in written):
        return None  # other zeros in front than the pattern writes
    rest = tuple(value for part, value in found if part.startswith("{{"))
    said = EventRange(rest, *(int(value) for _, value in written))
    return said if said.events else None
