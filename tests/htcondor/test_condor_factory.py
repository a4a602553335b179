"""Clusters whose jobs are made bit by bit (max_materialize) on a real pool."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clusters.daemons import poll
from tests.htcondor.study import Study

FILES = ["condor_job.sub", "condor_job_transfer.sub"]
SHARDS = 8
SPEC: dict[str, Any] = {
    "name": "bits",
    "work": {"count": SHARDS},
    "shards": SHARDS,
    "command": ["true"],
    "max_running": 2,
    "resources": {"cpus": 1, "memory": "50 MB", "disk": "20 MB"},
}
HELD = {
    "command": ["sh", "-c", "exit 4"],
    "htcondor": {"commands": {"on_exit_hold": "ExitCode == 4"}},
}


def counts(study: Study) -> dict[str, int]:
    rows = study.results()
    return {s: sum(row["state"] == s for row in rows) for s in {row["state"] for row in rows}}


def collect(study: Study) -> str:
    return " ".join(study("collect", "--in-place", "runs/r").stderr.split())


@pytest.mark.parametrize("file", FILES)
def test_all_are_made_in_the_end(study: Study, file: str) -> None:
    study.render(**SPEC)
    assert "max_materialize = 2\n" in (study.run / file).read_text(encoding="utf-8")
    cluster = study.condor.submit(study.run / file)
    study.condor.wait([cluster])
    assert "stalled" not in collect(study)
    assert counts(study) == {"succeeded": SHARDS}
    assert study.manifest()["submissions"][0]["native_ids"] == [str(cluster)]


@pytest.mark.parametrize("file", FILES)
def test_held_jobs_stall_it_and_that_is_said(study: Study, file: str) -> None:
    study.render(**(SPEC | HELD))
    cluster = study.condor.submit(study.run / file)

    def stalled() -> bool:
        ads = study.condor.queue([cluster], "JobStatus")
        return [ad["JobStatus"] for ad in ads] == [5, 5]

    poll(stalled, "two held jobs", 60)
    said = collect(study)
    assert f"cluster {cluster} makes no new jobs: the factory is stalled" in said
    assert "2 of its 2 jobs are held (max_materialize counts them)" in said
    assert counts(study) == {"held": 2, "pending": SHARDS - 2}
    rows = study.results()
    assert rows[5]["evidence"].startswith("unmaterialized; its job is not made yet (event log, ")
    assert [a["native_id"] for a in rows[5]["attempts"]] == [f"{cluster}.5"]

    study.type("condor_rm", str(cluster))
    poll(lambda: not study.condor.queue([cluster]), "the cluster to be gone", 60)
    assert "stalled" not in collect(study)
    # What was held had ended before, and left a record of that.
    assert counts(study) == {"failed": 2, "cancelled": SHARDS - 2}
    rows = study.results()
    assert "its cluster was removed before its job was made, never started" in rows[5]["evidence"]
    assert len(rows[5]["attempts"]) == 1
    # None of those is redone unless somebody says so.
    said = " ".join(study("resubmit", "runs/r", "--dry-run").stderr.split())
    assert f"left alone: {SHARDS - 2} shards: cancelled needs a hand first" in said
