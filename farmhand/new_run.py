"""Making a run directory: built under a hidden name, then renamed, so it is whole or absent."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import uuid
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from farmhand import __version__
from farmhand.array_limit import largest_array
from farmhand.campaign import refuse_taken
from farmhand.submissions import Way, new_submission, utc_now, write_submission
from manifest.errors import UserError
from manifest.header import SCHEMA, Header, Submission
from manifest.layout import BLOCK, MANIFEST, blocks, is_nested
from manifest.names import name_problem
from manifest.resources import Resources
from manifest.rows import Rows
from manifest.splitting import Row
from manifest.store import Manifest, with_blocks, write_manifest
from renderer.plan import Plan, plan_blocks
from renderer.plan_files import RunId, write_plan
from renderer.submission import Written


def make_run(
    plan: Plan, way: Way, out_dir: str, run_id: str, typed: Sequence[str] = ()
) -> tuple[str, list[Written]]:
    """Write a run; return its absolute path and what each submission wants typed.

    ``typed`` is the command line that asked for it.

    Raises:
        UserError: the name is taken or unsafe, or the directory cannot be written.
    """
    problem = name_problem(run_id)
    if problem:
        raise UserError(f"--run-id: {problem}")
    out_dir = os.path.abspath(out_dir)
    final = os.path.join(out_dir, run_id)
    refuse_taken(final, plan, way.scheduler)
    making = os.path.join(out_dir, f".{run_id}.rendering.{socket.gethostname()}.{os.getpid()}")
    try:
        os.makedirs(out_dir, exist_ok=True)
        _sweep(out_dir, run_id)
        os.mkdir(making)
        ids = RunId(run_id, str(uuid.uuid4()), _rendered(plan, typed))
        written = _write(plan, way, making, final, ids)
        os.rename(making, final)
    except OSError as error:
        shutil.rmtree(making, ignore_errors=True)
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
            refuse_taken(final, plan, way.scheduler)
        raise _unwritable(error, out_dir) from error
    except BaseException as error:
        shutil.rmtree(making, ignore_errors=True)
        if isinstance(error.__cause__, OSError) and isinstance(error, UserError):
            raise _unwritable(error.__cause__, out_dir) from error  # the manifest, of all files
        raise
    return final, written


def _unwritable(error: OSError, out_dir: str) -> UserError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    why = "the disk is full" if full else str(error.strerror)
    if error.errno == errno.EEXIST:
        why = "this is not a directory"
    return UserError(
        f"the run cannot be written: {why}",
        where=out_dir if full or error.filename is None else error.filename,
        hint="nothing is left behind; choose another --out-dir or make room",
    )


def _sweep(out_dir: str, run_id: str) -> None:
    """Remove what a render of the same run left behind when it was killed."""
    start = f".{run_id}.rendering.{socket.gethostname()}."
    for name in os.listdir(out_dir):
        pid = name.removeprefix(start)
        if name.startswith(start) and pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
            shutil.rmtree(os.path.join(out_dir, name), ignore_errors=True)


def groups(plan: Plan) -> list[tuple[Resources, list[tuple[int, int]]]]:
    """Return shard spans [first, last) by resources: one submission each."""
    found: dict[Resources, list[tuple[int, int]]] = {}
    for part in plan.parts:
        mine = part.component.resources or Resources()
        first = part.first
        for needs, shards in part.needs():
            resources = (needs or Resources()).over(mine.over(plan.spec.resources))
            found.setdefault(resources, []).append((first, first + shards))
            first += shards
    return list(found.items())


def _rendered(plan: Plan, typed: Sequence[str]) -> dict[str, Any]:
    """Return how a run came to be, for whoever wants it once more; never bytes that are no text."""
    return {
        "farmhand": __version__,
        "cwd": _text(os.getcwd()),
        "base": _text(plan.base),
        "command": [_text(word) for word in typed],
    }


def _text(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _write(plan: Plan, way: Way, root: str, run: str, ids: RunId) -> list[Written]:
    for number in range(blocks(plan.shards)):
        os.makedirs(os.path.join(root, "records", str(number)))
        if is_nested(plan.shards):
            os.makedirs(os.path.join(root, "shards", str(number)))
    os.makedirs(os.path.join(root, "logs"))
    os.makedirs(os.path.join(root, "shards"), exist_ok=True)
    plan_id, plans, results = write_plan(plan, root, ids)
    written: list[Written] = []
    submissions: list[Submission] = []
    largest = largest_array(way.scheduler, plan.spec)
    for number, (resources, spans) in enumerate(groups(plan), start=1):
        members = (index for span in spans for index in range(*span))
        submission = new_submission(
            number, way, members, resources, spec=plan.spec, largest_array=largest
        )
        submissions.append(submission)
        written.append(
            write_submission(
                submission,
                resources,
                _members(plan, spans),
                run=run,
                root=root,
                run_id=ids.run_id,
                plan_id=plan_id,
                total=plan.shards,
                spec=plan.spec,
                largest_array=largest,
                run_uuid=ids.uuid,
                first=True,
            )
        )
    seeds = {part.seed.base for part in plan.parts if part.seed}
    header = Header(
        schema_version=SCHEMA,
        revision=1,
        run_id=ids.run_id,
        run_uuid=ids.uuid,
        name=plan.spec.name,
        scheduler=way.scheduler,
        plan_id=plan_id,
        seed=seeds.pop() if len(seeds) == 1 else None,
        seed_ranges=tuple(span for part in plan.parts if (span := part.seed_range())),
        shards=plan.shards,
        created_at_utc=utc_now(),
        submissions=tuple(submissions),
    )
    path = os.path.join(root, MANIFEST)
    manifest = Manifest(path, header, Rows(plans, path), Rows(results, path))
    write_manifest(with_blocks(manifest, [None] * len(plans)))
    return written


def _members(plan: Plan, spans: list[tuple[int, int]]) -> Iterator[tuple[int, str]]:
    """Yield (index, name) of the shards in ``spans``, a block at a time."""
    rows = (row for block in plan_blocks(plan) for row in block)
    position = 0
    for first, last in spans:
        for row in islice(rows, first - position, last - position):
            yield row.shard, row.name
        position = last


def first_rows(plan: Plan, most: int = BLOCK) -> list[Row]:
    """Return the first shards, for a table."""
    return list(islice((row for block in plan_blocks(plan) for row in block), most))
