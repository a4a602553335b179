"""``farmhand check``: what is wrong with which shards, and why."""

from __future__ import annotations

import shutil
from typing import Annotated

import typer

from farmhand.gather import gather
from farmhand.locate import JsonOption, ManifestOption, OutDirOption, RunArgument, find_run
from farmhand.progress import collecting
from farmhand.talk import give, give_json, say, short_path
from manifest.store import Manifest, read_manifest
from reports.bad_table import bad_table
from reports.tally import Tally, bad_rows, tally


def verb(
    run: RunArgument = None,
    manifest: ManifestOption = None,
    out_dir: OutDirOption = "runs",
    complete: Annotated[
        bool, typer.Option("--complete", help="Also exit 1 while anything is not done yet.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what is wrong with which shards, and why.

    New records are taken into account; nothing is written. Exit code 1 when shards are bad:
    failed, cancelled, lost, held, or with sources that disagree.
    """
    folder, path = find_run(run, manifest, out_dir, writes=False)
    with collecting(read_manifest(path).header.shards) as bar:
        now = gather(folder, path, progress=bar.update).manifest
    counted = tally(now)
    if as_json:
        _give_json(now, counted)
    else:
        _give_table(now, counted)
    if counted.bad or (complete and counted.open):
        raise typer.Exit(1)


def _give_json(manifest: Manifest, counted: Tally) -> None:
    give_json(
        {
            "shards": counted.shards,
            "succeeded": counted.succeeded,
            "states": dict(counted.states),
            "bad": bad_rows(manifest, counted.bad),
        }
    )


def _give_table(manifest: Manifest, counted: Tally) -> None:
    give(f"{manifest.header.run_id}: {counted.text()}")
    run = short_path(manifest.run)
    if counted.bad:
        give("")
        width = shutil.get_terminal_size().columns
        for line in bad_table(bad_rows(manifest, counted.bad), width):
            give(line)
        say("")
        say(f"One of them: farmhand show {run} SHARD")
        say(f"Redo them:   farmhand resubmit {run}")
    elif counted.open:
        say(f"{counted.open} not done yet; none is bad")
    else:
        say("all good")
