"""``farmhand collect``: gather records and outputs into the manifest."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Annotated

import typer

from collectors.run_facts import changed_plan_files
from farmhand.asking import Asking
from farmhand.at_stores import stores_json, tell_stores
from farmhand.gather import Gathered, gather, gather_and_write, write_to
from farmhand.input_changes import changed_inputs
from farmhand.locate import JsonOption, ManifestOption, OutDirOption, RunArgument, find_run
from farmhand.progress import collecting
from farmhand.publish import publish
from farmhand.rebuild import rebuild_manifest
from farmhand.talk import give, give_json, say, short_path, some, warn
from manifest.errors import UserError
from manifest.store import collected_path, read_manifest, revision_of
from reports.tally import tally


def verb(
    run: RunArgument = None,
    manifest: ManifestOption = None,
    out_dir: OutDirOption = "runs",
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Update manifest.json itself.")
    ] = False,
    out: Annotated[str | None, typer.Option(metavar="FILE", help="Write there instead.")] = None,
    recheck: Annotated[
        bool, typer.Option("--recheck", help="Look at every output again; re-read what changed.")
    ] = False,
    rebuild: Annotated[
        bool,
        typer.Option("--rebuild", help="Make a lost or damaged manifest anew from the plan."),
    ] = False,
    sacct_file: Annotated[
        str | None,
        typer.Option("--sacct-file", metavar="FILE", help="Read a saved sacct listing instead."),
    ] = None,
    records_only: Annotated[
        bool, typer.Option("--records-only", help="Ask neither the scheduler nor stores.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Gather what the jobs left behind into the manifest.

    Works without any scheduler command: jobs record their own outcome. Outputs are checked once,
    when their attempt has ended; collecting again reads only what is new. Where outputs have a
    destination, its directories are listed, and what was stored must still be there.

    Without --in-place the result goes to manifest.collected.json beside the manifest.
    """
    if in_place and out is not None:
        raise UserError("--in-place and --out exclude each other")
    folder, path = find_run(run, manifest, out_dir, writes=False)
    if out is not None and os.path.realpath(out) == os.path.realpath(path):
        raise UserError("--out names the manifest itself", where=out, hint="say --in-place")
    asking = Asking(
        live=not records_only and sacct_file is None,
        sacct_file=sacct_file,
        stores=not records_only,
    )
    if rebuild:
        rebuild_manifest(folder, path)
    _warn_of_changes(folder)
    if in_place or rebuild:
        shards = read_manifest(path).header.shards
        with collecting(shards) as bar:
            gathered = gather_and_write(
                folder, path, recheck=recheck, asking=asking, progress=bar.update
            )
        publish(gathered)
        target = path
    else:
        gathered = gather(folder, path, recheck=recheck, asking=asking)
        target = os.path.abspath(out) if out else collected_path(folder)
        _write_copy(target, gathered)
    _tell(gathered, target, in_place=in_place or rebuild, as_json=as_json)


def _warn_of_changes(run: str) -> None:
    """Warn when the plan or its inputs are not what was rendered."""
    plan = changed_plan_files(run)
    if plan:
        warn(
            f"the plan was edited after it was rendered ({some(plan)}): jobs that start now may "
            "do other work than the manifest says; restore plan/ or render a new run"
        )
    inputs = [item["shown"] for item in changed_inputs(run)]
    if inputs:
        warn(
            f"inputs were changed after the render ({some(inputs)}): shards that ran since then "
            "are not merged; put the inputs back, or render a new run"
        )


def _write_copy(target: str, gathered: Gathered) -> None:
    """Write a copy; it has no revisions of its own to defend, so it goes on from what is there."""
    there = revision_of(target)
    if there is not None:
        manifest = gathered.manifest
        header = manifest.header.model_copy(update={"revision": there})
        folded = replace(gathered.folded, manifest=replace(manifest, header=header))
        gathered = replace(gathered, folded=folded)
    write_to(target, gathered)


def _tell(gathered: Gathered, target: str, *, in_place: bool, as_json: bool) -> None:
    counted = tally(gathered.manifest)
    if as_json:
        give_json(
            {
                "run_id": gathered.manifest.header.run_id,
                "manifest": target,
                "shards": counted.shards,
                "succeeded": counted.succeeded,
                "states": dict(counted.states),
                "bad": len(counted.bad),
                "records_read": gathered.folded.read,
                "changed": gathered.folded.changed,
                **stores_json(gathered.stores),
            }
        )
        return
    give(counted.text())
    tell_stores(gathered.stores)
    if gathered.folded.strangers:
        warn(f"{gathered.folded.strangers} files under records/ are not records; passed over")
    shown = short_path(target)
    if in_place:
        say(f"{'updated' if gathered.folded.changed else 'nothing new in'} {shown}")
    elif os.path.dirname(target) == gathered.manifest.run:
        say(f"written to {shown}; no verb reads it by itself: name it (farmhand check {shown}),")
        say("or update the manifest with: farmhand collect --in-place")
    else:
        say(f"written to {shown}; to update the manifest: farmhand collect --in-place")
    if counted.bad:
        say(f"{len(counted.bad)} bad: farmhand check {short_path(gathered.manifest.run)}")
