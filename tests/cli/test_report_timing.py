"""How long jobs took: of logs of the ECCE shape, and of a run's own."""

from __future__ import annotations

import csv
import json
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Farm

S = 1_634_567_890


def ecce(folder: Path, number: int, dst: int, ev: int, cut: int | None = None) -> Path:
    """Write a log as ECCE's jobs do; ``cut`` lines of it, when the job was killed."""
    at = S + 60 * number
    marks = [("START", 0), ("START DST", 10), ("END DST", 10 + dst), ("START EVAL", 20 + dst)]
    marks += [("END EVAL", 20 + dst + ev), ("END", 30 + dst + ev)]
    lines = [f" {mark} -- {at + offset}\nFun4All says {number}\n" for mark, offset in marks]
    path = folder / f"dis_{number:03}_{number * 2000:07}_02000.out"
    path.write_text("".join(lines[:cut]))
    return path


@pytest.fixture
def logs(farm: Farm) -> Path:
    folder = farm.path / "log"
    folder.mkdir()
    for number in range(6):
        ecce(
            folder,
            number,
            dst=1000 + 10 * number,
            ev=200,
            cut=[None, None, None, None, 1, 4][number],
        )
    return folder


def answer(farm: Farm, *words: str, code: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(farm("report", "timing", *words, "--json", code=code).out)
    return found


def test_unfinished_logs_of_ecce_are_counted_and_poison_nothing(farm: Farm, logs: Path) -> None:
    found = answer(farm, "--logs", "log/*.out")
    means = {name: one["mean"] for name, one in found["quantities"].items()}
    assert means == {"total": 1245, "dst": 1015, "eval": 200}
    assert found["quantities"]["total"]["min"] == 1230
    (left,) = found["not_counted"]
    assert (left["reason"], left["number"]) == ("unfinished", 2)
    assert left["names"] == [f"log/dis_00{n}_{n * 2000:07}_02000.out" for n in (4, 5)]
    rows = {row["name"]: row["phases"]["total"]["seconds"] for row in found["rows"]}
    assert list(rows.values()) == [1230, 1240, 1250, 1260, None, None]
    said = farm("timing", "--logs", "log/*.out").out
    assert said.startswith("4 of 6 jobs counted\n")
    assert "2  START without END: log/dis_004_0008000_02000.out," in said
    assert max(map(len, said.splitlines())) <= 80


def test_a_shell_may_have_expanded_the_pattern(farm: Farm, logs: Path) -> None:
    names = sorted(f"log/{path.name}" for path in logs.iterdir())
    assert answer(farm, "--logs", *names) == answer(farm, "--logs", "log/*.out")
    odd = logs / "a[1].out"
    (logs / "dis_000_0000000_02000.out").rename(odd)
    assert answer(farm, "--logs", "log/a[1].out")["counted"] == 1


def test_failed_logs_by_a_line_of_theirs(farm: Farm, logs: Path) -> None:
    with (logs / "dis_000_0000000_02000.out").open("a") as log:
        log.write("*** Break *** segmentation violation\n")
    found = answer(farm, "--logs", "log/*.out", "--failed", "segmentation violation")
    assert found["counted"] == 3
    assert {one["reason"] for one in found["not_counted"]} == {"unfinished", "failed_log"}


def test_every_file_that_can_be_asked_for(farm: Farm, logs: Path) -> None:
    words = [
        "--out-md",
        "s.md",
        "--out-csv",
        "s.csv",
        "--out-json",
        "s.json",
        "--csv",
        "jobs.csv",
        "--plot",
        "t.svg",
    ]
    estimate = ["--events", "20000", "--slots", "3", "--per-job", "2000"]
    said = farm("timing", "--logs", "log/*.out", *words, *estimate)
    assert said.err.count("written: ") == 5
    page = (farm.path / "s.md").read_text()
    assert "| total | 4 | 20m45s |" in page
    assert "| 2 | START without END |" in page
    with (farm.path / "s.csv").open() as stream:
        table = {row["quantity"]: row for row in csv.DictReader(stream)}
    assert table["dst"]["mean"] == "1015"
    summary = json.loads((farm.path / "s.json").read_text())
    made = summary["estimate"]
    assert (made["jobs"], made["rounds"]) == (10, 4)
    assert made["slot_seconds"]["value"] == pytest.approx(12450)
    assert made["seconds"]["value"] == pytest.approx(4 * 1245)
    assert made["output_bytes"] is None
    with (farm.path / "jobs.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["total_seconds"] for row in rows] == ["1230", "1240", "1250", "1260", "", ""]
    assert rows[0]["total_seconds_per_event"] == "0.615"
    picture = (farm.path / "t.svg").read_text()
    texts = "".join(ET.fromstring(picture).itertext())
    for words_in_it in ("wall clock time of a job (min)", "jobs at once", "dst (4)", "eval (4)"):
        assert words_in_it in texts
    farm("timing", "--logs", "log/*.out", "--plot", "again.svg")
    assert (farm.path / "again.svg").read_text() == picture
    farm("timing", "--logs", "log/*.out", "--plot", "t.png")
    assert (farm.path / "t.png").read_bytes().startswith(b"\x89PNG")


SCRIPT = """
i=$1; echo "START -- $((1700000000 + i)).5"
[ $i = 2 ] && exit 3
echo "START DST -- $((1700000010 + i))"; echo "END DST -- $((1700000020 + i))"
[ $i = 3 ] || echo "END -- $((1700000100 + 2 * i)).5"
printf 12345678 >out.txt
"""


def test_a_run_by_its_logs(toys: Callable[..., Farm]) -> None:
    farm = toys(
        work={"count": 50},
        shards=5,
        command=["bash", "-c", SCRIPT, "job", "{{ shard.index }}"],
        outputs={"o": "out.txt"},
    )
    farm.job(0, 1, 2, 3)
    found = answer(farm, "runs/r", "--events", "1000", "--slots", "10")
    assert (found["counted"], found["jobs"], found["total_from"]) == (2, 5, "logs")
    total = found["quantities"]["total"]
    assert (total["number"], total["min"], total["max"]) == (2, 100, 101)
    assert total["per_event"] == pytest.approx(10.05)
    assert found["quantities"]["output"]["per_event"] == pytest.approx(0.8)
    assert {(one["reason"], *one["names"]) for one in found["not_counted"]} == {
        ("failed", "s2"),
        ("planned", "s4"),
        ("unfinished", "s3"),
    }
    assert found["estimate"]["slot_seconds"]["value"] == pytest.approx(10_050)
    assert found["estimate"]["output_bytes"]["value"] == pytest.approx(800)
    row = found["rows"][1]
    assert (row["events"], row["output_bytes"], row["shard_index"]) == (10, 8, 1)
    assert row["log"] == f"shards/s1/{row['attempt']}/stdout"


def test_a_run_without_tags_by_its_records(toys: Callable[..., Farm]) -> None:
    farm = toys()
    assert farm.job(0, 1, 2) == 0
    found = answer(farm, "runs/r")
    assert (found["counted"], found["total_from"]) == (3, "records")
    assert list(found["quantities"]) == ["total", "output"]
    said = farm("timing", "runs/r").out
    assert "total is the wall time that the jobs recorded" in said
    assert "1  the shard is planned: s3" in said
    before = farm.manifest()
    assert before["revision"] == farm.manifest()["revision"]


def test_phases_of_the_spec_and_of_another_one(toys: Callable[..., Farm]) -> None:
    words = "echo 'at 5.0 simulation begins'; echo 'at 7.5 simulation ends'; echo x >out.txt"
    tags = {"start": r"at (\S+) simulation begins", "end": r"at (\S+) simulation ends"}
    farm = toys(
        command=["bash", "-c", words],
        timing={"sim": tags},
        outputs={"o": "out.txt"},
    )
    assert farm.job(0, 1) == 0
    found = answer(farm, "runs/r")
    assert found["quantities"]["sim"]["mean"] == 2.5
    assert found["total_from"] == "records"
    (farm.path / "t.yaml").write_text(
        "timing:\n  whole:\n    start: at (.*) sim.* begins\n    end: at (.*) sim.* ends\n"
    )
    other = answer(farm, "runs/r", "--spec", "t.yaml")
    assert list(other["quantities"]) == ["total", "whole", "output"]
    (farm.path / "t.yaml").write_text("timing:\n  whole:\n    start: '('\n    end: b\n")
    said = farm("timing", "runs/r", "--spec", "t.yaml", code=2).err
    assert "'(' is not a regular expression" in said
    assert "t.yaml:3: timing.whole.start" in said


def test_files_are_no_events(farm: Farm) -> None:
    for number in range(4):
        (farm.path / f"{number}.txt").write_text("x")
    spec = {
        "name": "f",
        "work": {"files": ["*.txt"], "files_per_chunk": 2},
        "command": ["true", "{{ chunk.files }}"],
    }
    (farm.path / "farmhand.json").write_text(json.dumps(spec))
    farm("render", "farmhand.json", "--run-id", "r")
    assert farm.job(0, 1) == 0
    found = answer(farm, "runs/r")
    assert [row["events"] for row in found["rows"]] == [None, None]
    assert found["quantities"]["total"]["per_event"] is None
    said = farm("timing", "runs/r", "--events", "10", "--slots", "1", code=2).err
    assert "how many events these jobs did is not known" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--logs", "none/*.out"], "no log fits 'none/*.out'"),
        (["--logs", "log/*.out", "--events", "5"], "give --slots M, too"),
        (["--logs", "log/*.out", "--slots", "5"], "give --events N, too"),
        (["--logs", "log/*.out", "--events", "5", "--slots", "1"], "say it with --per-job K"),
        (["--logs", "log/*.out", "--failed", "("], "'(' is not a regular expression"),
        (["--logs", "log/*.out", "--plot", "t.bmp"], "ends in .svg, .png or .pdf"),
        (["--logs", "log/*.out", "--out-md", "no/s.md"], "cannot write s.md"),
        (["--logs", "log/*.out", "--spec", "none.yaml"], "the spec cannot be read"),
        (["--logs", "log/*.out", "--events", "0", "--slots", "1"], "--events"),
        (["a", "b"], "2 runs were named"),
        (["--failed", "x"], "--failed goes with --logs"),
        (["--per-job", "7"], "--per-job is for an estimate"),
    ],
)
def test_what_is_asked_wrongly(farm: Farm, logs: Path, words: list[str], said: str) -> None:
    assert said in farm("report", "timing", *words, code=2).err


def test_an_unknown_report(farm: Farm) -> None:
    assert "did you mean 'timing'?" in farm("report", "timin", code=2).err


def test_nothing_counts(farm: Farm, logs: Path) -> None:
    found = answer(farm, "--logs", "log/dis_004*", "--plot", "t.svg", code=1)
    assert found["counted"] == 0
    assert found["quantities"]["total"]["mean"] is None
    (logs / "empty.out").write_text("")
    words = ["--events", "5", "--slots", "1", "--per-job", "5", "--plot", "t.svg"]
    said = farm("timing", "--logs", "log/empty.out", *words, code=1)
    assert said.out.startswith("0 of 1 jobs counted")


def test_without_matplotlib_everything_else_works(
    farm: Farm, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    farm("timing", "--logs", "log/*.out")
    said = farm("timing", "--logs", "log/*.out", "--plot", "t.svg", code=2).err
    assert "pip install 'farmhand[plots]'" in said
