"""The bundle and what attempts note of their software, where nothing is seen of the submit host."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.htcondor.study import Study

if TYPE_CHECKING:
    from tests.clusters.condor import Condor


CHECKOUT = """\
mkdir code; cd code
echo 'echo "ran $1"' >'a b.sh'
ln -s 'a b.sh' link.sh
git init -q
git add .
git -c user.name=me -c user.email=me@example.org commit -qm first
"""


def test_a_bundle_travels_with_the_jobs(condor: Condor) -> None:
    study = Study(condor, condor.workspace("bundle", 0o700))
    code = study.path / "code"
    study.type("bash", "-ec", CHECKOUT)
    study.render(
        "--mode", "transfer", name="s", work={"count": 2}, shards=2,
        command=["bash", "{{ bundle.dir }}/link.sh", "{{ shard.index }}"],
        prologue='export SITE="$(cat "$FARMHAND_BUNDLE/a b.sh")"',
        bundle={"directory": "code"},
        provenance={
            "versions": {"bash": "echo $BASH_VERSION"}, "checkouts": {"code": "code"},
            "environment": "SITE",
        },
    )  # fmt: skip
    (code / "a b.sh").write_text("exit 1\n", encoding="utf-8")
    assert "the sources of the bundle were changed" in study("submit", "runs/r").stderr
    condor.wait([condor.submit(study.run / "condor_job_transfer.sub")])
    study("collect", "--in-place", "runs/r")
    rows = study.results()
    assert [row["state"] for row in rows] == ["succeeded"] * 2, study("check", "runs/r").stdout
    for row in rows:
        folder = study.run / row["attempts"][0]["dir"]
        assert (folder / "stdout").read_text(encoding="utf-8") == f"ran {row['shard_index']}\n"
        assert not (folder / ".bundle").exists()
    assert len({row["attempts"][0]["provenance"] for row in rows}) == 1
    shown = json.loads(study("show", "runs/r", "0", "--json").stdout)["software"]
    (noted,) = shown["attempts"].values()
    assert noted["environment"] == {"SITE": 'echo "ran $1"'}
    assert noted["checkouts"] == {"code": None}  # not seen there: that is not clean
    assert set(noted["failed"]) == {"checkouts.code"}
    assert shown["render"]["checkouts"]["code"]["dirty"] is False
