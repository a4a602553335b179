"""Whole scripts for SLURM, compared as a reader would, and shown to the real sbatch."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from manifest.arrays import array_sizes
from manifest.errors import UserError
from manifest.header import Submission
from manifest.layout import parse_ranges
from manifest.resources import Resources
from manifest.spec import Spec
from renderer import slurm as renderer
from renderer.submission import Target, Written
from tests.renderer.test_golden import GOLDEN, compare

if TYPE_CHECKING:
    from tests.clusters.slurm import Slurm

PLAN = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
EVERYTHING = {
    "max_running": "50",
    "shards_per_job": "1",
    "slurm": {
        "partition": ["main", "short"],
        "account": "physics",
        "qos": "long",
        "constraint": "fast&avx2",
        "licenses": ["geant:1", "madgraph:1"],
        "exclude": ["n2"],
        "mail_type": ["END", "FAIL"],
        "mail_user": "me@example.org",
        "requeue": "false",
        "directives": {
            "nice": "100",
            "hold": "true",
            "exclusive": "no",
            "comment": 'it\'s "mine" #1',
        },
    },
    "resources": {
        "cpus": "4",
        "memory": "1.5 GB",
        "walltime": "26h",
        "gpus": "1",
        "grace": "5m",
        "disk": "9 GB",
    },
}
Case = tuple[str, str, int, int, dict[str, Any]]
CASES: dict[str, Case] = {
    # name -> run, shards, number of the submission, elements of one array at most, of the spec
    "small": ("/farm/r", "0-3", 1, 1001, {}),
    "everything": ('/farm/it\'s 100% "mine" #1', "0-99", 1, 1001, EVERYTHING),
    "parts": (
        "/farm/r",
        "0-9",
        1,
        4,
        {"max_running": "3", "slurm": {"directives": {"dependency": "afterok:7"}}},
    ),
    "packed": (
        "/farm/r",
        "0-9",
        1,
        1001,
        {"shards_per_job": "4", "resources": {"walltime": "90s"}},
    ),
    "map": ("/farm/r", "1-3,7,9-15,20", 3, 2, {"shards_per_job": "3"}),
    "resubmission": (
        "/farm/r",
        "5,8",
        2,
        1001,
        {"slurm": {"exclude": "n1"}, "resources": {"memory": "2 GB"}},
    ),
    "one": ("/farm/back\\slash", "7", 1, 1001, {}),
}
SCRIPTS = [
    *("small", "everything", "packed", "resubmission", "one"),
    *("parts.1", "parts.2", "parts.3", "map.1", "map.2"),
]
HOSTS = {"resubmission": ("n8", "n9")}
MAPS = {"map": "1 2 3\n7 9 10\n11 12 13\n14 15 20\n", "resubmission": "5\n8\n"}


def render(name: str, root: Path) -> Written:
    return render_case(CASES[name], root, HOSTS.get(name, ()))


def render_case(case: Case, root: Path, hosts: tuple[str, ...] = ()) -> Written:
    run, shards, number, largest, more = case
    spec = Spec.model_validate({"name": "s", "work": {"count": 1}, "command": ["true"], **more})
    members = list(parse_ranges(shards))
    submission = Submission(
        id=number,
        scheduler="slurm",
        shards=shards,
        shards_per_job=spec.shards_per_job,
        arrays=array_sizes(len(members), spec.shards_per_job, largest),
        resources={},
        created_at_utc="",
    )
    return renderer.render(
        Target(
            run=run,
            root=str(root),
            run_id="r",
            plan_id=PLAN,
            submission=submission,
            resources=spec.resources or Resources(),
            shards=[(index, f"s{index}") for index in members],
            nested=False,
            spec=spec,
            largest_array=largest,
            exclude=hosts,
        )
    )


@pytest.mark.parametrize("label", SCRIPTS)
def test_a_script(tmp_path: Path, label: str) -> None:
    name, _, part = label.partition(".")
    render(name, tmp_path)
    path = next(tmp_path.rglob(f"slurm_array_job{'.' * bool(part)}{part}.sh"))
    assert path.stat().st_mode & 0o111
    compare(f"slurm-{label}.sh", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", CASES)
def test_what_is_written_and_what_is_to_be_typed(tmp_path: Path, name: str) -> None:
    written = render(name, tmp_path)
    scripts = sorted(tmp_path.rglob("*.sh"))
    assert len(scripts) == len([label for label in SCRIPTS if label.partition(".")[0] == name])
    paths = [f"{CASES[name][0]}/{script.relative_to(tmp_path)}" for script in scripts]
    assert [shlex.split(command) for command in written.commands] == [["sbatch", p] for p in paths]
    maps = [path.read_text(encoding="ascii") for path in tmp_path.rglob("*.map")]
    assert maps == ([MAPS[name]] if name in MAPS else [])
    assert ("they wait for one another" in str(written.notes)) == (len(scripts) > 1)
    assert ("resources.disk is not asked of SLURM" in str(written.notes)) == (name == "everything")


def test_the_earliest_warning(tmp_path: Path, slurm: Slurm) -> None:
    """What sbatch takes is rendered, and a second more is refused, by both."""
    folder = slurm.workspace()

    def case(seconds: int) -> Case:
        return (str(folder), "0", 1, 9, {"resources": {"walltime": "20h", "grace": f"{seconds}s"}})

    def is_taken(text: str) -> bool:
        (folder / "job.sh").write_text(text, encoding="utf-8")
        words = ["sbatch", "--test-only", str(folder / "job.sh")]
        return slurm.run_as_user(words, check=False).returncode == 0

    render_case(case(65_535), folder)
    text = (folder / "slurm_array_job.sh").read_text(encoding="utf-8")
    assert is_taken(text)
    assert not is_taken(text.replace("@65535", "@65536"))
    with pytest.raises(UserError, match="at most 65535 seconds before the end"):
        render_case(case(65_536), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_sbatch_would_take_them(slurm: Slurm) -> None:
    folder = slurm.workspace()
    for path in sorted(GOLDEN.glob("slurm-*.sh")):
        copy = folder / path.name
        text = path.read_text(encoding="utf-8")
        for unknown in ("afterok:7,", ",n8,n9"):  # jobs and nodes that are not there are refused
            text = text.replace(unknown, "")
        copy.write_text(text, encoding="utf-8")
        done = slurm.run_as_user(["sbatch", "--test-only", str(copy)], cwd=folder, check=False)
        assert done.returncode == 0, f"{path.name}: {done.stderr}"
        assert "to start at" in done.stderr


def test_no_golden_is_left_over() -> None:
    assert {path.name for path in GOLDEN.glob("slurm-*")} == {f"slurm-{s}.sh" for s in SCRIPTS}
