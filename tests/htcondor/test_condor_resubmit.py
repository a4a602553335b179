"""resubmit on a real pool: what was held gets more, the machines to avoid, and the other mode."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.htcondor.study import Study

SHARED, TRANSFER = "condor_job.sub", "condor_job_transfer.sub"
# Longer than it takes to be seen; the second time it has what it needs.
HOG = "{ sleep $((FARMHAND_SUBMISSION == 1 ? 60 : 0)); cat >/dev/null; }"
HOG = f"head -c 200M /dev/zero | tail -c 200M | {HOG}"
SPEC: dict[str, Any] = {
    "name": "again",
    "work": {"count": 4},
    "shards": 4,
    "command": [],
    "outputs": {"done": "done"},
    "resources": {"cpus": 1, "memory": "120 MB", "disk": "50 MB", "walltime": "5m"},
}


def typed(study: Study, lines: str) -> list[int]:
    """Type what was printed, line by line as it stands; returns the clusters."""
    done = study.type("sh", "-e", "-c", lines)
    return [int(number) for number in re.findall(r"submitted to cluster (\d+)\.", done.stdout)]


@pytest.mark.parametrize("file", [SHARED, TRANSFER])
def test_what_is_held_for_memory_gets_more_and_succeeds(study: Study, file: str) -> None:
    mode = "transfer" if file == TRANSFER else "shared"
    script = f'case $FARMHAND_SHARD_INDEX in 1 | 2) {HOG} ;; esac; echo "$FARMHAND_CPUS" >done\n'
    study.render(**SPEC, script=script)  # in no particular mode: which was taken, the jobs tell
    cluster = study.condor.submit(study.run / file)
    study.condor.wait([cluster])
    study("collect", "--in-place", "runs/r")
    rows = study.results()
    assert [row["state"] for row in rows] == ["succeeded", "held", "held", "succeeded"]
    assert [row["cause"] for row in rows] == [None, "oom", "oom", None]

    refused = study("resubmit", "runs/r", code=1)
    assert "left alone: 2 shards: held by the scheduler" in refused.stderr
    lines = study("resubmit", "runs/r", "--held").stdout
    remove, *submits = lines.splitlines()  # one for each amount of memory
    assert sorted(remove.split()[1:]) == [f"{cluster}.1", f"{cluster}.2"]
    assert remove.startswith("condor_rm ")
    places = [f"resubmit-{number}" for number in range(2, 2 + len(submits))]
    assert submits == [f"condor_submit {study.run}/{place}/{file}" for place in places]

    study.condor.wait(typed(study, lines))
    study("collect", "--in-place", "runs/r")
    assert study.check(code=0)["succeeded"] == 4
    manifest = study.manifest()
    _, *more = manifest["submissions"]
    assert {one["mode"] for one in manifest["submissions"]} == {mode}
    assert ",".join(one["shards"] for one in more) in ("1-2", "1,2", "2,1")
    asked = {one["id"]: one["resources"]["memory"] for one in manifest["submissions"]}
    for row in manifest["results"][1:3]:
        before, after = row["attempts"]
        assert (before["state"], before["cause"]) == ("failed", "oom")
        assert "peak" in before["evidence"]
        assert after["state"] == "succeeded"
        # Twice of what was seen, which was more than what was asked for.
        seen = max(before["observed"]["peak"], (before["peak"] or {"bytes": 0})["bytes"])
        assert asked[after["submission"]] >= 2 * seen > 2 * asked[1]
        assert before["native_id"] in remove
    # The held originals are gone: the advice is as good as its word.
    assert study.condor.queue([cluster]) == []


def test_machines_where_work_fails_are_excluded_by_requirements(study: Study) -> None:
    script = (
        '! grep -q \'^Machine = "n1.farm"\' "$_CONDOR_MACHINE_AD" || exec no-such-program\n'
        "echo fine >done\n"
    )
    study.render(**SPEC, script=script, htcondor={"requirements": "TARGET.Cpus > 0"})
    there = 'requirements = (TARGET.Cpus > 0) && (TARGET.Machine == "{}.farm")'
    pieces = ((range(3), "n1"), ((3,), "n2"))
    natives = [
        native
        for shards, node in pieces
        for native in study.piece(
            SHARED, shards, drop=("requirements",), lines=there.format(node)
        ).values()
    ]
    study.condor.wait(natives)
    study("collect", "--in-place", "runs/r")
    assert [row["cause"] for row in study.results()] == ["setup"] * 3 + [None]

    words = ("resubmit", "runs/r", "--cause", "setup")
    assert re.search(
        r"\nn1\.farm +3 of 3 .* 3 setup\nall others +0 of 1", study(*words, "--dry-run").stderr
    )
    lines = study(*words, "--exclude-bad-nodes").stdout
    text = (study.run / "resubmit-2" / SHARED).read_text(encoding="utf-8")
    assert 'requirements = (TARGET.Cpus > 0) && (TARGET.Machine != "n1.farm")\n' in text
    assert 'TARGET.Machine != "n1.farm"' in (study.run / "resubmit-2" / TRANSFER).read_text()

    study.condor.wait(typed(study, lines))
    study("collect", "--in-place", "runs/r")
    assert study.check(code=0)["succeeded"] == 4
    nodes = {row["attempts"][-1]["observed"]["node"] for row in study.results()}
    assert nodes == {"n2.farm"}


def test_shared_jobs_that_cannot_read_the_run_are_redone_by_transfer(study: Study) -> None:
    """As the advice of their hold says."""
    study.path.chmod(0o700)
    study.render(**SPEC, script="echo fine >done\n")
    there = '(TARGET.Machine == "w1.farm") && (TARGET.FileSystemDomain =!= "x")'
    held = study.piece(SHARED, range(4), lines=f"requirements = {there}")
    for native in held.values():
        study.condor.wait_for_state(native, "held")
    study("collect", "--in-place", "runs/r")
    advice = "farmhand resubmit --held --mode transfer"
    assert all(advice in row["evidence"] for row in study.results())

    # By itself it would go the same way again; setup is redone only when it is asked for.
    assert "condor_job.sub" in study("resubmit", "runs/r", "--held", "--cause", "setup").stdout
    lines = study("resubmit", "runs/r", "--held", "--mode", "transfer").stdout
    assert lines.splitlines()[-1] == f"condor_submit {study.run}/resubmit-3/{TRANSFER}"
    assert len(lines.splitlines()[0].split()) == 5
    study.condor.wait(typed(study, lines))
    study("collect", "--in-place", "runs/r")
    assert study.check(code=0)["succeeded"] == 4
    assert [one["mode"] for one in study.manifest()["submissions"]] == [
        "shared",
        "shared",
        "transfer",
    ]
