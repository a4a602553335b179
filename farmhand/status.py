"""``farmhand status``: count the shards by state."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from farmhand.asking import Asking
from farmhand.at_stores import stores_json, tell_stores
from farmhand.gather import gather
from farmhand.locate import JsonOption, ManifestOption, OutDirOption, RunArgument, find_run
from farmhand.pool_status import read_status, status_lines
from farmhand.talk import give, give_json
from farmhand.watch import watch
from manifest.errors import UserError
from reports.item_progress import item_progress
from reports.tally import tally


def verb(
    run: RunArgument = None,
    manifest: ManifestOption = None,
    out_dir: OutDirOption = "runs",
    watching: Annotated[
        bool, typer.Option("--watch", help="Look again and again, until nothing is left to do.")
    ] = False,
    every: Annotated[
        float, typer.Option(metavar="S", min=0.2, help="With --watch: seconds between two looks.")
    ] = 5.0,
    as_json: JsonOption = False,
) -> None:
    """Count the shards by state, with new records and the scheduler's word; nothing is written.

    With --watch a live table; where no terminal is, a line whenever something has changed.
    Schedulers are asked twice a minute.
    """
    if watching and as_json:
        raise UserError("--watch is for people, --json for programs", hint="leave one of them out")
    folder, path = find_run(run, manifest, out_dir, writes=False)
    if watching:
        watch(folder, path, every)
        return
    gathered = gather(folder, path, asking=Asking())
    now = gathered.manifest
    counted = tally(now)
    pool = read_status(folder)
    items = item_progress(now, time.time()) if gathered.facts.spec.item_columns else None
    if as_json:
        give_json(
            {
                "run_id": now.header.run_id,
                "shards": counted.shards,
                "succeeded": counted.succeeded,
                "states": dict(counted.states),
                "bad": len(counted.bad),
                **({"pool": pool} if pool else {}),
                **({} if items is None else {"items": items.as_json()}),
                **stores_json(gathered.stores),
            }
        )
        return
    give(f"{now.header.run_id}: {counted.text()}")
    for line in status_lines(pool, folder) if pool else ():
        give(line)
    for line in items.lines() if items is not None else ():
        give(line)
    tell_stores(gathered.stores)
