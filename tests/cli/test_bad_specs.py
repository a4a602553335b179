"""Each bad spec: what, where and what to do, exit code 2, and nothing written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Farm

HEAD = "name: x\nwork: {count: 4}\n"
OK = HEAD + "command: ['true']\n"
TWO = "name: x\ncommand: ['true']\ncomponents:\n"

SPECS = {
    # text -> what must be said, part by part
    OK + "resources: {memroy: 2 GB}\n": ["unknown key 'memroy'", "s.yaml:4: resources.memroy",
                                          "did you mean 'memory'?"],
    OK + "zebra: 4\n": ["unknown key 'zebra'", "known here: arguments, bundle, command"],
    OK + "resources: {memory: 2000}\n": ["'2000' has no unit; write 2000 MB or 2000 GB"],
    OK + "resources: {walltime: 4:00}\n": ["write 4h or 4m", "s.yaml:4: resources.walltime"],
    OK + "resources: {stop_signal: KILL}\n": ["there is no 'KILL'", "known here: TERM, INT"],
    OK + "outputs: {o: o.txt}\nmerge: {kind: txt}\n": ["there is no 'txt'; did you mean 'text'?"],
    OK + "outputs: {o: o.txt}\nmerge: {kind: text, key: [a]}\n": ["key is for csv and json-lines"],
    OK + "merge: {kind: text}\n": ["merge.output: there is none"],
    OK + "work: {count: 5}\n": ["'work' is given twice, in line 2 and in line 4", "s.yaml:4:1"],
    OK + "threads: many\n": ["'many' is neither a number of threads nor cpus"],
    OK + "threads: 0\n": ["'0' is neither a number of threads nor cpus"],
    OK + "shards: -1\n": ["shards: -1 will not do; it has to be greater than 0"],
    OK + "logs: {stdout: {require: '['}}\n": ["'[' is not a regular expression"],
    OK + "shard_name: '..'\n": ["'..' is not safe as a file name"],
    OK + 'shards: 2\nshard_name: "a{{ shard.index }}\\nb"\n': ["may not contain a line end"],
    OK + "shard_name: '{{ outputs.o }}'\noutputs: {o: o}\n": ["cannot use a variable of the job"],
    OK + 'outputs:\n  "a\\nb": out.txt\n': [r"outputs.a\nb: 'a\nb' is not safe"],
    OK + "outputs: {o: {path: o, check: {jsn: true}}}\n": ["did you mean 'json'?"],
    OK + "outputs: {o: {path: o, check: {csv: {rows: shard.sizes}}}}\n": ["is not a number"],
    OK + "inputs: {c: nothere.json}\n": ["input 'nothere.json' does not exist", "inputs.c"],
    OK + "inputs: {c: 'x{{ shard.index }}'}\n": ["has no meaning in inputs.c"],
    OK + "inputs: {c: {path: s.yaml, references: ['nope[*].x']}}\n": ["matches nothing in s.yaml"],
    OK + "inputs: {c: {path: s.yaml, references: ['[[']}}\n": ["is not a JSONPath expression"],
    OK + "env: {UID: 3}\n": ["read-only"],
    OK + "env: {A: '{{ shard.nope }}'}\n": ["shard.nope is not defined", "env.A"],
    OK + "components: {a: {work: {count: 1}}}\n": ["exactly one of work: and components:"],
    OK + "script: echo\n": ["exactly one of command:"],
    OK + "arguments: [a]\n": ["arguments: go with script:"],
    HEAD + "script: ''\n": ["script: is empty"],
    HEAD: ["say what to run"],
    HEAD + "command: echo hi\n": ["a list was expected", "begin each item with '- '"],
    HEAD + "command: ['', a]\n": ["the first word of command: is empty"],
    HEAD + "command: [echo, [a]]\n": ["command.1: a text was expected, not a list"],
    HEAD + "command: [cat, s.yaml]\n": ["lies beside the spec", "{{ inputs.s }}"],
    HEAD + "command: [cat, --in=s.yaml]\n": ["--in={{ inputs.s }}", "{{ 's.yaml' }}"],
    HEAD + "command: [echo, '{{ shrad.index }}']\n": ["did you mean 'shard'?"],
    HEAD + "command: [echo, '{{ shard.seed }}']\n": ["shard.seed is not defined",
                                                     "say work.seed: a number"],
    HEAD + "command: [echo, '{{ work.seed }}']\n": ["say work.seed: a number"],
    HEAD + "command: [echo, '{{ outputs.o | upper }}']\noutputs: {o: o}\n": [
        "known only when the job runs", "write it alone"],
    HEAD + "command: [echo, '{{ shard.index ']\n": ["only {{ … }} is special"],
    HEAD + "command: [echo, '{{ shard.index | uper }}']\n": ["did you mean 'upper'?"],
    HEAD + "command: [echo, {{ shard.index }}]\n": ['quote it: "{{ shard.index }}"', "s.yaml:3"],
    "name: x\nwork:\n\tcount: 4\n": ["a tab indents this line", "s.yaml:3:1"],
    "name: x\nwork: {count: 1e5}\ncommand: [a]\n": ["write digits only, such as 100000"],
    "name: x\nwork: {count: 99999999999999999999}\ncommand: [a]\n": ["has to be at most"],
    "name: x\nwork: {count: 4, seed: 99999999999999999999}\ncommand: [a]\n": ["at most"],
    "name: x\nwork: {count: 4, seed: {base: 1, spawn: 2}}\ncommand: [a]\n": ["a seed is a number"],
    "name: x\nwork: {count: 90000, seed: {spawn: 1, bits: 16}}\nshards: 70000\ncommand: [a]\n": [
        "16 bits are 65536 seeds", "work.seed.bits"],
    TWO + "  a: {work: {count: 2}}\n  a: {work: {count: 3}}\n": ["'a' is given twice"],
    TWO + "  a: {work: {count: 100, seed: 1}}\n  b: {work: {count: 100, seed: 50}}\n": [
        "components 'a' and 'b' would use the same seeds (from 50)", "a seed of 101 or more"],
    TWO + "  a: {work: {count: 1, seed: {spawn: 1}}}\n"
    "  b: {work: {count: 1, seed: {spawn: 1}}}\n": [
        "spawn their seeds from the same number"],
    TWO + "  a: {work: {count: 2}, shards: 2}\n  a_s0: {work: {count: 1}}\n": [
        "'a_s0' is named like shard 0"],
    TWO.replace("'true'", "'{{ params.m }}'")
    + "  a: {work: {count: 2}, params: {m: 1}}\n  b: {work: {count: 1}}\n": [
        "params.m is not defined", "give it to 'b' too: components.b.params.m"],
    "- a\n- b\n": ["is a list, not a block of keys"],
    "": ["s.yaml is empty", "farmhand init"],
}  # fmt: skip


@pytest.mark.parametrize(("text", "parts"), SPECS.items())
def test_each_mistake_has_its_sentence(farm: Farm, text: str, parts: list[str]) -> None:
    Path("s.yaml").write_text(text, encoding="utf-8")
    said = farm("render", "s.yaml", code=2)
    assert said.out == ""
    assert said.err.startswith("farmhand: ")
    for part in parts:
        assert part in said.err
    assert sorted(os.listdir()) in (["s.yaml"], ["runs", "s.yaml"])
    assert not os.path.exists("runs") or os.listdir("runs") == []


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('{"name": "x", "work": {"count": 4}, "command": ["echo", 0.10]}', "0.1 is not a text"),
        ('{"name": "x", "work": {"count": 4}, "command": ["echo", true]}', "true is not a text"),
        ('{"name": "x", "work": {"count": 4}, "command": ["echo", null]}', "null is not a text"),
        ('{"name": "x", "work": {"count": 4.5}, "command": ["a"]}', "4.5 is not a whole number"),
        ('{"name": "x", "name": "y"}', "'name' is given twice in one block"),
        ('{"name": "x", "command": ["a\\u0000"]}', "U+0000 cannot be part of a value"),
        ('{"name": "x", ', "this is not JSON"),
    ],
)
def test_json_that_would_change_or_is_broken(farm: Farm, text: str, part: str) -> None:
    Path("s.json").write_text(text, encoding="utf-8")
    assert part in farm("render", "s.json", code=2).err


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["render", "nothere.yaml"], ["cannot be read", "farmhand init"]),
        (["render"], ["farmhand.yaml", "farmhand init"]),
        (["render", "."], ["Is a directory"]),
        (["render", "--scheduler", "nohpu", "--", "true"], ["did you mean 'nohup'?"]),
        (["render", "--run-id", "../x", "--", "true"], ["'../x' is not safe"]),
        (["render", "--run-id", "a b", "--", "true"], ["'a b' is not safe"]),
        (["render", "--shards", "0", "--", "true"], ["--shards"]),
        (["render", "--set", "work.count", "--", "true"], ["write --set a.b=VALUE"]),
        (["render", "--set", "work.cuont=3", "--", "true"], ["did you mean 'count'?"]),
        (["render", "--set", "command.9=x", "--", "true"], ["count from 0 to 0"]),
        (["render", "s.yaml", "--", "true"], ["exclude each other"]),
        (["render", "--", "echo", "\udcff"], ["word 2 of the command is not UTF-8"]),
        (["render", "--", "echo", "x" * 131_072], ["131,072 bytes", "put it into a file"]),
        (["rendr"], ["there is no verb 'rendr'; did you mean 'render'?"]),
        (["xyzzy"], ["there is no verb 'xyzzy'", "verbs are init, render"]),
        (["check", "nothere"], ["there is no such run or manifest"]),
        (["check", "."], ["this is not a run directory", "farmhand render made"]),
        (["check", "there.json"], ["does not lie in a run directory"]),
        (["check", "a", "--manifest", "b"], ["name the same thing twice"]),
        (["check"], ["no run here", "--out-dir"]),
        (["merge", "--input", "x"], ["--input needs --kind and --out"]),
        (["merge", "--input", "x", "--kind", "foo", "--out", "y"], ["no merge kind 'foo'"]),
    ],
)
def test_commands_typed_wrongly(farm: Farm, words: list[str], parts: list[str]) -> None:
    Path("there.json").write_text("{}", encoding="utf-8")
    said = farm(*words, code=2)
    for part in parts:
        assert part in said.err
    assert sorted(os.listdir()) in (["there.json"], ["runs", "there.json"])


def test_a_mistake_in_the_middle_of_many_is_told_with_the_others(farm: Farm) -> None:
    Path("s.yaml").write_text(OK + "shards: x\nresources: {cpus: 0}\n", encoding="utf-8")
    said = farm("render", "s.yaml", code=2).err
    assert "shards: 'x' is not a whole number" in said
    assert "also wrong: resources.cpus" in said
