"""How many shards are done, alive and missing: the line that submit ends with."""

from __future__ import annotations

from dataclasses import dataclass

from farmhand.handed import Submitted
from farmhand.select import latest_submission
from manifest.header import Header
from manifest.layout import BLOCK
from manifest.store import Manifest

_ALIVE = {"pending": "queued", "running": "running", "held": "held", "succeeded": "completed"}


@dataclass(slots=True)
class Standing:
    """Shards by what there is still to do about them."""

    queued: int = 0
    running: int = 0
    held: int = 0
    completed: int = 0
    missing: int = 0
    unknown: int = 0
    """Started, and nobody knows how they ended: they may run yet."""
    total: int = 0

    def text(self) -> str:
        """Return the line."""
        names = ["queued", "running", "held", "completed", "missing"]
        names += ["unknown"] if self.unknown else []
        return ", ".join(f"{getattr(self, name)} {name}" for name in (*names, "total"))


def standing(manifest: Manifest, header: Header) -> Standing:
    """Count the shards of a gathered manifest.

    ``header`` is the newest: what was submitted a moment ago is queued, though nothing has been
    heard of it.
    """
    found = Standing(total=header.shards)
    latest = latest_submission((s.id, s.shards) for s in header.submissions)
    journals = Submitted(manifest.run, header)
    for number, block in enumerate(manifest.header.blocks):
        rows = manifest.results.block(number)
        if block.states.get("succeeded") == len(rows):
            found.completed += len(rows)
            continue
        first = number * BLOCK
        for index in range(first, first + len(rows)):
            kind = _kind(manifest, index, latest[index], journals)
            setattr(found, kind, getattr(found, kind) + 1)
    return found


def _kind(manifest: Manifest, index: int, latest: int, journals: Submitted) -> str:
    state, cause = manifest.results.head(index)
    if state in _ALIVE:
        return _ALIVE[state]
    if state == "unknown" and cause is None:
        return "unknown"
    handed = journals.find(latest, index)
    if handed is None or handed.outcome == "refused":
        return "missing"
    attempts = manifest.results.row(index)["attempts"]
    heard = any(attempt["submission"] in (None, latest) for attempt in attempts)
    return "missing" if heard else "queued"
