"""``farmhand sweep merge``: every complete run of a sweep, and whether their results agree."""

from __future__ import annotations

import shlex

import typer

from farmhand.gather import gather
from farmhand.sweep_agree import tell_agreement
from farmhand.sweep_file import SweepArgument, open_sweep
from farmhand.sweep_harvest import is_done, merge_fresh
from farmhand.talk import give, say
from manifest.errors import UserError
from reports.tally import tally


def verb(file: SweepArgument) -> None:
    """Merge every complete run of a sweep, and compare the results: they must be equal.

    A run that is not complete is named and passed over. The exit code is 1 when one was, when a
    merge was refused, or when results differ; each that differs is named.
    """
    opened = open_sweep(file)
    passed = True
    for one, folder, path in opened.manifests():
        gathered = gather(folder, path)
        if gathered.facts.spec.merge is None:
            raise UserError("the spec of this sweep has no merge: block", where=opened.shown)
        if is_done(gathered):
            if gathered.folded.changed:
                raise UserError(
                    "there is more than the manifests know",
                    where=folder,
                    hint=f"farmhand sweep collect {shlex.quote(opened.shown)}",
                )
            passed = merge_fresh(gathered) and passed
        else:
            give(
                f"{gathered.manifest.header.run_id}: not merged: {tally(gathered.manifest).text()}"
            )
            passed = passed and one.repeat == 0
    if not (tell_agreement(opened) and passed):
        say("Not all runs are merged and agree.")
        raise typer.Exit(1)
