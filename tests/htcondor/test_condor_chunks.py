"""Chunks of files on a real pool: in transfer mode each job is sent its own files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.htcondor.study import Study

FILES = {"shared": "condor_job.sub", "transfer": "condor_job_transfer.sub"}
SPEC: dict[str, Any] = {
    "name": "c",
    "components": {
        "dy": {"files": "d/*.txt", "split": 2},
        "more": {"files": ["d/a.txt", "e/b c;é.txt"]},
        "toys": {"work": {"count": 1}},
    },
    "command": [],
    "script": 'ls "$_CONDOR_SCRATCH_DIR" >there; for f; do cat "$f"; done >"$FARMHAND_ATTEMPT/o"\n'
    'echo "$1" >>there\n',
    "arguments": ["{{ chunk.files }}"],
    "outputs": {"o": "o"},
}


def lay_out(study: Study) -> None:
    for folder, names in {"d": ("a", "b", "c"), "e": ("b c;é",)}.items():
        (study.path / folder).mkdir()
        for name in names:
            (study.path / folder / f"{name}.txt").write_text(f"{folder}/{name}\n", encoding="utf-8")
    study.condor.admin("chown", "-R", study.condor.user, str(study.path))


@pytest.mark.parametrize("mode", list(FILES))
def test_each_chunk_reads_its_own_files(study: Study, mode: str) -> None:
    lay_out(study)
    study.render("--mode", mode, **SPEC)
    study.condor.wait([study.condor.submit(study.run / FILES[mode])])
    study("collect", "--in-place", "runs/r")
    study("check", "runs/r")
    texts = {"dy_Chunk0": "d/a\nd/b\n", "dy_Chunk1": "d/c\n", "more": "d/a\ne/b c;é\n", "toys": ""}
    for row in study.results():
        folder = study.run / row["attempts"][0]["dir"]
        assert (folder / "o").read_text(encoding="utf-8") == texts[row["name"]]
        there = (folder / "there").read_text(encoding="utf-8").splitlines()
        sent = [name for name in there[:-1] if name.endswith(".txt")]
        assert bool(sent) == (mode == "transfer" and row["name"] != "toys")
        if row["name"] == "dy_Chunk1":
            assert sent == (["c.txt"] if mode == "transfer" else [])
            if mode == "shared":
                assert there[-1] == str(study.path / "d/c.txt")


def test_names_that_cannot_be_sent_are_said_and_the_shared_way_remains(study: Study) -> None:
    lay_out(study)
    (study.path / "e/a.txt").write_text("other", encoding="utf-8")
    spec = SPEC | {"components": {"x": {"files": ["d/a.txt", "e/a.txt"]}}}
    said = study.render(**spec).stderr
    assert "no condor_job_transfer.sub: shard 0 reads 2 files named a.txt" in said
    assert not (study.run / FILES["transfer"]).exists()
    study.condor.wait([study.condor.submit(study.run / FILES["shared"])])
    study("collect", "--in-place", "runs/r")
    study("check", "runs/r")
