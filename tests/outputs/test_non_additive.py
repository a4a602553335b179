"""Statistics that do not add up: refused, left out, or computed again from the whole."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from manifest.errors import Refusal, UserError
from runners.command import run_command

if TYPE_CHECKING:
    from tests.outputs.conftest import Desk

TABLES = [b'gene,p,rank\nb,0.20,1\n"a,\n1",0.30,2\n', b"gene,p,rank\r\nc,0.1,1\r\n"]
RANK = """
import csv, sys
with open(sys.argv[1], newline="") as file:
    rows = list(csv.DictReader(file))
order = sorted(row["p"] for row in rows)
with open(sys.argv[2], "w", newline="") as file:
    out = csv.DictWriter(file, rows[0].keys())
    out.writeheader()
    for row in rows:
        out.writerow(row | {"rank": order.index(row["p"]) + 1})
"""
RANKED = b'gene,p,rank\nb,0.20,2\n"a,\n1",0.30,3\nc,0.1,1\r\n'


def run(arguments: list[str]) -> tuple[int, str]:
    done = run_command(arguments, os.getcwd(), None, 20)
    return (124, "") if done.code is None else (done.code, done.tail)


def recompute(*words: str) -> dict[str, Any]:
    return {"command": [*words, "{{ merge.input }}", "{{ merge.output }}"]}


def sh(script: str) -> dict[str, Any]:
    return recompute("sh", "-c", script, "sh")


def merge(desk: Desk, **how: Any) -> Any:
    words = {"kind": "csv", "non_additive": ["rank"]} | how
    return desk.merge(desk.sources(TABLES), run_command=run, **words)


def test_refused_when_shards_would_be_put_together(desk: Desk) -> None:
    with pytest.raises(Refusal, match=r"rank cannot be put together from 2 shards") as refused:
        merge(desk)
    assert "recompute:" in str(refused.value.hint)
    assert "drop: true" in str(refused.value.hint)
    assert desk.left() == []


def test_what_one_shard_computed_of_a_whole_may_stay(desk: Desk) -> None:
    desk.merge(desk.sources(TABLES[:1]), kind="csv", non_additive=["rank"])
    assert desk.result() == TABLES[0]
    desk.target.unlink()
    merge(desk, group_by=["shard.name"], extension="tsv")
    assert (desk.target / "shard.name=s0.tsv").read_bytes() == TABLES[0]


def test_a_group_of_two_shards_is_refused_by_its_name(desk: Desk) -> None:
    tables = [b"m,rank\n1,1\n2,1\n", b"m,rank\n2,1\n"]
    with pytest.raises(Refusal, match="rank cannot be put together") as refused:
        desk.merge(desk.sources(tables), kind="csv", non_additive=["rank"], group_by=["m"])
    assert refused.value.where == "m=2.csv"


def test_a_column_that_is_not_there_is_a_slip_of_the_pen(desk: Desk) -> None:
    with pytest.raises(Refusal, match=r"has no column rnak, which merge.non_additive names"):
        merge(desk, non_additive=["rnak"], drop=True)


def test_left_out_with_a_note(desk: Desk) -> None:
    report = merge(desk, drop=True, key=["gene"])
    assert desk.result() == b'gene,p\nb,0.20\n"a,\n1",0.30\nc,0.1\r\n'
    assert report.warnings == ("left out, for it does not add up: rank",)
    desk.target.unlink()
    merge(desk, non_additive=["rank", "p"], drop=True, group_by=["gene"])
    assert (desk.target / "gene=b.csv").read_bytes() == b"gene\nb\n"


def test_a_row_of_nothing_stays_a_row(desk: Desk) -> None:
    desk.merge(desk.sources([b"a,q\n,1\n"]), kind="csv", non_additive=["q"], drop=True)
    assert desk.result() == b'a\n""\n'


def test_recomputed_from_the_whole(desk: Desk) -> None:
    report = merge(desk, recompute=recompute(sys.executable, "-c", RANK), key=["gene"])
    assert desk.result() == RANKED
    assert report.rows == 3
    assert desk.left() == ["merged.out", "merged.out.merge.json"]
    assert desk.sidecar()["outputs"][0]["bytes"] == len(RANKED)


def test_other_fields_keep_their_bytes_whatever_the_command_writes(desk: Desk) -> None:
    table = b'"gene",p,rank\r\n"b","0.20",9\r\n'
    how = recompute(sys.executable, "-c", RANK)
    words = {"kind": "csv", "non_additive": ["rank"], "recompute": how, "run_command": run}
    desk.merge(desk.sources([table, b"gene,p,rank\nc,0.3,1"]), **words)
    assert desk.result() == b'"gene",p,rank\r\n"b","0.20",1\r\nc,0.3,2\r\n'


def test_recomputed_for_each_group(desk: Desk) -> None:
    tables = [b"m,p,rank\n1,0.2,1\n2,0.2,1\n", b"m,p,rank\n1,0.1,1\n2,0.3,1\n"]
    desk.merge(
        desk.sources(tables),
        kind="csv",
        non_additive=["rank"],
        group_by=["m"],
        recompute=recompute(sys.executable, "-c", RANK),
        run_command=run,
    )
    assert {path.name: path.read_bytes() for path in desk.target.iterdir()} == {
        "m=1.csv": b"m,p,rank\n1,0.2,2\n1,0.1,1\n",
        "m=2.csv": b"m,p,rank\n2,0.2,1\n2,0.3,2\n",
    }


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'no scipy' >&2; exit 3", "recompute ended with exit code 3: no scipy"),
        ("kill -9 $$", "recompute ended with exit code 137"),
        ("exit 0", "ended with exit code 0 but wrote no output"),
        (': >"$2"', "wrote no table: has no header line"),
        ('mkdir "$2"; touch "$2.log"', "wrote no output"),
        ('sed s/0.20/0.2/ "$1" >"$2"', "changed p in row 1: '0.20' became '0.2'"),
        ('sed s/c,/C,/ "$1" >"$2"', "changed gene in row 3: 'c' became 'C'"),
        ('sed 2d "$1" >"$2"', "changed gene in row 1"),
        ('sed "\\$d" "$1" >"$2"', "left out rows after the first 2"),
        ('(cat "$1"; echo d,1,4) >"$2"', "added rows after the first 3"),
        ('sed s/rank/Rank/ "$1" >"$2"', "wrote the columns gene, p, Rank instead of gene, p, rank"),
        ('(cat "$1"; echo d,1) >"$2"', "wrote no table: data row 4 has 2 fields"),
        ('(cat "$1"; echo \\"d) >"$2"', "wrote no table: line 6: unexpected end of data"),
        ('cp "$1" "$2"; sed -i s/0.1/0.2/ "$1" "$2"', "changed what it should only read"),
        ('mv "$1" "$2"', "changed what it should only read"),
    ],
)
def test_a_command_that_does_it_wrong_changes_nothing(desk: Desk, script: str, words: str) -> None:
    desk.sources([])
    desk.target.write_bytes(b"old\n")
    with pytest.raises(Refusal, match=words):
        merge(desk, recompute=sh(script))
    assert desk.result() == b"old\n"
    assert desk.left() == ["merged.out"]


def test_without_somebody_who_starts_processes(desk: Desk) -> None:
    with pytest.raises(UserError, match="needs somebody who starts processes"):
        desk.merge(desk.sources(TABLES), kind="csv", non_additive=["rank"], recompute=sh("true"))


COUNTERS = [
    b'{"n": 2, "results": {"median": 1.5, "sum": 3}}',
    b'{"n": 1, "results": {"median": 4, "sum": 4}}',
]
MEAN = """
import json, sys
told = json.load(open(sys.argv[1]))
assert "median" not in told["results"]
told["results"]["median"] = told["results"]["sum"] / told["n"]
json.dump(told, open(sys.argv[2], "w"))
"""


def add(desk: Desk, **how: Any) -> Any:
    sources = desk.sources([])
    for number, content in enumerate(COUNTERS):
        [*_, source] = desk.sources(COUNTERS[: number + 1])
        path = Path(source.path).with_suffix(".json")
        path.write_bytes(content)
        sources.append(type(source)(source.facts, str(path), f"shards/s{number}.json"))
    words = {"kind": "counters", "non_additive": ["results.median"]} | how
    return desk.merge(sources, run_command=run, **words)


def test_a_number_of_a_document_that_does_not_add_up(desk: Desk) -> None:
    with pytest.raises(Refusal, match=r"results.median cannot be put together from 2 shards"):
        add(desk)
    with pytest.raises(Refusal, match=r"shard 0 \(s0\): has no median, which merge.non_additive n"):
        add(desk, non_additive=["median"], drop=True)
    assert desk.left() == []
    report = add(desk, drop=True)
    assert json.loads(desk.result()) == {"n": 3, "results": {"sum": 7}}
    assert report.warnings == ("left out, for it does not add up: results.median",)


def test_a_number_of_a_document_is_recomputed(desk: Desk) -> None:
    add(desk, recompute=recompute(sys.executable, "-W", "ignore", "-c", MEAN))
    assert json.loads(desk.result()) == {"n": 3, "results": {"sum": 7, "median": 7 / 3}}
    assert desk.left() == ["merged.out", "merged.out.merge.json"]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("exit 1", "ended with exit code 1"),
        ('cp "$1" "$2"', "wrote no results.median"),
        ("echo '[1]' >\"$2\"", "wrote no counters: holds no map"),
        (
            'echo \'{"n": 4, "results": {"sum": 7, "median": 1}}\' >"$2"',
            "changed something beside results.median",
        ),
    ],
)
def test_a_document_that_is_recomputed_wrongly(desk: Desk, script: str, words: str) -> None:
    with pytest.raises(Refusal, match=words):
        add(desk, recompute=sh(script))
    assert desk.left() == []


def test_a_command_that_runs_for_ever_goes_with_the_interrupt(tmp_path: Path) -> None:
    for number, table in enumerate(TABLES):
        (tmp_path / f"{number}.csv").write_bytes(table)
    (tmp_path / "all.csv").write_bytes(b"old\n")
    script = f"""
