"""The bundle and what attempts note of their software, on a real SLURM."""

from __future__ import annotations

import json
import shlex

import pytest

from tests.slurm.study import Study

CHECKOUT = """\
mkdir code; cd code
echo 'echo "ran $1"' >job.sh
git init -q
git add .
git -c user.name=me -c user.email=me@example.org commit -qm first
"""


@pytest.mark.parametrize("cached", [False, True])
def test_jobs_run_what_was_packed_and_note_what_they_run(study: Study, cached: bool) -> None:
    code = study.path / "code"
    study.slurm.run_as_user(["bash", "-ec", CHECKOUT], cwd=study.path)
    (code / "job.sh").write_text('echo "ran it $1"\n', encoding="utf-8")
    (script,) = study.render(
        work={"count": 3}, shards=3, slurm={},
        command=["bash", "{{ bundle.dir }}/job.sh", "{{ shard.index }}"],
        bundle={"directory": "code", **({"cache": f"{study.path}/bundles"} if cached else {})},
        provenance={"versions": {"bash": "echo $BASH_VERSION"}, "checkouts": {"code": "code"}},
    )  # fmt: skip
    (code / "job.sh").write_text("exit 1\n", encoding="utf-8")
    study.slurm.wait([study.sbatch(shlex.split(script)[0])])
    study("collect", "--in-place", "runs/r")
    rows = json.loads((study.run / "manifest.json").read_bytes())["results"]
    assert [row["state"] for row in rows] == ["succeeded"] * 3
    for row in rows:
        stdout = study.run / row["attempts"][0]["dir"] / "stdout"
        assert stdout.read_text(encoding="utf-8") == f"ran it {row['shard_index']}\n"
    shown = json.loads(study("show", "runs/r", "1", "--json").stdout)["software"]
    (noted,) = shown["attempts"].values()
    then, now = shown["render"]["checkouts"]["code"], noted["checkouts"]["code"]
    assert then["dirty"] is now["dirty"] is True
    assert then["commit"] == now["commit"]
    assert then["diff"] != now["diff"]  # the job sees what was changed after the render
    assert noted["versions"]["bash"]
