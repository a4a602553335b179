"""Measuring the runs of a sweep: from their manifests, journals and merged results."""

from __future__ import annotations

import os
from typing import Any

import orjson

from farmhand.gather import gather
from farmhand.merge_whole import default_target
from farmhand.submission_journal import read_journal
from farmhand.sweep_agree import Agreement
from farmhand.sweep_file import Opened
from farmhand.talk import short_path
from manifest.layout import MANIFEST, is_run
from manifest.rows import parse_row
from manifest.sweep import SweepRun
from reports.sweep_points import Row
from reports.sweep_run import Measured, RunCount


def rows(opened: Opened, agreed: Agreement) -> tuple[list[Row], bool]:
    """Return a line for each run that counts, and whether their results are toy studies."""
    found, toys = [], opened.sweep.unit == "toy"
    for one in opened.sweep.counted:
        folder = opened.run(one)
        if not is_run(folder):
            found.append(Row(one.repeat, f"{short_path(folder)} (not there)", Measured(one.shards)))
            continue
        measured, converged, errors = _run(folder)
        differs = folder in agreed.differing
        found.append(Row(one.repeat, short_path(folder), measured, converged, errors, differs))
    return found, toys


def _run(folder: str) -> tuple[Measured, int | None, int | None]:
    gathered = gather(folder, os.path.join(folder, MANIFEST))
    manifest = gathered.manifest
    count = RunCount(_submitted(folder))
    for planned, seen in zip(manifest.plans, manifest.results, strict=True):
        count.add(parse_row(planned, manifest.path)["size"], parse_row(seen, manifest.path))
    merge = gathered.facts.spec.merge
    if merge is None or merge.kind != "toys":
        return count.measured(), None, None
    results = _results(default_target(gathered.facts))
    return count.measured(), _whole(results.get("n_converged")), _whole(results.get("n_error"))


def _submitted(folder: str) -> dict[int, float]:
    """Return when each submission was submitted: its first part, where there are several."""
    found: dict[int, float] = {}
    for (submission, _), at in read_journal(folder).times.items():
        found[submission] = min(at, found.get(submission, at))
    return found


def _results(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as stream:
            found = orjson.loads(stream.read())["results"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None


def cores(opened: Opened, measured: list[Row]) -> int | None:
    """Return the cores of the machine that all of a local sweep ran on; None: it was another."""
    if opened.sweep.scheduler != "local":
        return None
    hosts = {host for row in measured for host in row.measured.hosts}
    return opened.sweep.cores if hosts <= {opened.sweep.host} else None


def warm_up(opened: Opened) -> SweepRun | None:
    """Return the run that does not count, if there is one."""
    return next((one for one in opened.sweep.runs if one.repeat == 0), None)