import os, sys
from manifest.checks import MergeSettings
from outputs.facts import UNPLANNED, ShardFacts, Source
from outputs.merge import merge
from runners.command import run_command
def run(words):
    result = run_command(words, {str(tmp_path)!r}, None, 600)
    return result.code, result.tail
facts = [ShardFacts(n, str(n), None, UNPLANNED, 0, None, 2, 0, None, "") for n in (0, 1)]
settings = MergeSettings.model_validate({{
    "kind": "csv", "non_additive": ["rank"],
    "recompute": {{"command": ["sh", "-c", "echo $$ >pid.new; mv pid.new pid; sleep 600", "sh",
                              "{{{{ merge.input }}}}", "{{{{ merge.output }}}}"]}},
}})
merge(settings, [Source(f, f"{tmp_path}/{{f.name}}.csv", f.name) for f in facts],
      "{tmp_path}/all.csv", missing=(), planned_total=None, run={{}}, run_command=run)
"""
    merging = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    pid = tmp_path / "pid"
    while not pid.exists():
        assert merging.poll() is None
    merging.send_signal(signal.SIGINT)
    assert merging.wait() != 0
    sleeper = int(pid.read_text())
    while Path(f"/proc/{sleeper}").exists() and "State:\tZ" not in (
        Path(f"/proc/{sleeper}/status").read_text()
    ):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.csv", "1.csv", "all.csv", "pid"]
    assert (tmp_path / "all.csv").read_bytes() == b"old\n"
