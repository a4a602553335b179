"""``farmhand status``: count the shards by state."""

from __future__ import annotations

from farmhand.asking import Asking
from farmhand.at_stores import stores_json, tell_stores
from farmhand.gather import gather
from farmhand.locate import JsonOption, ManifestOption, OutDirOption, RunArgument, find_run
from farmhand.talk import give, give_json
from reports.tally import tally


def verb(
    run: RunArgument = None,
    manifest: ManifestOption = None,
    out_dir: OutDirOption = "runs",
    as_json: JsonOption = False,
) -> None:
    """Count the shards by state, with new records and the scheduler's word; nothing is written."""
    folder, path = find_run(run, manifest, out_dir, writes=False)
    gathered = gather(folder, path, asking=Asking())
    now = gathered.manifest
    counted = tally(now)
    if as_json:
        give_json(
            {
                "run_id": now.header.run_id,
                "shards": counted.shards,
                "succeeded": counted.succeeded,
                "states": dict(counted.states),
                "bad": len(counted.bad),
                **stores_json(gathered.stores),
            }
        )
        return
    give(f"{now.header.run_id}: {counted.text()}")
    tell_stores(gathered.stores)
