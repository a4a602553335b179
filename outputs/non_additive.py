"""Statistics that mean nothing once shards are put together: refused, left out, or made anew.

A quantile of a whole is no sum, mean or list of the quantiles of its parts; the same holds for
q-values of a false-discovery rate, ranks and medians.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from typing import TYPE_CHECKING

from manifest.errors import Refusal, UserError
from outputs.staged import temporary_name, writing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from outputs.job import MergeJob

INPUT, OUTPUT = "{{ merge.input }}", "{{ merge.output }}"


def refuse_pooled(job: MergeJob, name: str, shards: int) -> None:
    """Refuse to put together what does not add up, unless the spec says what becomes of it.

    Args:
        job: the merge.
        name: of the result.
        shards: how many have something in it; what one shard computed may stay.

    Raises:
        Refusal: names the columns and the way out.
    """
    spec = job.spec
    if not spec.non_additive or spec.recompute or spec.drop or shards <= 1:
        return
    raise Refusal(
        f"not merged: {', '.join(spec.non_additive)} cannot be put together from {shards} shards: "
        f"each computed {'it' if len(spec.non_additive) == 1 else 'them'} of its own part",
        where=name,
        hint="recompute: {command: [...]} under merge: computes again from the whole, drop: true "
        "leaves out; write it into a spec, and: farmhand merge RUN --spec FILE",
    )


def left_out(job: MergeJob) -> Iterator[str]:
    """Yield the note that goes with what is left out."""
    if job.spec.drop:
        yield f"left out, for it does not add up: {', '.join(job.spec.non_additive)}"


@contextlib.contextmanager
def recomputed(job: MergeJob, path: str, name: str) -> Iterator[str]:
    """Run ``merge.recompute`` on a finished result; yield the path of what it wrote.

    Raises:
        Refusal: it failed, wrote nothing, or wrote to what it should read.
        UserError: nobody can run commands here.
    """
    if job.spec.recompute is None or job.run_command is None:
        raise UserError("merge.recompute needs somebody who starts processes")
    # A directory of its own: what else the command leaves beside its output goes with it.
    scratch = temporary_name(job.target)
    written = os.path.join(scratch, name)
    words = {INPUT: path, OUTPUT: written}
    arguments = [words.get(word, word) for word in job.spec.recompute.command]
    before = _digest(path)
    with writing(job.target):
        os.mkdir(scratch)
    try:
        code, tail = job.run_command(arguments)
        if code != 0:
            said = f": {tail.strip().splitlines()[-1][:200]}" if tail.strip() else ""
            raise wrong(name, f"ended with exit code {code}{said}")
        if not os.path.isfile(path) or _digest(path) != before:
            raise wrong(name, f"changed what it should only read, {INPUT}")
        if not os.path.isfile(written):
            raise wrong(name, f"ended with exit code 0 but wrote no output to {OUTPUT}")
        yield written
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def wrong(name: str, what: str) -> Refusal:
    """Return the refusal of what the command did."""
    return Refusal(
        f"not merged: merge.recompute {what}",
        where=name,
        hint="run the command by hand on a merged table; the outputs of the shards are unchanged",
    )


def _digest(path: str) -> bytes:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
