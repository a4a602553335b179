"""``farmhand submit``: submit what is not submitted yet, each job exactly once."""

from __future__ import annotations

from typing import Annotated

import typer

from farmhand.components import OnlyOption, SkipOption
from farmhand.hand_over import TIMEOUT, BatchOption, TimeoutOption, read_batch
from farmhand.locate import ManifestOption, OutDirOption, RunArgument, find_run
from farmhand.place_jobs import submit
from farmhand.scheduler_option import ModeOption
from farmhand.submit_chunks import submit_chunks
from farmhand.submit_missing import is_repeated, submit_missing
from manifest.errors import UserError


def verb(
    run: RunArgument = None,
    manifest: ManifestOption = None,
    out_dir: OutDirOption = "runs",
    execute: Annotated[
        bool, typer.Option("--execute", help="Submit; without it, show what would be done.")
    ] = False,
    mode: ModeOption = None,
    batch: BatchOption = None,
    only: OnlyOption = None,
    skip: SkipOption = None,
    doubtful: Annotated[
        bool,
        typer.Option("--doubtful", help="Also chunks that may have been submitted already."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what -b would do, and do nothing.")
    ] = False,
    timeout: TimeoutOption = TIMEOUT,
) -> None:
    """Submit what is not submitted yet, each job exactly once.

    Where outputs have a destination, and on a local run, it is typed again and again: what is bad
    and would be resubmitted is rendered again and submitted, too (local: run in a pool here). It
    ends with how many shards are queued, running, held, completed and missing; "all set" when
    nothing is missing, else the exit code is 1.

    What the scheduler already has of this run, whoever submitted it, is not submitted again; nor
    is what has left records. Killed in the middle, it goes on where it was when typed again.
    Where a limit of the site stops it, it says what is left.

    With -b each chunk by itself, by a command of yours (lsf, nohup); one line each on stdout:
    name, outcome, job id. When one fails the others go on, and the exit code is 1.
    """
    folder, path = find_run(run, manifest, out_dir, writes=execute or batch is not None)
    if batch is not None:
        how = read_batch(batch, timeout)
        submit_chunks(folder, path, how, only=only, skip=skip, doubtful=doubtful, dry_run=dry_run)
        return
    for option, given in (("--only", only), ("--skip", skip), ("--doubtful", doubtful)):
        if given:
            raise UserError(
                f"{option} goes with -b, which submits chunk by chunk",
                hint="without -b a scheduler gets its jobs in one piece",
            )
    execute = execute and not dry_run
    if is_repeated(folder, path):
        submit_missing(folder, path, execute=execute, mode=mode)
    else:
        submit(folder, path, execute=execute, mode=mode)
