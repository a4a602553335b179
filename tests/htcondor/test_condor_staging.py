"""Inputs of every kind on a real pool: each arrives as itself, by its own path, in both modes."""

from __future__ import annotations

import functools
import json
import os
import shlex
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from tests.htcondor.study import Study

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.clusters.condor import Condor

FILES = {"shared": "condor_job.sub", "transfer": "condor_job_transfer.sub"}
ODD = 'it\'s, a "náme" #1 $(HOME) %d=;.txt'
# Name of the input -> path as the spec has it, and what it holds. The spec is in proj/specs.
INPUTS = {
    "one": ("a/data.txt", "of a"),
    "other": ("b/data.txt", "of b"),
    "above": ("../up.txt", "above"),
    "far_above": ("../../far/up.txt", "far above"),
    "odd": (ODD, "odd"),
    "newline": ("new\nline/two\n.txt", "two lines"),
    "linked": ("link.txt", "outside"),
    "dotted": ("./a/../a/more.txt", "more of a"),
}
TREES = {"tree": "tree", "slash": "tree2/", "linked_tree": "dirlink", "empty": "empty"}
LEAVES = {
    "tree": ["x.txt", "deep er/y, z.txt", "deep er/é/data.txt"],
    "tree2": ["data.txt", "sub/data.txt"],
    "dirlink": ["in.txt"],
    "empty": [],
}
SCRIPT = """\
for path; do
  if [ -d "$path" ]; then
    echo "a directory"
    (cd "$path" && find -L . -type f | LC_ALL=C sort | while read -r name; do
      printf '%s: %s\\n' "$name" "$(cat "$name")"
    done)
  else
    cat "$path"
    echo
  fi
done >report
cd "$FARMHAND_ATTEMPT"
"$RUN_TOOL" >>report
file=$(sed -n 's/.*"file": "\\(.*\\)".*/\\1/p' "$MODEL")
cat "$(dirname "$MODEL")/$file" >>report
"""


def write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def lay_out(study: Study) -> None:
    specs = study.path / "proj/specs"
    for path, text in INPUTS.values():
        if path != "link.txt":
            write(specs / path, text)
    write(study.path / "proj/outside/real.txt", "outside")
    (specs / "link.txt").symlink_to("../outside/real.txt")
    for folder, leaves in LEAVES.items():
        place = study.path / "proj/outside/dir" if folder == "dirlink" else specs / folder
        place.mkdir(parents=True)
        for leaf in leaves:
            write(place / leaf, f"{folder}/{leaf}")
    (specs / "dirlink").symlink_to("../outside/dir")
    write(specs / "bin/tool.sh", "#!/bin/sh\necho the tool ran\n", 0o755)
    write(specs / "conf/model.json", '{"channels": [{"data": {"file": "../../artifacts/d.txt"}}]}')
    write(study.path / "proj/artifacts/d.txt", "the data\n")
    study.condor.admin("chown", "-R", study.condor.user, str(study.path))


def spec() -> dict[str, Any]:
    listed = {name: path for name, (path, _) in INPUTS.items()} | TREES
    return {
        "name": "staging",
        "work": {"count": 2},
        "shards": 2,
        "command": [],
        "script": SCRIPT,
        "arguments": [f"{{{{ inputs.{name} }}}}" for name in listed],
        "env": {"RUN_TOOL": "{{ inputs.tool }}", "MODEL": "{{ inputs.model }}"},
        "inputs": {
            **listed,
            "tool": "bin/tool.sh",
            "model": {"path": "conf/model.json", "references": ["channels[*].data.file"]},
        },
        "outputs": {"report": "report"},
        "resources": {"cpus": 1, "memory": "50 MB", "disk": "20 MB", "walltime": "5m"},
    }


def expected() -> str:
    files = "".join(f"{text}\n" for _, text in INPUTS.values())
    trees = "".join(
        "a directory\n"
        + "".join(
            f"./{leaf}: {folder}/{leaf}\n"
            for leaf in sorted(LEAVES[folder], key=lambda leaf: os.fsencode(f"./{leaf}"))
        )
        for folder in LEAVES
    )
    return f"{files}{trees}the tool ran\nthe data\n"


