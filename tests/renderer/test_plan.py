"""What a plan refuses, and that its block lines are what bash and the manifest read."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farmhand.new_run import make_run
from farmhand.submissions import Way
from manifest.errors import UserError
from manifest.spec import Spec
from manifest.store import read_manifest
from renderer.block_template import BlockTemplate
from renderer.plan import Plan, block_rows, make_plan, plan_blocks

HEAD = {"name": "n", "work": {"count": 10, "seed": 5}, "shards": 4, "command": ["true"]}


def plan(base: Path | str = "/", **more: Any) -> Plan:
    return make_plan(Spec.model_validate({**HEAD, **more}), str(base))


def run_of(folder: Path, **more: Any) -> Path:
    return Path(make_run(plan(folder, **more), Way("local"), str(folder / "runs"), "r")[0])


def test_a_block_line_is_read_by_bash_word_for_word(tmp_path: Path) -> None:
    words = ["a b", "it's {{ shard.index }}", "{{ shard.name }}é\n", "{{ shard.start }}$(x)`y`"]
    run = run_of(tmp_path, command=["run", *words], shard_name="p{{ part.index }}")
    lines = (run / "plan/args/0").read_text(encoding="ascii").splitlines()
    script = 'while IFS= read -r line; do eval "set -- $line"; printf \'%s\\0\' "$@"; done'
    printed = subprocess.run(
        ["bash", "-c", script], input="\n".join(lines) + "\n", capture_output=True, check=True,
        encoding="utf-8",
    ).stdout.split("\0")[:-1]  # fmt: skip
    starts, sizes = (0, 3, 6, 8), (3, 3, 2, 2)
    expected = []
    for i in range(4):
        expected += [f"p{i}", str(starts[i]), str(sizes[i]), str(5 + starts[i])]
        expected += [f"it's {i}", f"p{i}é\n", f"{starts[i]}$(x)`y`"]
    assert printed == expected


def test_the_manifest_begins_with_the_plan(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    manifest = read_manifest(str(run / "manifest.json"))
    assert [json.loads(row) for row in manifest.plans][1:3] == [
        {"shard_index": 1, "name": "s1", "component": None, "start": 3, "size": 3, "seed": 8},
        {"shard_index": 2, "name": "s2", "component": None, "start": 6, "size": 2, "seed": 11},
    ]
    assert {manifest.results.head(i) for i in range(4)} == {("planned", None)}
    assert manifest.header.plan_id == (run / "plan/id").read_text().strip()
    assert manifest.header.seed == 5
    assert manifest.header.seed_ranges == ((5, 15),)


@given(st.integers(1, 3000), st.integers(0, 2000))
@settings(max_examples=30, deadline=None)
def test_blocks_hold_a_thousand_shards_in_order(count: int, fewer: int) -> None:
    shards = max(1, count - fewer)
    found = list(plan_blocks(plan(work={"count": count}, shards=shards)))
    assert [len(block) for block in found[:-1]] == [1000] * (len(found) - 1)
    assert [row.shard for block in found for row in block] == list(range(shards))


@pytest.mark.parametrize(
    ("more", "what", "where"),
    [
        ({"shard_name": "x"}, "two shards would be named 'x': shard 0 and shard 1", "shard_name"),
        ({"shard_name": "{{ shard.index }}/x"}, "shard 0: '0/x' is not safe", "shard_name"),
        ({"shard_name": "{{ shard.index }}\n"}, "may not contain a line end", "shard_name"),
        ({"shard_name": "{{ attempt.dir }}x"}, "cannot use a variable of the job", "shard_name"),
        (
            {"outputs": {"o": "../{{ shard.index }}"}},
            "'../0' is not a file inside", "outputs.o.path (shard 0)",
        ),
        ({"outputs": {"o": "/x"}}, "'/x' is not a file inside", "outputs.o.path"),
        ({"outputs": {"o": "a/../.."}}, "is not a file inside", "outputs.o.path"),
        ({"outputs": {"o": "."}}, "is not a file inside", "outputs.o.path"),
        ({"outputs": {"o": "{{ attempt.dir }}/x"}}, "needs no variable of it", "outputs.o.path"),
        ({"outputs": {"o": "{{ shard.index }}\n"}}, "may not contain a line end", "outputs.o.path"),
        ({"command": ["a", "{{ shard.idx }}"]}, "did you mean shard.index?", "command[1]"),
        ({"command": ["a", "x" * 131_072]}, "131,072 bytes", "command[1]"),
        (
            {"command": ["a", "{{ 'x' * 131072 }}{{ shard.index }}"]},
            "shard 0: an argument of 131,073 bytes", "command[1]",
        ),
        (
            {"command": ["a", "{{ 1 // (shard.index - 2) }}"]},
            "cannot be rendered for shard 2", "command[1]",
        ),
        (
            {"command": ["a", "{{ shard.seed }}"], "work": {"count": 10}},
            "shard.seed is not defined", "command[1]",
        ),
        ({"command": ["a", "{{ shard.index | uper }}"]}, "no filter 'uper'", "command[1]"),
        ({"command": ["a", "{{ shard.index is evn }}"]}, "no test 'evn'", "command[1]"),
        ({"command": ["a", "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}"]}, "too deep", "command"),
        ({"env": {"A": "{{ nope }}"}}, "'nope' is not defined", "env.A"),
        ({"command": ["./beside.sh"]}, "'./beside.sh' lies beside the spec", "command[0]"),
        ({"command": ["x", "--in=beside.sh"]}, "'beside.sh' lies beside the spec", "command[1]"),
    ],
)  # fmt: skip
def test_what_a_plan_refuses(tmp_path: Path, more: dict[str, Any], what: str, where: str) -> None:
    (tmp_path / "beside.sh").touch()
    with pytest.raises(UserError) as caught:
        run_of(tmp_path, **more)
    assert what in caught.value.what
    assert (caught.value.where or "").startswith(where)
    assert not list(tmp_path.glob("runs/*"))
    assert not list(tmp_path.glob("runs/.*"))


def test_components_hand_their_own_work_and_params_on(tmp_path: Path) -> None:
    run = run_of(
        tmp_path,
        work=None,
        components={
            "a": {"work": {"count": 4}, "shards": 2, "params": {"mass": "0.10"}},
            "b": {"work": {"count": 9}, "shards": 1, "params": {"mass": "125"}},
        },
        command=["x", "{{ params.mass }}:{{ work.count }}:{{ part.index }}/{{ part.total }}"],
        outputs={"o": "{{ shard.component }}.json"},
    )
    lines = [line.split(" ") for line in (run / "plan/args/0").read_text().splitlines()]
    assert [line[0] for line in lines] == ["a_s0", "a_s1", "b"]
    assert [line[4] for line in lines] == ["a.json"] * 2 + ["b.json"]
    assert [line[5] for line in lines] == ["0.10:4:0/2", "0.10:4:1/2", "125:9:0/1"]
    paths = [json.loads(line) for line in (run / "plan/outputs/0").read_bytes().splitlines()]
    assert paths == [{"o": "a.json"}, {"o": "a.json"}, {"o": "b.json"}]


FIELDS = st.sampled_from(
    ["shard.index", "shard.name", "shard.start * 2", "shard.seed", "part.total"]
)
PIECES = st.one_of(
    FIELDS.map(lambda field: "{{ " + field + " }}"),
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0{}"), max_size=5),
)


@given(st.lists(st.lists(PIECES, max_size=4).map("".join), max_size=6))
@settings(max_examples=50, deadline=None)
def test_a_block_is_what_its_words_are_one_by_one(words: list[str]) -> None:
    def lines(*texts: str) -> list[list[str]]:
        made = plan(command=["x", *texts])
        block = next(plan_blocks(made))
        text = BlockTemplate(made.segments.found).render(block_rows(block, made, heads=False))
        return [line.split(" ") for line in text.split("\n")[:-1]]

    whole = [" ".join(line) for line in lines(*words)]
    singles = [[" ".join(line) for line in lines(word)] for word in words]
    assert whole == ["".join(parts) for parts in zip(*singles, strict=True)] or not words
