"""What stands in a spec reaches the process byte for byte, by whichever way it came."""

from __future__ import annotations

import json
import os
import subprocess
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manifest.spec import MAX_WORD_BYTES
from manifest.yaml_writer import dump_yaml

if TYPE_CHECKING:
    from conftest import Farm

# Writes its arguments, each closed by a NUL, and a variable; no Python to start: this runs often.
SHOW = """printf '%s\\0' "$@" >argv; printf %s "$V" >v"""
HOSTILE = [
    "two words", "", "'", '"', "$HOME", "$(touch pwned)", "`id`", "\\", "a\\", "\\n", "%d", "%%",
    "#", "# x", "a #b", "{}", "{# #}", "{% raw %}", "${#a[@]}", "end\n", "\n\n", "\r", "a\r\nb",
    "\t", "Ünïcödé ☃ 🚜", ";", "&&", "|", "*", "?", "[a]", "~", "!", "!!", "-n", "--", "=", "^",
    "./", "../.", "/",
    "0.10", "007", "1e5", "true", "null", "~", "1_000", "2024-01-02", "no", "\x01\x7f\x1b[31m",
    "\u2028\x85\ufeff", "é" * 50_000, "x" * MAX_WORD_BYTES,
]  # fmt: skip
NUMBERS = count()
TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=30)


def plain(text: str) -> str:
    """A text without {{, which is a template by right."""
    return text.replace("{{", "{ {")


def fresh() -> str:
    """A name for one more run."""
    return f"r{next(NUMBERS)}"


def shown(farm: Farm, shard: int = 0, name: str = "r") -> tuple[list[str], str]:
    assert farm.job(shard, name=name) == 0
    [attempt] = farm.attempts(shard, name)
    argv = (attempt / "argv").read_bytes().decode()
    assert argv.endswith("\0")
    return argv[:-1].split("\0"), (attempt / "v").read_bytes().decode()


@pytest.mark.parametrize("form", ["json", "yaml"])
@pytest.mark.parametrize("way", ["command", "script"])
def test_hostile_words_by_every_way(farm: Farm, form: str, way: str) -> None:
    spec: dict[str, Any] = {"name": "w", "work": {"count": "2"}, "shards": "2"}
    if way == "command":
        spec["command"] = ["bash", "-c", SHOW, "show", *HOSTILE, "{{ shard.index }}'\n"]
    else:
        spec |= {"script": SHOW, "arguments": [*HOSTILE, "{{ shard.index }}'\n"]}
    text = json.dumps(spec) if form == "json" else dump_yaml(spec)
    farm("render", "-", "--run-id", "r", stdin=text)
    assert shown(farm, 1)[0] == [*HOSTILE, "1'\n"]
    assert not Path("pwned").exists()


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(words=st.lists(TEXT, min_size=1, max_size=40), variable=TEXT)
def test_any_words_and_any_variable(farm: Farm, words: list[str], variable: str) -> None:
    name = fresh()
    spec = {
        "name": "w",
        "work": {"count": "2"},
        "shards": "2",
        # Some words are fixed and some vary: what varies takes another way to the job.
        "command": ["bash", "-c", SHOW, "show"]
        + [plain(w) + "|{{ shard.index }}" * (i % 2) for i, w in enumerate(words)],
        "env": {"V": plain(variable) + "|{{ shard.size }}"},
    }
    farm("render", "-", "--run-id", name, stdin=dump_yaml(spec))
    expected = [plain(w) + "|1" * (i % 2) for i, w in enumerate(words)]
    assert shown(farm, 1, name) == (expected, plain(variable) + "|1")


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(words=st.lists(TEXT.map(plain), max_size=10))
def test_the_spec_of_a_one_liner_is_the_one_liner(farm: Farm, words: list[str]) -> None:
    command = ["bash", "-c", SHOW, "show", *words]
    once = farm("render", "--write-spec", "--", *command).out
    assert farm("render", "-", "--write-spec", stdin=once).out == once
    name = fresh()
    farm("render", "-", "--run-id", name, stdin=once)
    assert shown(farm, 0, name)[0] == (words or [""])


