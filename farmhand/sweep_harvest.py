"""Collecting and merging a run of a sweep, once it has ended or whenever somebody asks."""

from __future__ import annotations

import os
import shutil

from farmhand.asking import Asking
from farmhand.gather import Gathered, gather_and_write
from farmhand.merge import merge_run
from farmhand.merge_whole import default_target
from farmhand.publish import publish
from farmhand.talk import give, say, warn
from manifest.errors import Refusal, UserError
from reports.bad_table import bad_table
from reports.tally import bad_rows, tally

_COLLECTING = Asking(stores=False)


def collect_run(folder: str, path: str) -> Gathered:
    """Collect a run into its manifest, and print how it stands: what is bad with its cause."""
    gathered = gather_and_write(folder, path, asking=_COLLECTING)
    publish(gathered)
    manifest = gathered.manifest
    counted = tally(manifest)
    give(f"{manifest.header.run_id}: {counted.text()}")
    if counted.bad:
        for line in bad_table(bad_rows(manifest, counted.bad), shutil.get_terminal_size().columns):
            say(line)
    return gathered


def is_done(gathered: Gathered) -> bool:
    """Say whether all shards have succeeded."""
    counted = tally(gathered.manifest)
    return counted.succeeded == counted.shards


def merge_fresh(gathered: Gathered) -> bool:
    """Merge a run that is done, unless that was done since it last changed; say whether it passed.

    A run whose spec says nothing about merging passes.
    """
    if gathered.facts.spec.merge is None or _is_fresh(gathered):
        return True
    run_id = gathered.manifest.header.run_id
    try:
        made = merge_run(gathered.facts.run, gathered.manifest.path)
    except Refusal as error:
        say(f"{run_id}: {error}")
        return False
    for text in made.warnings:
        warn(f"{run_id}: {text}")
    give(f"{run_id}: merged" + ("" if made.passed else ", but it does not pass its own criteria"))
    return made.passed


def _is_fresh(gathered: Gathered) -> bool:
    """Say whether the merged result is newer than the manifest, which changes when shards do."""
    try:
        merged = os.stat(default_target(gathered.facts)).st_mtime_ns
        return merged >= os.stat(gathered.manifest.path).st_mtime_ns
    except (OSError, UserError):
        return False
