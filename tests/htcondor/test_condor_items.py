"""Items on a real pool: a job that fails brings its ledger home, the next one does what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.htcondor.study import Study

FIT = r"""
echo user,attempt >t.csv
while IFS= read -r user; do
  echo "$user,$FARMHAND_SUBMISSION" >>t.csv
  [ "$user $FARMHAND_SUBMISSION" != "é 6 1" ] || exit 3
  printf '%s\n' "$user" >>"$FARMHAND_LEDGER"
done <"$FARMHAND_ITEMS"
[ "$#" = "$(wc -l <"$FARMHAND_ITEMS")" ]
"""
ITEMS = ["u1", "u2", "u3", "u4", "u5", "é 6"]
SPEC: dict[str, Any] = {
    "name": "i",
    "work": {"items": ITEMS},
    "shards": 2,
    "command": [],
    "script": FIT,
    "arguments": ["{{ items.each }}"],
    "outputs": {"t": {"path": "t.csv", "item": "user"}},
    "merge": {"kind": "csv", "key": ["user"]},
}


@pytest.mark.parametrize("mode", ["shared", "transfer"])
def test_a_failed_job_is_resumed(study: Study, mode: str) -> None:
    file = {"shared": "condor_job.sub", "transfer": "condor_job_transfer.sub"}[mode]
    study.render("--mode", mode, **SPEC)
    study.condor.wait([study.condor.submit(study.run / file)])
    study("collect", "--in-place", "runs/r")
    evidence = study.results()[1]["evidence"]
    assert evidence.startswith("exit code 3")
    assert evidence.endswith("; 2 of 3 items done")
    study("resubmit", "runs/r", "--mode", mode)
    left = (study.run / "resubmit-2/items/0").read_text(encoding="utf-8")
    assert left == "\né 6\n"
    study.condor.wait([study.condor.submit(study.run / "resubmit-2" / file)])
    study("collect", "--in-place", "runs/r")
    study("merge", "runs/r")
    rows = (study.run / "merged.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert sorted(rows) == [*(f"{user},1" for user in ITEMS[:5]), "é 6,2"]
