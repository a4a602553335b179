"""doctor and ``render --check`` beside a pool, without its schedd, and without its commands."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.htcondor.study import Study

SPEC = {"name": "s", "work": {"count": 3}, "shards": 3, "command": ["true"]}
NOWHERE = {"CONDOR_CONFIG": "/dev/null"}


def without_condor(study: Study) -> dict[str, str]:
    path = study.condor.env["PATH"].split(":")
    return {"PATH": ":".join(f for f in path if not shutil.which("condor_submit", path=f))}


def check(study: Study, code: int = 0, env: dict[str, str] | None = None, **changes: object) -> str:
    words = ("render", "-", "--check", "--scheduler", "htcondor", "--run-id", "r")
    done = study(*words, stdin=json.dumps(SPEC | changes), code=code, env=env)
    assert not (study.path / "runs/r").exists()
    return done.stdout


@pytest.mark.parametrize("name", ["MAX_JOBS_PER_SUBMISSION", "MAX_JOBS_PER_OWNER"])
def test_doctor_tells_what_the_pool_is(study: Study, name: str) -> None:
    # The other schedulers of this machine may be well or not.
    done = study.condor.run_as_user(["farmhand", "doctor"], cwd=study.path, check=False)
    limit = study.type("condor_config_val", name).stdout.strip()
    release = study.type("condor_version").stdout.split()[1]
    assert f"ok   HTCondor: {release}, the schedd answers\n" in done.stdout
    assert f"ok   jobs: {name} {limit}\n" in done.stdout


def test_doctor_without_a_schedd(study: Study) -> None:
    said = study("doctor", code=1, env=NOWHERE).stdout
    assert "BAD  HTCondor: the schedd does not answer: condor_q" in said


def test_doctor_without_its_commands(study: Study) -> None:
    words = ["farmhand", "doctor"]
    done = study.condor.run_as_user(words, cwd=study.path, check=False, env=without_condor(study))
    assert "--   HTCondor: not on this machine\n" in done.stdout


def test_check_has_condor_submit_read_the_file(study: Study) -> None:
    assert "ok   condor_submit: 3 job(s) dry-run to cluster 1.\n" in check(study)
    bad = check(study, code=1, htcondor={"commands": {"priority": "abc"}})
    assert "BAD  condor_submit: priority=abc is invalid" in bad


def test_check_has_the_library_read_it_where_there_is_no_condor_submit(study: Study) -> None:
    said = check(study, env=without_condor(study))
    assert (
        "ok   condor_submit: 3 jobs, as HTCondor's library reads it; condor_submit is not" in said
    )
