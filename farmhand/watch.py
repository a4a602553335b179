"""Watching a run until nothing is left to do: a live table, or a line whenever it has changed."""

from __future__ import annotations

import contextlib
import io
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from farmhand.asking import SILENT, Asking
from farmhand.components import spans
from farmhand.gather import Gathered, gather
from farmhand.pool_status import read_status, status_lines
from farmhand.talk import give
from manifest.store import Manifest, revision_of
from reports.by_component import by_component
from reports.item_progress import item_progress
from reports.tally import bad_rows, tally
from reports.watch_view import Pace, Seen, watch_lines

if TYPE_CHECKING:
    from rich.console import RenderableType

_ASK_S = 30.0
"""Schedulers are shared: they are asked no more often than this."""
_LIVE = Asking(stores=False)


def watch(folder: str, path: str, every: float) -> None:
    """Show how a run stands until all shards are done or bad; nothing is written.

    Args:
        folder: the run directory.
        path: its manifest.
        every: seconds between two looks at the records.
    """
    looks = _looks(folder, path, every)
    if sys.stdout.isatty():
        _on_terminal(looks, every)
    else:
        _line_by_line(looks)


def _looks(folder: str, path: str, every: float) -> Iterator[Seen]:
    """Look again and again; what was read before is kept, unless somebody wrote the manifest."""
    known: Manifest | None = None
    revision, asked = None, -_ASK_S
    while True:
        if revision_of(path) != revision:
            known, revision = None, revision_of(path)
        now = time.monotonic()
        ask = now - asked >= _ASK_S
        asked = now if ask else asked
        said = io.StringIO()  # a warning each time would tear the table apart
        with contextlib.redirect_stderr(said):
            gathered = gather(folder, path, asking=_LIVE if ask else SILENT, known=known)
        known = gathered.manifest
        counted = tally(known)
        yield Seen(
            run_id=known.header.run_id,
            counted=counted,
            standings=by_component(known, spans(gathered.facts)),
            bad=bad_rows(known, counted.bad),
            more=tuple(_more(folder, gathered)),
            notes=said.getvalue().splitlines(),
        )
        if not counted.open:
            return
        time.sleep(every)


def _more(folder: str, gathered: Gathered) -> Iterator[str]:
    """Yield what else is known of work at hand: the pool's, and the ledgers of items."""
    pool = read_status(folder)
    if pool:
        yield from status_lines(pool, folder)
    if gathered.facts.spec.item_columns:
        yield from item_progress(gathered.manifest, time.time()).lines()


def _line_by_line(looks: Iterator[Seen]) -> None:
    last = ""
    for seen in looks:
        text = f"{seen.run_id}: {seen.counted.text()}"
        if text != last:
            give(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {text}")
            sys.stdout.flush()  # somebody may read along
            last = text


def _on_terminal(looks: Iterator[Seen], every: float) -> None:
    from rich.live import Live  # noqa: PLC0415 (slow, and only for terminals)

    pace = Pace()
    with Live(auto_refresh=False) as live:
        for seen in looks:
            pace.add(time.monotonic(), seen.counted.succeeded)
            live.update(_screen(seen, pace, live.console.width, every), refresh=True)


def _screen(seen: Seen, pace: Pace, width: int, every: float) -> RenderableType:
    from rich.console import Group  # noqa: PLC0415 (as above)
    from rich.padding import Padding  # noqa: PLC0415
    from rich.progress_bar import ProgressBar  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    counted = seen.counted
    state = f"every {every:g} s, ^C to leave" if counted.open else "nothing is left to wait for"
    head = f"{seen.run_id}   {datetime.now(UTC):%H:%M:%S} UTC   {state}"
    done = 100 * counted.succeeded / counted.shards
    return Group(
        Text(head, overflow="ellipsis", no_wrap=True),
        Padding(ProgressBar(total=100, completed=done, width=min(width, 60)), 0),  # ends its line
        *(Text(line, overflow="ellipsis", no_wrap=True) for line in watch_lines(seen, pace, width)),
    )