@pytest.mark.parametrize(
    "value", ["a b", "0.10", "1e5", "~", "a #b", "a:b", "a'b", 'say "no"', "", "{{ shard.size }}"]
)
def test_a_value_of_set_is_the_text_that_was_typed(farm: Farm, value: str) -> None:
    words = ["--set", f"env.V={value}", "--", "bash", "-c", SHOW, "show"]
    farm("render", "--run-id", "r", *words)
    assert shown(farm)[1] == value.replace("{{ shard.size }}", "1")


def test_yaml_scalars_stay_as_they_were_written(farm: Farm) -> None:
    scalars = ["0.10", "007", "1e5", "true", "~", "1_000", "2024-01-02", "null", "0x1F", "12:30",
               "No", ".inf", "0o17", "1.", "-0"]  # fmt: skip
    params = ", ".join(f"p{i}: {scalar}" for i, scalar in enumerate(scalars))
    words = "\n".join(f"  - {s}\n  - '{{{{ params.p{i} }}}}'" for i, s in enumerate(scalars))
    spec = (
        f"name: s\ncomponents: {{a: {{work: {{count: 1}}, params: {{{params}}}}}}}\n"
        f"env: {{V: 1_0.50}}\nscript: {json.dumps(SHOW)}\narguments:\n{words}\n"
    )
    farm("render", "-", "--run-id", "r", stdin=spec)
    assert shown(farm) == ([s for scalar in scalars for s in (scalar, scalar)], "1_0.50")


def test_a_script_is_never_rendered(farm: Farm) -> None:
    text = "#!/bin/sh\ncat <<'END'\n{{ not.mine }} ${#a[@]} {# x #} {% y %} \\ `id` $HOME\nEND\n"
    farm.render({"name": "s", "work": {"count": 1}, "script": text})
    assert farm.job(0) == 0
    said = (farm.attempts()[0] / "stdout").read_text()
    assert said == "{{ not.mine }} ${#a[@]} {# x #} {% y %} \\ `id` $HOME\n"


def test_words_longer_than_linux_takes_are_refused_with_the_way_out(farm: Farm) -> None:
    spec = {"name": "s", "work": {"count": 1}, "command": ["true", "x" * (MAX_WORD_BYTES + 1)]}
    said = farm.render(spec, code=2).err
    assert "131,072 bytes" in said
    assert "command[1]" in said
    spec["command"] = ["true", "{{ shard.index }}" + "x" * MAX_WORD_BYTES]
    assert "for shard 0" in farm.render(spec, code=2).err
    assert os.listdir("runs") == []


def test_output_paths_may_hold_anything_that_a_file_name_can(farm: Farm) -> None:
    name = "o'u\"t $x `é` %#{}\\ {{ shard.index }}.txt"
    farm.render({
        "name": "o", "work": {"count": 2}, "shards": 2,
        "command": ["bash", "-c", 'echo hi >"$0"', "{{ outputs.o }}"],
        "outputs": {"o": {"path": name, "check": {"min_size": "3 B"}, "publish": "all"}},
        "merge": {"kind": "text"},
    })  # fmt: skip
    assert farm.job(0, 1) == 0
    farm("collect", "--in-place", "runs/r")
    assert farm.check()["succeeded"] == 2
    published = sorted((farm.run() / "outputs" / "all").iterdir())
    assert [path.read_text() for path in published] == ["hi\n", "hi\n"]
    farm("merge", "runs/r")
    assert (farm.run() / "merged.txt").read_text() == "hi\nhi\n"


def test_directories_with_strange_names(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    strange = farm.path / "a b'c\"d$e`f\\g{{h}}#é%"
    strange.mkdir()
    monkeypatch.chdir(strange)
    Path("in put.txt").write_text("data\n")
    line = farm(
        "render", "--run-id", "r", "--scheduler", "nohup", "--", "cat", "in put.txt"
    ).out.strip()
    subprocess.run(["bash", "-c", line + "; wait"], check=True, timeout=30, cwd="/")
    farm("collect", "--in-place", "runs/r")
    assert "data" in farm("show", "runs/r", "0").out