@pytest.fixture(scope="module")
def studies(condor: Condor) -> Iterator[dict[str, Study]]:
    made = {mode: Study(condor, condor.workspace(mode, 0o700)) for mode in FILES}
    jobs = []
    for mode, study in made.items():
        lay_out(study)
        write(study.path / "proj/specs/farmhand.yaml", json.dumps(spec()))
        words = ("proj/specs/farmhand.yaml", "--scheduler", "htcondor", "--mode", mode)
        line = study("render", *words, "--run-id", "r").stdout
        jobs.append(condor.submit(shlex.split(line)[1]))
    condor.wait(jobs)
    yield made
    for study in made.values():
        study.remove_jobs()


@pytest.mark.parametrize("mode", list(FILES))
def test_each_arrives_as_itself(studies: dict[str, Study], mode: str) -> None:
    study = studies[mode]
    study("collect", "--in-place", "runs/r")
    assert study.check(code=0)["succeeded"] == 2, study("check", "runs/r", code=1).stdout
    for row in study.results():
        folder = study.run / row["attempts"][0]["dir"]
        assert (folder / "report").read_text(encoding="utf-8") == expected()


def test_the_layout_is_the_one_the_user_wrote(studies: dict[str, Study]) -> None:
    """From the highest directory that any input is in; the text of the config is what it was."""
    study = studies["transfer"]
    stage = study.run / "plan/stage"
    for path, text in INPUTS.values():
        there = stage / os.path.relpath(study.path / "proj/specs" / path, study.path)
        assert there.read_text(encoding="utf-8") == text
    assert os.access(stage / "proj/specs/bin/tool.sh", os.X_OK)
    model = "proj/specs/conf/model.json"
    assert (stage / model).read_bytes() == (study.path / model).read_bytes()
    for folder, _, _ in os.walk(stage):
        assert not os.path.islink(folder)  # a link to a directory would hold the job


def test_an_input_that_changed_since_is_not_taken_for_the_planned_one(study: Study) -> None:
    (study.path / "in.txt").write_text("four", encoding="utf-8")
    words = {"inputs": {"file": "in.txt"}, "command": ["cat", "{{ inputs.file }}"]}
    study.render("--mode", "transfer", name="s", work={"count": 1}, **words)
    (study.path / "in.txt").write_text("seven!!", encoding="utf-8")
    study.condor.wait([study.condor.submit(study.run / FILES["transfer"])])
    study("collect", "--in-place", "runs/r")
    (row,) = study.results()
    assert (row["state"], row["cause"]) == ("failed", "stage_in")
    assert row["evidence"] == "input in.txt: 7 bytes, planned 4"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A web server with a file."""
    (tmp_path / "far.txt").write_text("from afar", encoding="utf-8")
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        thread = threading.Thread(target=web.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{web.server_port}"
        web.shutdown()
        thread.join()


def test_urls_are_fetched_by_htcondors_plugins(study: Study, server: str) -> None:
    """To the directory that the run has on the worker; condor_job.sub fetches none, and says so."""
    (study.path / "near.txt").write_text("near", encoding="utf-8")
    said = study.render(
        "--mode", "transfer", name="s", work={"count": 1}, command=[],
        script='cat "$1" "$FARMHAND_RUN/far.txt"\n', arguments=["{{ inputs.near }}"],
        inputs={"near": "near.txt"},
        htcondor={"commands": {"transfer_input_files": f"{server}/far.txt"}},
    ).stderr  # fmt: skip
    assert f"condor_job.sub fetches no {server}/far.txt" in said
    assert "transfer_input_files" not in (study.run / FILES["shared"]).read_text(encoding="utf-8")
    study.condor.wait([study.condor.submit(study.run / FILES["transfer"])])
    study("collect", "--in-place", "runs/r")
    (row,) = study.results()
    assert row["state"] == "succeeded", row["evidence"]
    stdout = study.run / row["attempts"][0]["dir"] / "stdout"
    assert stdout.read_text(encoding="utf-8") == "nearfrom afar"


def test_a_url_that_cannot_be_fetched_holds_the_job(study: Study, server: str) -> None:
    url = {"commands": {"transfer_input_files": f"{server}/gone.txt"}}
    study.render("--mode", "transfer", name="s", work={"count": 1}, command=["true"], htcondor=url)
    cluster = study.condor.submit(study.run / FILES["transfer"])
    study.condor.wait_for_state(cluster, "held")
    study("collect", "--in-place", "runs/r")
    (row,) = study.results()
    assert (row["state"], row["cause"]) == ("held", "stage_in")
    assert "gone.txt" in row["evidence"]
