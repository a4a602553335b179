from __future__ import annotations

import subprocess
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from manifest.errors import UserError
from renderer.block_template import BlockTemplate, Segments
from renderer.shell_words import sh
from renderer.words import Names, Runtime, Word, parse_word

NAMES = Names(
    {
        "shard": ("index", "total", "name", "start", "size", "seed"),
        "work": ("count", "seed"),
        "inputs": ("spec",),
        "outputs": ("result",),
        "attempt": ("dir",),
    },
    {"work": {"count": 400, "seed": 42}},
)
SPELL = {
    Runtime("inputs", "spec"): '"$S"',
    Runtime("outputs", "result"): '"$A"/o',
    Runtime("attempt", "dir"): '"$A"',
}
TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"))


def word(text: str) -> Word:
    return parse_word(text, "command[1]", NAMES)


@settings(deadline=None, max_examples=30)
@given(
    st.lists(
        TEXT | st.text("\x01\x1b\x7f07' \\é\U0001f600$`!\n", max_size=6), min_size=1, max_size=60
    )
)
@example(["\x017", "\x1b[0m", "\x7f7", "'\\'", "a\\", "\\x41", "é7", ""])
def test_any_text_is_one_ascii_word_to_bash(texts: list[str]) -> None:
    line = " ".join(map(sh, texts))
    assert line.isascii()
    assert line.isprintable()
    script = f"printf '%s\\0' {line}"
    for locale in ("C", "C.UTF-8"):
        printed = subprocess.run(
            ["bash", "-c", script], capture_output=True, check=True, env={"LC_ALL": locale}
        )
        assert printed.stdout.split(b"\0")[:-1] == [text.encode() for text in texts]


@pytest.mark.parametrize(
    "text",
    ["plain", "{% if x %}", "{# note #}", "${#a[@]}", "a\r\nb\r", "end\n\n", "}}", "%}", ""],
)
def test_text_without_an_expression_is_itself(text: str) -> None:
    assert word(text) == Word("command[1]", (text,) if text else ())
    assert word(text + "{{ work.count }}").pieces == (text + "400",)


@given(before=TEXT, after=TEXT)
def test_text_around_an_expression_is_kept(before: str, after: str) -> None:
    before, after = before.replace("{", ""), after.replace("}", "").replace("{", "")
    assert word(before + "{{ work.count }}" + after).pieces == (f"{before}400{after}",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ shrd.index }}", "did you mean 'shard'?"),
        ("{{ shard.idx }}", "did you mean shard.index?"),
        ("{{ inputs.other }}", "declare it under inputs:"),
        ("{{ inputs.spec | upper }}", "known only when the job runs"),
        ("{{ outputs.result ~ 'x' }}", "known only when the job runs"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ 'a'.__class__ }}", "unsafe"),
        ("{{ shard.index", "unexpected end of template"),
    ],
)
def test_refused_with_a_reason(text: str, said: str) -> None:
    with pytest.raises(UserError) as error:
        word(text)
    assert said in str(error.value)
    assert "command[1]" in str(error.value)


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("{{ '{{' }}x{{ '}}' }}", "{{x}}"),
        ("{% {{ work.count }} %}{# {{ work['seed'] }} #}", "{% 400 %}{# 42 #}"),
        ("${#a[@]}{{ work.count }}\r\n\r", "${#a[@]}400\r\n\r"),
        ("{{ 'a\rb' }}\n\n", "a\rb\n\n"),
        ("{{ work.count // 3 + 1 }}|{{ '%03d' % work.seed }}", "134|042"),
    ],
)
def test_what_is_the_same_for_all_shards_is_rendered_once(text: str, becomes: str) -> None:
    assert word(text).pieces == (becomes,)


def row(index: int) -> tuple[str, Any, Any, Any, Any, Any]:
    shard = {"index": index, "total": 3, "name": f"s{index}", "start": index, "size": 1, "seed": 5}
    return f"s{index} 0", shard, {}, {}, {}, {}


def test_varying_stretches_become_positional_parameters() -> None:
    segments = Segments(SPELL)
    assert segments.shell_word(word("{{ inputs.spec }}")) == '"$S"'
    assert segments.shell_word(word("{{ shard.index }}/{{ shard.total }}")) == '"${1}"'
    assert segments.shell_word(word("--o={{ outputs.result }}.{{ shard.name }} x")) == (
        '--o="$A"/o"${2}"'
    )
    lines = BlockTemplate(segments.found).render([row(0), row(1)])
    assert lines == "s0 0 0/3 '.s0 x'\ns1 0 1/3 '.s1 x'\n"


def test_a_failing_expression_names_its_word_and_shard() -> None:
    segments = Segments(SPELL)
    segments.shell_word(word("{{ 1 // (shard.index - 1) }}"))
    with pytest.raises(UserError, match=r"command\[1\] cannot be rendered for shard 1"):
        BlockTemplate(segments.found).render([row(0), row(1)])


@pytest.mark.parametrize("text", ["{{ 'x' * 200000 }}", "x" * 131_072])
def test_an_argument_that_no_process_can_take_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="131,071"):
        Segments(SPELL).shell_word(word(text))
