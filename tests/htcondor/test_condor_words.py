"""Arguments and environment reach the command byte for byte, from whatever directory it is run."""

from __future__ import annotations

import json
import os
import shlex
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from manifest.condor_commands import variable_problem
from tests.htcondor.study import Study

if TYPE_CHECKING:
    from pathlib import Path

FILES = ("condor_job.sub", "condor_job_transfer.sub")
JOBS, EACH = 8, 30  # jobs of a cluster, and cases of a job
CLUSTERS = 9 if os.environ.get("FARMHAND_LONG") else 2
HOSTILE = [
    "", " ", "two words", "'", '"', "''", '""', "a'b\"c", "$HOME", "$(HOME)", "$$(HOME)",
    "$ENV(HOME)", "$(DOLLAR)", "$(fh_shard)", "$(Process)", "`id`", "$(touch pwned)", "\\", "\\n",
    "a\\", '\\"', "%d", "#", "# x", "{}", "{{ x }}", "{% x %}", "a;b", "a,b", "a=b", "|", "&", ">x",
    "*", "~", "!", "--", "-n", "queue 5", "\n", "a\nb\n", "\r\n", "\t", "Ünïcödé ☃ 🚜",
    "\x01\x7f\x1b[31m", "\u2028", "x" * 5000, "\x1f",
]  # fmt: skip
TEXT = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=30
) | st.sampled_from(HOSTILE)
CASES = st.lists(st.tuples(TEXT, TEXT), min_size=JOBS * EACH, max_size=JOBS * EACH)
SCRIPT = """\
printf '%s\\0' "$@" >argv
env -0 >environ
"""


def spec(cases: list[tuple[str, str]]) -> dict[str, Any]:
    """Each component is one job, with cases of its own."""
    parts = {}
    for job in range(JOBS):
        mine = cases[job * EACH : (job + 1) * EACH]
        params = {f"a{n}": pair[0] for n, pair in enumerate(mine)}
        params |= {f"e{n}": pair[1] for n, pair in enumerate(mine)}
        parts[f"c{job}"] = {"work": {"count": 1}, "params": params}
    return {
        "name": "words",
        "components": parts,
        "command": [],
        "script": SCRIPT,
        "arguments": [f"{{{{ params.a{n} }}}}" for n in range(EACH)],
        "env": {f"CASE_{n}": f"{{{{ params.e{n} }}}}" for n in range(EACH)},
        "resources": {"cpus": 1, "memory": "50 MB", "disk": "20 MB"},
        "htcondor": {"environment": set_by_condor(cases)},
    }


def set_by_condor(cases: list[tuple[str, str]]) -> dict[str, str]:
    """Variables of all jobs: of the same texts, those that a submit file can hold."""
    texts = [text for pair in cases for text in pair if variable_problem("V", text) is None]
    return {f"SET_{n}": text for n, text in enumerate(texts[:100])}


def words_of(folder: Path) -> list[bytes]:
    return (folder / "argv").read_bytes().split(b"\0")[:-1]


def environment_of(folder: Path) -> dict[bytes, bytes]:
    lines = (folder / "environ").read_bytes().split(b"\0")[:-1]
    return dict(line.split(b"=", 1) for line in lines)


@settings(
    max_examples=CLUSTERS,
    deadline=None,
    phases=[Phase.generate],  # an example is two clusters of jobs: none is made smaller
    suppress_health_check=list(HealthCheck),
)
@given(cases=CASES)
def test_any_words_in_both_modes(study: Study, cases: list[tuple[str, str]]) -> None:
    cases[: len(HOSTILE)] = list(zip(HOSTILE, reversed(HOSTILE), strict=True))
    runs = {}
    for file in FILES:
        run = f"r{len(list(study.path.glob('runs/*')))}"
        study.render(run=run, **spec(cases))
        runs[run] = study.condor.submit(study.path / "runs" / run / file)
    study.condor.wait(runs.values())
    for run in runs:
        study("collect", "--in-place", f"runs/{run}")
        rows = study.results(run)
        assert {row["state"] for row in rows} == {"succeeded"}
        for job, row in enumerate(rows):
            folder = study.path / "runs" / run / row["attempts"][0]["dir"]
            mine = cases[job * EACH : (job + 1) * EACH]
            assert words_of(folder) == [word.encode() for word, _ in mine]
            found = environment_of(folder)
            assert [found[b"CASE_%d" % n] for n in range(EACH)] == [e.encode() for _, e in mine]
            for name, text in set_by_condor(cases).items():
                assert found[name.encode()] == text.encode()


# Names of directories that runs are made in.
PLACES = [
    "it's \"all\" $(x) #1, é; 50% *", "$ENV(HOME) $HOME", "$F(x)", "-dash", "~", "@end",
    "a,b;c [1] {x}", "Ünïcödé ☃ & (x) !",
]  # fmt: skip
REFUSED = [
    "new\nline", "tab\tbed", "$$(HOME)", "$(Dollar)", "m=125", "a|b", "b\\ack", "bell\x07",
    "line\u2028",
]  # fmt: skip


def test_a_run_in_any_directory(study: Study) -> None:
    given = {
        "name": "s", "work": {"count": 1}, "command": ["cat", "{{ inputs.file }}"],
        "inputs": {"file": "in.txt"}, "resources": {"memory": "50 MB", "disk": "20 MB"},
    }  # fmt: skip
    (study.path / "in.txt").write_text("here", encoding="utf-8")
    jobs: dict[tuple[str, str], int] = {}
    for place in PLACES:
        for file in FILES:
            run = file.partition(".")[0].replace("_", "-")
            words = ("--out-dir", f"./{place}", "--run-id", run)
            mode = "transfer" if file == FILES[1] else "shared"
            line = study(
                "render", "-", "--scheduler", "htcondor", "--mode", mode, *words,
                stdin=json.dumps(given),
            ).stdout  # fmt: skip
            path = study.path / place / run / file
            assert shlex.split(line) == ["condor_submit", str(path)]
            jobs[place, run] = study.condor.submit(path)
    study.condor.wait(jobs.values())
    for place, run in jobs:
        folder = study.path / place / run
        study("collect", "--in-place", str(folder))
        (row,) = json.loads((folder / "manifest.json").read_bytes())["results"]
        assert row["state"] == "succeeded", (place, run, row["evidence"])
        assert (folder / row["attempts"][0]["dir"] / "stdout").read_text() == "here"


@pytest.mark.parametrize("place", REFUSED)
def test_a_directory_that_no_submit_file_can_name(study: Study, place: str) -> None:
    given = {"name": "s", "work": {"count": 1}, "command": ["true"]}
    words = ("render", "-", "--scheduler", "htcondor", "--out-dir", place, "--run-id", "r")
    said = study(*words, stdin=json.dumps(given), code=2).stderr
    assert "HTCondor cannot be told of a run in" in said
    assert "choose an --out-dir without" in said
    assert not list(study.path.glob("*/r"))
