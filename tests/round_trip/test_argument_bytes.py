"""Whatever stands in an argument list reaches the process, byte for byte."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manifest.yaml_writer import dump_yaml

if TYPE_CHECKING:
    from conftest import Farm

HOSTILE = [
    "two words", "", "'", '"', "$HOME", "`id`", "\\", "\\n", "%d", "#", "# x", "{}", "{# #}",
    "{% %}", "${#a[@]}", "end\n", "\n", "\r", "a\r\nb", "\t", "Ünïcödé ☃ 🚜", "$(touch pwned)",
    ";", "&", "|", "*", "~", "!", "-n", "--", "=", "0.10", "007", "1e5", "true", "null", "1_000",
    "2024-01-02", "no", "x" * 100_000, "\x01\x7f\x1b[31m", "\u2028",
]  # fmt: skip
SHOW = "import os, sys; open('argv', 'wb').write(b'\\0'.join(map(os.fsencode, sys.argv[1:])))"
WORDS = st.lists(
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=40),
    max_size=12,
)


def sent(farm: Farm, name: str, spec: str) -> list[list[str]]:
    """Render a spec from stdin, run it, and return what each shard's process was given."""
    farm("render", "-", "--run-id", name, stdin=spec)
    farm("run", f"runs/{name}")
    found = []
    for row in farm.manifest(name)["results"]:
        path = farm.run(name) / row["attempts"][0]["dir"] / "argv"
        found.append(path.read_bytes().decode().split("\0"))
    return found


def spec_of(words: list[str]) -> dict[str, object]:
    # A word with {{ is a template by right; the literal braces have their own test.
    kept = [word.replace("{{", "{ {") for word in words]
    return {
        "name": "words",
        "work": {"count": "2"},
        "shards": "2",
        "command": ["python3", "-c", SHOW, *kept, "last {{ shard.index }}\n"],
    }


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_hostile_words(farm: Farm, form: str) -> None:
    spec = spec_of(HOSTILE)
    text = json.dumps(spec) if form == "json" else dump_yaml(spec)
    expected = [word.replace("{{", "{ {") for word in HOSTILE]
    assert sent(farm, "r", text) == [[*expected, f"last {i}\n"] for i in (0, 1)]


def test_plain_yaml_scalars_are_what_was_written(farm: Farm) -> None:
    scalars = ["0.10", "007", "1e5", "true", "~", "1_000", "2024-01-02", "null", "0x1F", "12:30"]
    lines = "\n".join(f"  - {scalar}" for scalar in scalars)
    spec = f"name: s\nwork: {{count: 1}}\ncommand:\n  - python3\n  - -c\n  - {json.dumps(SHOW)}\n"
    assert sent(farm, "r", spec + lines) == [scalars]


@pytest.mark.slow
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(words=WORDS)
def test_any_words(farm: Farm, words: list[str]) -> None:
    name = Path(tempfile.mkdtemp(dir=farm.path)).name.replace("_", "x")
    expected = [word.replace("{{", "{ {") for word in words]
    assert sent(farm, name, dump_yaml(spec_of(words))) == [
        [*expected, f"last {i}\n"] for i in (0, 1)
    ]


def test_literal_braces_can_be_written(farm: Farm) -> None:
    spec = {
        "name": "b",
        "work": {"count": "1"},
        "command": ["python3", "-c", SHOW, "{{ '{{' }} x }}", "{{ shard.index }}{{ work.count }}"],
    }
    assert sent(farm, "r", json.dumps(spec)) == [["{{ x }}", "01"]]
