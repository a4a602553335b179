"""How a run stands at its destinations, in words and as JSON."""

from __future__ import annotations

from typing import Any

import orjson

from collectors.at_destination import AtDestination
from collectors.destination import Silence
from farmhand.talk import say, some, warn
from manifest.store import Manifest


def silences(manifest: Manifest, found: AtDestination) -> list[Silence]:
    """Return the directories without a listing that something was stored in.

    One that nobody has stored anything in need not exist yet.
    """
    return [one for one in found.silent if _has_stored(manifest, one.folder.url)]


def _has_stored(manifest: Manifest, folder: str) -> bool:
    mark = b'"url":' + orjson.dumps(f"{folder}/")[:-1]
    return any(mark in bytes(block) for block in manifest.results.blocks)


def warn_of_silence(manifest: Manifest, found: AtDestination) -> None:
    """Say once what could not be listed."""
    silent = silences(manifest, found)
    if silent:
        first = silent[0]
        more = f", nor {len(silent) - 1} more" if len(silent) > 1 else ""
        warn(
            f"{first.folder.url} cannot be listed{more} ({first.why}): what is stored there counts "
            "as it was last known"
        )


def tell_stores(found: AtDestination | None) -> None:
    """Say what is there and what is not."""
    if found is None or (len(found.silent) and not found.there):
        return
    parts = [f"{found.there} of {found.expected} files are there"]
    for names, what in (
        (found.gone, "gone since they were stored"),
        (found.wrong_size, "of another size than was stored"),
        (found.without_companions, "without what belongs to them"),
    ):
        if names:
            parts.append(f"{len(names)} {what} ({some(names)})")
    say(f"at the destination: {'; '.join(parts)}")
    if found.unrecorded:
        say(f"  no record, but a file there, which does not count: {some(found.unrecorded)}")
    if found.extra:
        alike = f", {found.alike} of them named like another campaign's" if found.alike else ""
        say(f"  of no shard of this run{alike}: {some(found.extra)}")
    if found.unfinished:
        say(f"  unfinished uploads: {found.unfinished}")


def stores_json(found: AtDestination | None) -> dict[str, Any]:
    """Return what ``--json`` adds for runs with destinations."""
    if found is None:
        return {}
    return {
        "destination": {
            "expected": found.expected,
            "there": found.there,
            "gone": found.gone,
            "wrong_size": found.wrong_size,
            "without_companions": found.without_companions,
            "unrecorded": found.unrecorded,
            "extra": found.extra,
            "unfinished": found.unfinished,
            "not_listed": [one.folder.url for one in found.silent],
        }
    }
