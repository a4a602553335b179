"""Work of items: which there are, whose they are, what the commands get, and what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Farm

TABLE = {"path": "o", "item": "u"}
ODD = ["u 1", "-u2", "a'b", "c$x", 'd"e*]', "@", "é", "x;y|z"]


def write(farm: Farm, items: Any, **more: Any) -> None:
    spec = {
        "name": "i",
        "work": {"items": items, **more.pop("work", {})},
        "shards": 3,
        "command": [
            *("bash", "-c", 'printf "%s\\0" "$@" >"$0"', "{{ outputs.o }}"),
            *("{{ shard.index }}/{{ shard.total }}", "{{ items.list }}", "{{ items.each }}"),
        ],
        "outputs": {"o": "o.txt"},
        **more,
    }
    (farm.path / "farmhand.yaml").write_text(json.dumps(spec))


def given(farm: Farm) -> dict[str, list[bytes]]:
    """What each shard's command was given, which must also stand in its list."""
    farm("render", "--run-id", "r")
    farm("run", "runs/r")
    found = {}
    for path in farm.path.glob("runs/r/shards/*/*/o.txt"):
        share, listed, *items = path.read_bytes().split(b"\0")[:-1]
        assert Path(os.fsdecode(listed)).read_bytes().split(b"\n")[:-1] == items
        found[share.decode()] = items
    return found


def test_names_of_all_kinds_are_sorted_and_dealt_out(farm: Farm) -> None:
    text = "\n".join(["# users", "", *ODD[:3], "  u3 \r"]).encode() + b"\n\xff\xfe"
    (farm.path / "l.txt").write_bytes(text)
    write(farm, ["@l.txt", {"command": ["printf", "%s\\n", *ODD[3:]]}])
    names = sorted([*ODD, "u3", os.fsdecode(b"\xff\xfe")])
    expected = {f"{i}/3": [os.fsencode(name) for name in names[i::3]] for i in range(3)}
    assert given(farm) == expected


def test_contiguous_in_the_order_of_the_list(farm: Farm) -> None:
    write(farm, list("dbeac"), work={"split": "contiguous", "sorted": "false"})
    assert given(farm) == {"0/3": [b"d", b"b"], "1/3": [b"e", b"a"], "2/3": [b"c"]}


def test_a_pattern_gives_absolute_paths(farm: Farm) -> None:
    for name in ("u2", "u1", "other"):
        (farm.path / "d" / name).mkdir(parents=True)
    write(farm, "d/u*")
    assert given(farm) == {
        "0/2": [f"{farm.path}/d/u1".encode()],
        "1/2": [f"{farm.path}/d/u2".encode()],
    }


def test_fewer_shards_than_asked_for_where_there_are_fewer_items(farm: Farm) -> None:
    write(farm, ["a", "b"])
    said = farm("render", "--run-id", "r").err
    assert "2 items in 2 shards, modulo (3 asked for)\n" in said
    assert [plan["size"] for plan in farm.manifest("r")["plans"]] == [1, 1]


@pytest.mark.parametrize(
    ("items", "more", "said"),
    [
        ([], {}, "items: is empty"),
        ("@none.txt", {}, "there are no items"),
        ({"command": ["true"]}, {}, "there are no items"),
        ("@gone.txt", {}, "cannot be read: No such file"),
        ({"command": ["false"]}, {}, "'false' failed with exit code 1"),
        ("x*", {}, "the pattern 'x*' finds nothing"),
        (["a", "b", "a"], {}, "the item 'a' is there twice: work.items[0] and work.items[2]"),
        (["u9", "@twice.txt"], {}, "the item 'u1' is there twice: "),
        (["a\nb"], {}, r"the item 'a\nb' is empty or has a tab, a line end"),
        (["a\tb"], {}, r"the item 'a\tb' is empty or has a tab, a line end"),
        (["a"], {"work": {"count": "3"}}, "exactly one of count:, items:, files:"),
        (["a"], {"work": {"split": "4"}}, "split cuts files, and there are no files:"),
        (["a"], {"env": {"X": "{{ items.each }}"}}, "is one word for each item"),
        (["a"], {"command": ["echo", "-u{{ items.each }}"]}, "nothing may stand beside it"),
        (["a"], {"command": ["echo", "{{ items.all }}"]}, "items.all is not defined"),
        (["a"], {"outputs": {"o": TABLE | {"publish": "p"}}}, "outputs.o.publish"),
        (
            ["a"],
            {"outputs": {"o": TABLE | {"check": {"csv": {"rows": "shard.size"}}}}},
            "a resumed attempt has fewer rows",
        ),
        (
            ["a"],
            {"outputs": {"o": "o", "p": {"path": "p", "item": "u"}},
             "merge": {"kind": "csv", "output": "o"}},
            "the rows to merge are those of an output with item:",
        ),
    ],
)  # fmt: skip
def test_what_is_refused(farm: Farm, items: Any, more: dict[str, Any], said: str) -> None:
    (farm.path / "none.txt").write_text("# nobody\n\n")
    (farm.path / "twice.txt").write_text("u0\nu1\n\nu1\n")
    write(farm, items, **more)
    answer = " ".join(farm("render", "--run-id", "r", code=2).err.split())
    assert said in answer
    if "twice.txt" in str(items):
        assert "twice.txt:2 and " in answer
        assert "twice.txt:4" in answer
    assert not (farm.path / "runs/r").exists()


def test_item_is_for_work_of_items(farm: Farm) -> None:
    write(farm, ["a"], outputs={"o": TABLE})
    text = (farm.path / "farmhand.yaml").read_text().replace('"items": ["a"]', '"count": 3')
    (farm.path / "farmhand.yaml").write_text(
        text.replace(', "{{ items.list }}", "{{ items.each }}"', "")
    )
    assert "outputs.o.item: is for work of items:" in farm("render", code=2).err


def test_too_many_for_a_command_line(farm: Farm) -> None:
    (farm.path / "l.txt").write_text("".join(f"{number:030}\n" for number in range(90_000)))
    write(farm, "@l.txt", command=["bash", "-c", "echo $#", "{{ items.each }}"], outputs={})
    answer = farm("render", "--run-id", "r", "--shards", "1", code=2).err
    assert "the 90,000 items of shard 0 are too long for a command line" in answer
    assert "{{ items.list }}" in answer
    farm("render", "--run-id", "r")
    farm("run", "runs/r")
    counts = [path.read_text() for path in farm.path.glob("runs/r/shards/*/*/stdout")]
    assert counts == ["29999\n"] * 3


def test_another_number_of_shards_or_another_list_is_another_run(farm: Farm) -> None:
    write(farm, list("abcdefg"))
    farm("render", "--run-id", "r")
    before = (farm.path / "runs/r/manifest.json").read_bytes()
    answer = farm("render", "--run-id", "r", "--shards", "4", code=2).err
    assert "it is another one: shards 3 -> 4" in answer
    (farm.path / "l.txt").write_text("a\nb\nc\nd\ne\nf\nh\n")
    write(farm, "@l.txt")
    answer = farm("render", "--run-id", "r", code=2).err
    assert "items: 1 gone (g); items: 1 new (h)" in answer
    assert (farm.path / "runs/r/manifest.json").read_bytes() == before
