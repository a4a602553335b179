"""Whole scripts for LSF, compared as a reader would, and read as bsub reads them."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifest.arrays import Arrays, array_sizes
from manifest.errors import UserError
from manifest.header import Submission
from manifest.layout import parse_ranges
from manifest.lsf_section import LsfHabits
from manifest.spec import Spec
from renderer import lsf as renderer
from renderer.submission import Target, Written
from tests.clusters.lsf.script import embedded, options
from tests.renderer.test_golden import GOLDEN, compare

PLAN = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
EVERYTHING = {
    "max_running": "50",
    "lsf": {
        "queue": "1nh",
        "project": "physics",
        "user_group": "atlas",
        "application": "big",
        "job_group": "/toys",
        "select": "type==any && !gpu rusage[lic=1] order[ut]",
        "exclude": ["n2"],
        "gpu": "mode=exclusive_process",
        "output": "overwrite",
        "notify": "both",
        "mail_user": "me@example.org",
        "rerun": "true",
        "directives": {"sp": "100", "x": "true", "H": "no", "w": 'done("before")'},
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
SLOTS = LsfHabits(memory_unit="MB", rusage_per="slot")
Case = tuple[str, str, int, int, dict[str, Any]]
CASES: dict[str, Case] = {
    # name -> run, shards, number of the submission, elements of one array at most, of the spec
    "small": ("/farm/r", "0-3", 1, 1000, {}),
    "everything": ("/farm/it's mine #1", "0-99", 1, 1000, EVERYTHING),
    "parts": ("/farm/r", "0-9", 1, 4, {"max_running": "8"}),
    "packed": (
        "/farm/r",
        "0-9",
        1,
        1000,
        {"shards_per_job": "4", "resources": {"walltime": "90s"}},
    ),
    "map": ("/farm/r", "1-3,7,9-15,20", 3, 2, {"shards_per_job": "3"}),
    "resubmission": (
        '/farm/"r"',
        "5,8",
        2,
        1000,
        {"lsf": {"exclude": "n1", "rerun": "no"}, "resources": {"memory": "2 GB", "cpus": "4"}},
    ),
}
SCRIPTS = [
    *("small", "everything", "packed", "resubmission"),
    *("parts.1", "parts.2", "parts.3", "map.1", "map.2"),
]
CHUNKS = {"small": 3, "everything": 7, "resubmission": 8}
HOSTS = {"resubmission": ("n8", "n-9")}
HABITS = {"resubmission": SLOTS}
MAPS = {"map": "1 2 3\n7 9 10\n11 12 13\n14 15 20\n", "resubmission": "5\n8\n"}


def render(name: str, root: Path) -> Written:
    return render_case(CASES[name], root, HOSTS.get(name, ()), HABITS.get(name, LsfHabits()))


def render_case(
    case: Case,
    root: Path,
    hosts: tuple[str, ...] = (),
    habits: LsfHabits | None = None,
    run_id: str = "r",
) -> Written:
    run, shards, number, largest, more = case
    spec = Spec.model_validate({"name": "s", "work": {"count": 1}, "command": ["true"], **more})
    members = list(parse_ranges(shards))
    submission = Submission(
        id=number,
        scheduler="lsf",
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
            run_id=run_id,
            plan_id=PLAN,
            submission=submission,
            resources=spec.resources,
            shards=[(index, f"s{index}") for index in members],
            nested=False,
            spec=spec,
            largest_array=largest,
            exclude=hosts,
            lsf=spec.lsf.over(habits or LsfHabits()),
        )
    )


def asked(path: Path) -> dict[str, str]:
    """What bsub makes of a script."""
    return options(embedded(path.read_text(encoding="utf-8")))[0]


@pytest.mark.parametrize("label", SCRIPTS)
def test_an_array(tmp_path: Path, label: str) -> None:
    name, _, part = label.partition(".")
    render(name, tmp_path)
    path = next(tmp_path.rglob(f"lsf_array_job{'.' * bool(part)}{part}.sh"))
    assert path.stat().st_mode & 0o111
    compare(f"lsf-{label}.sh", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("name", "shard"), CHUNKS.items())
def test_a_chunk(tmp_path: Path, name: str, shard: int) -> None:
    render(name, tmp_path)
    path = next(tmp_path.rglob(f"s{shard}/batchScript.sh"))
    assert path.stat().st_mode & 0o111
    compare(f"lsf-{name}.batchScript.sh", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", CASES)
def test_what_is_written_and_what_is_to_be_typed(tmp_path: Path, name: str) -> None:
    written = render(name, tmp_path)
    run, shards, number, largest, _ = CASES[name]
    members = list(parse_ranges(shards))
    folder = "" if number == 1 else f"resubmit-{number}/"
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("batchScript.sh")}
    assert found == {f"{folder}shards/s{index}/batchScript.sh" for index in members}
    where = shlex.quote(f"{run}/{folder}shards")
    assert written.commands == (
        f'for script in {where}/*/batchScript.sh; do bsub < "$script"; done',
    )
    arrays = sorted(tmp_path.rglob("lsf_array_job*"))
    assert len(arrays) == len([label for label in SCRIPTS if label.partition(".")[0] == name])
    notes = " ".join(written.notes)
    one = "all as one job array: bsub < "
    assert (one in notes) == (len(arrays) == 1)
    assert (f"as {len(arrays)} job arrays, since one holds {largest} " in notes) == (
        len(arrays) > 1
    )
    maps = [path.read_text(encoding="ascii") for path in tmp_path.rglob("*.map")]
    assert maps == ([MAPS[name]] if name in MAPS else [])
    for words in ("resources.disk is not asked", "has LSF mail its job reports"):
        assert (words in notes) == (name == "everything")
    assert ("max_running holds in job arrays only" in notes) == (name in ("everything", "parts"))


@pytest.mark.parametrize("name", CASES)
def test_every_directive_is_true(tmp_path: Path, name: str) -> None:
    """Directories are there, names are unique, and each line begins as one or is none."""
    render(name, tmp_path)
    run = CASES[name][0]
    names = set()
    scripts = [*tmp_path.rglob("batchScript.sh"), *tmp_path.rglob("lsf_array_job*")]
    for path in scripts:
        text = path.read_text(encoding="utf-8")
        assert text.startswith("#!/bin/bash\n#BSUB -J ")
        lines = text.splitlines()
        told = [line for line in lines if "BSUB" in line and "BSUB_" not in line]
        assert told == lines[1 : 1 + len(told)]
        said = asked(path)
        names.add(said["J"])
        log = Path(said.get("oo") or said["o"])
        assert ("oo" in said) == (name == "everything")
        assert (tmp_path / log.relative_to(run)).parent.is_dir()
    assert len(names) == len(scripts)


@pytest.mark.parametrize(
    ("resources", "habits", "limit", "required"),
    [
        ({}, {}, None, None),
        ({"memory": "1 B"}, {}, "1", "rusage[mem=1]"),
        ({"memory": "3 GB"}, {}, "3145728", "rusage[mem=3072]"),
        ({"memory": "3 GB"}, {"memory_unit": "KB"}, "3145728", "rusage[mem=3145728]"),
        ({"memory": "1.5 GB"}, {"memory_unit": "GB"}, "2", "rusage[mem=2]"),
        ({"memory": "3 GB"}, {"memory_unit": "suffix"}, "3072MB", "rusage[mem=3072MB]"),
        ({"memory": "3 GB"}, {"memory_limit": False}, None, "rusage[mem=3072]"),
        (
            {"memory": "1 GB", "cpus": "3"},
            {"memory_unit": "MB", "rusage_per": "slot"},
            "1024",
            "rusage[mem=342] span[hosts=1]",
        ),
        (
            {"memory": "1 GB", "cpus": "3"},
            {"memory_unit": "suffix", "rusage_per": "job"},
            "1024MB",
            "rusage[mem=1024MB/job] span[hosts=1]",
        ),
        ({"cpus": "1"}, {}, None, None),
    ],
)
def test_memory_as_the_site_has_it(
    tmp_path: Path,
    resources: dict[str, str],
    habits: dict[str, Any],
    limit: str | None,
    required: str | None,
) -> None:
    case = ("/r", "0", 1, 1000, {"resources": resources})
    render_case(case, tmp_path, habits=LsfHabits(**habits))
    said = asked(tmp_path / "shards" / "s0" / "batchScript.sh")
    assert (said.get("M"), said.get("R")) == (limit, required)
    assert said.get("n") == resources.get("cpus")


def test_more_walltime_for_packed_shards_in_the_array_only(tmp_path: Path) -> None:
    render("packed", tmp_path)
    assert asked(tmp_path / "shards" / "s9" / "batchScript.sh")["W"] == "2"
    assert asked(tmp_path / "lsf_array_job.sh")["W"] == "6"


@pytest.mark.parametrize(
    ("run", "more", "words"),
    [
        ("/a%J", {}, "cannot be told of the run's path: it has a %"),
        ("/a\nb", {}, "printable"),
        ("/a/#BSUB", {}, "another directive"),
        (
            "/r",
            {"resources": {"walltime": "1m", "grace": "1s"}},
            "warning 1 min before a run limit",
        ),
    ],
)
def test_what_lsf_cannot_be_told_is_refused_before_anything_is_written(
    tmp_path: Path, run: str, more: dict[str, Any], words: str
) -> None:
    with pytest.raises(UserError) as raised:
        render_case((run, "0", 1, 1000, more), tmp_path)
    assert words in raised.value.what
    assert raised.value.hint


def test_the_name_of_an_array_has_255_characters_at_most(tmp_path: Path) -> None:
    rest = len(".1.array1[1-10]")
    case: Case = ("/r", "0-9", 1, 1000, {})
    render_case(case, tmp_path / "a", run_id="x" * (255 - rest))
    assert len(asked(tmp_path / "a" / "lsf_array_job.sh")["J"]) == 255
    with pytest.raises(UserError, match="256 characters in all; LSF takes 255") as raised:
        render_case(case, tmp_path / "b", run_id="x" * (256 - rest))
    assert raised.value.hint == "give a shorter --run-id"


@settings(max_examples=40, deadline=None)
@given(
    st.sets(st.integers(0, 60), min_size=1),
    st.integers(1, 5),
    st.integers(1, 20),
    st.none() | st.integers(1, 9),
)
def test_arrays_hold_each_shard_once_and_keep_to_the_limits(
    tmp_path_factory: pytest.TempPathFactory,
    members: set[int],
    per_job: int,
    largest: int,
    most: int | None,
) -> None:
    root = tmp_path_factory.mktemp("arrays")
    shards = ",".join(map(str, sorted(members)))
    more: dict[str, Any] = {"shards_per_job": str(per_job)}
    if most is not None:
        more["max_running"] = str(most)
    render_case(("/r", shards, 1, largest, more), root)
    arrays = Arrays(shards, per_job, array_sizes(len(members), per_job, largest))
    throttles, elements = 0, 0
    for part in range(len(arrays.sizes)):
        spec = asked(root / renderer.script_name(part, len(arrays.sizes)))["J"]
        name, _, rest = spec.partition("[1-")
        count, _, throttle = rest.partition("]")
        assert name == renderer.array_name("r", 1, part)
        assert 1 <= int(count) <= largest
        elements += int(count)
        throttles += int(throttle.removeprefix("%") or 0)
    assert elements == -(-len(members) // per_job)
    assert throttles == (0 if most is None else max(most, len(arrays.sizes)))


def test_no_golden_is_left_over() -> None:
    assert {path.name for path in GOLDEN.glob("lsf-*")} == {
        *(f"lsf-{label}.sh" for label in SCRIPTS),
        *(f"lsf-{name}.batchScript.sh" for name in CHUNKS),
    }
