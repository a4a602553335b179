"""Waiting for a run of a sweep to end, and for no longer than there is something to wait for."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from farmhand.asking import Asking
from farmhand.gather import gather
from farmhand.standing import Standing, standing
from farmhand.talk import say, warn
from manifest.store import Manifest, read_manifest, revision_of

_LIVE = Asking(stores=False)
End = Literal["ended", "held", "late"]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a run is waited for."""

    poll_s: float
    grace_s: float
    """What is held is waited for so long when nothing else is left: it may be released."""
    timeout_s: float


def wait(folder: str, path: str, label: str, patience: Patience) -> End:
    """Wait until no shard is queued or running; say whenever something has changed.

    Returns ``held`` when the rest has been held for the grace, and ``late`` when time is up.
    """
    looks = _looks(folder, path)
    return wait_for(
        lambda: next(looks), patience, lambda text: say(f"{label}: {text}"), time.monotonic
    )


def wait_for(
    look: Callable[[], Standing],
    patience: Patience,
    tell: Callable[[str], None],
    clock: Callable[[], float],
    sleep: Callable[[float], None] = time.sleep,
) -> End:
    """Do the same with whatever looks, tells the time and sleeps."""
    held_since: float | None = None
    begun, last = clock(), ""
    while True:
        found = look()
        if found.text() != last:
            last = found.text()
            tell(last)
        now = clock()
        alive = found.queued + found.running + found.unknown
        if alive or not found.held:
            held_since = None
        elif held_since is None:
            held_since = now
        if not alive and not found.held:
            return "ended"
        if held_since is not None and now - held_since >= patience.grace_s:
            return "held"
        if now - begun >= patience.timeout_s:
            return "late"
        sleep(patience.poll_s)


def _looks(folder: str, path: str) -> Iterator[Standing]:
    """Look again and again; what was read before is kept, unless somebody wrote the manifest."""
    known: Manifest | None = None
    revision, notes = None, ""
    while True:
        if revision_of(path) != revision:
            known, revision = None, revision_of(path)
        said = io.StringIO()
        with contextlib.redirect_stderr(said):  # a silent scheduler is silent at every look
            gathered = gather(folder, path, asking=_LIVE, known=known)
        known = gathered.manifest
        if said.getvalue() != notes:
            notes = said.getvalue()
            for line in notes.splitlines():
                warn(line.removeprefix("warning: "))
        yield standing(known, read_manifest(path).header)
