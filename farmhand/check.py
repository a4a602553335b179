"""``farmhand check``: what is wrong with which shards, and why."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from farmhand.asking import STORES
from farmhand.check_batch import Redone, resubmit_bad, tell_redone
from farmhand.check_view import View, as_json, give_table, look, tell
from farmhand.gather import gather
from farmhand.hand_over import TIMEOUT, BatchOption, TimeoutOption, read_batch
from farmhand.locate import (
    JsonOption,
    ManifestOption,
    OutDirOption,
    RunsArgument,
    find_shards,
    shards_at,
)
from farmhand.progress import collecting
from farmhand.software_differences import differences
from farmhand.talk import give_json, warn
from manifest.store import read_manifest


def verb(
    run: RunsArgument = None,
    manifest: ManifestOption = None,
    out_dir: OutDirOption = "runs",
    complete: Annotated[
        bool, typer.Option("--complete", help="Also exit 1 while anything is not done yet.")
    ] = False,
    batch: BatchOption = None,
    timeout: TimeoutOption = TIMEOUT,
    json: JsonOption = False,
) -> None:
    """Say what is wrong with which shards, and why; by component where there are components.

    New records are taken into account, and what lies at the destinations of outputs; nothing is
    written. Exit code 1 when shards are bad:
    failed, cancelled, lost, held, or with sources that disagree. What was submitted again and has
    not been heard of since is waited for, and not bad.

    With -b every bad chunk (lsf, nohup) that is not alive is rendered again, with more of what it
    lacked, and submitted by your command, one line each. Then the exit code is 1 while anything
    is bad that was not submitted again.
    """
    how = None if batch is None else read_batch(batch, timeout)
    folder, path, named = find_shards(run, manifest, out_dir, writes=how is not None)
    start = read_manifest(path)
    chosen = None if named is None else shards_at(start, named)
    if how is not None:
        redone = resubmit_bad(folder, path, chosen, how, quiet=json)
        if json:
            give_json(_with_answers(redone))
        tell_redone(redone, how)
        _answer(redone.view, redone.still_bad, complete=complete)
        return
    with collecting(start.header.shards) as bar:
        gathered = gather(folder, path, asking=STORES, progress=bar.update)
    view = look(gathered, chosen)
    software = differences(gathered.facts.spec, gathered.manifest, chosen)
    if json:
        give_json(as_json(view) | ({"software": software} if software else {}))
    else:
        give_table(view)
        for text in software:
            warn(f"software differs: {text}")
        tell(view)
    _answer(view, view.bad, complete=complete)


def _answer(view: View, bad: list[int], *, complete: bool) -> None:
    unfinished = view.counted.succeeded < view.counted.shards
    if bad or (complete and unfinished):
        raise typer.Exit(1)


def _with_answers(redone: Redone) -> dict[str, Any]:
    """Return the JSON of how it stood, with what became of each chunk that was handed over."""
    answer = as_json(redone.view)
    bad = set(redone.still_bad)
    answer["bad"] = [row for row in answer["bad"] if row["shard_index"] in bad]
    answer["submitted"] = [
        {
            "shard_index": chunk.shard,
            "name": chunk.name,
            "submission": chunk.submission,
            "outcome": said.outcome,
            "job": said.job,
            "text": said.text,
        }
        for chunk, said in redone.outcome.answers
    ]
    return answer
