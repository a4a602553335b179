"""Which shards are meant: ``--shards 3,7-9`` and ``--cause oom``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer

from manifest.errors import UserError
from manifest.layout import parse_ranges
from manifest.nearest import nearest
from manifest.states import CAUSES

ShardsOption = Annotated[
    str | None, typer.Option("--shards", metavar="3,7-9", help="Only these shards.")
]
CauseOption = Annotated[
    list[str] | None,
    typer.Option("--cause", metavar="CAUSE", help="Only shards that are bad for this reason."),
]


def chosen_shards(text: str | None, shards: int) -> set[int] | None:
    """Return the shards of ``--shards``, or None when it was not given.

    Raises:
        UserError: not a list of shards of this run.
    """
    if text is None:
        return None
    found: set[int] = set()
    try:
        for index in parse_ranges(text):
            if index >= shards:
                raise UserError(
                    f"--shards: there is no shard {index}",
                    hint=f"this run has the shards 0 to {shards - 1}",
                )
            found.add(index)
    except ValueError as error:
        raise UserError(f"--shards: {error}") from error
    if not found:
        raise UserError("--shards names no shard", hint="write for example 3,7-9")
    return found


def chosen_causes(causes: Sequence[str] | None) -> set[str] | None:
    """Return the causes of ``--cause``, or None when it was not given.

    Raises:
        UserError: no such cause.
    """
    for cause in causes or ():
        if cause not in CAUSES:
            guess = nearest(cause, CAUSES)
            raise UserError(
                f"there is no cause '{cause}'" + (f"; did you mean '{guess}'?" if guess else ""),
                hint=f"causes are {', '.join(CAUSES)}",
            )
    return set(causes) if causes else None


def not_started(row: dict[str, Any], latest: int) -> bool:
    """Say whether a shard was submitted again, and no attempt is of that submission yet."""
    seen = [attempt["submission"] for attempt in row["attempts"]]
    return None not in seen and max(seen, default=latest) < latest


def latest_submission(submissions: Iterable[tuple[int, str]]) -> dict[int, int]:
    """Return shard -> number of its latest submission, from (number, ranges) pairs."""
    latest: dict[int, int] = {}
    for number, text in sorted(submissions):
        for index in parse_ranges(text):
            latest[index] = number
    return latest
