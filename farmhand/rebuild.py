"""A manifest made anew from the plan, the submissions and the records."""

from __future__ import annotations

import os
import shutil

import orjson
from pydantic import ValidationError

from collectors.run_facts import read_facts
from farmhand.submissions import utc_now
from farmhand.talk import say, short_path
from manifest.errors import UserError
from manifest.header import SCHEMA, Header, Submission
from manifest.locking import manifest_lock
from manifest.rows import SEPARATOR, Rows
from manifest.store import Manifest, revision_of, with_blocks, write_manifest
from renderer.plan import plan_blocks, planned_only
from renderer.plan_files import first_result, plan_row


def rebuild_manifest(run: str, path: str) -> None:
    """Write manifest.json from what is beside it; the old file is kept under another name.

    Raises:
        UserError: the plan or the submissions are gone or damaged as well.
    """
    facts = read_facts(run)
    plan = planned_only(facts.spec, facts.found, facts.items)
    with manifest_lock(run):
        revision = revision_of(path) or 0
        header = _header(run, facts.spec.name, facts.shards, revision + 1)
        kept = None
        if os.path.exists(path):
            kept = _keep(path)
        spans = tuple(span for part in plan.parts if (span := part.seed_range()))
        seeds = {part.seed.base for part in plan.parts if part.seed}
        header = header.model_copy(
            update={"seed_ranges": spans, "seed": seeds.pop() if len(seeds) == 1 else None}
        )
        plans, results = [], []
        for block in plan_blocks(plan):
            plans.append(SEPARATOR.join(plan_row(row, plan.point(row)) for row in block))
            results.append(SEPARATOR.join(map(first_result, block)))
        manifest = Manifest(path, header, Rows(plans, path), Rows(results, path))
        write_manifest(with_blocks(manifest, [None] * len(plans)))
    say(f"rebuilt {short_path(path)} from the plan" + (f"; the old one is {kept}" if kept else ""))


def _keep(path: str) -> str:
    """Keep the old manifest beside itself, as a copy where there are no hard links."""
    kept, number = f"{path}.damaged-{utc_now()}", 1
    while os.path.lexists(kept):
        number += 1
        kept = f"{path}.damaged-{utc_now()}-{number}"
    try:
        os.link(path, kept)
    except OSError:
        shutil.copy2(path, kept)
    return kept


def _header(run: str, name: str, shards: int, revision: int) -> Header:
    folder = os.path.join(run, "submissions")
    try:
        with open(os.path.join(run, "plan", "id"), encoding="utf-8") as stream:
            plan_id = stream.read().strip()
        numbers = sorted(int(entry[:-5]) for entry in os.listdir(folder) if entry[:-5].isdigit())
        submissions = []
        for number in numbers:
            with open(os.path.join(folder, f"{number}.json"), "rb") as stream:
                submissions.append(Submission.model_validate_json(stream.read()))
        with open(os.path.join(run, "plan", "run.json"), "rb") as stream:
            ids = orjson.loads(stream.read())
        return Header(
            schema_version=SCHEMA,
            revision=revision,
            run_id=ids["run_id"],
            run_uuid=ids["run_uuid"],
            name=name,
            scheduler=submissions[0].scheduler,
            plan_id=plan_id,
            seed=None,
            shards=shards,
            created_at_utc=submissions[0].created_at_utc,
            submissions=tuple(submissions),
        )
    except (OSError, ValidationError, ValueError, KeyError, IndexError) as error:
        raise UserError(
            f"the manifest cannot be rebuilt: {error}",
            where=run,
            hint="plan/ and submissions/ are needed for it",
        ) from error
