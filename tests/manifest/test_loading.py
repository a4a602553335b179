from __future__ import annotations

import pytest

from manifest.document import read_document
from manifest.errors import UserError
from manifest.loading import load_spec
from manifest.resources import Resources
from manifest.spec import Spec

HEAD = "name: n\nwork: {count: 10}\n"
WHOLE = HEAD + "command: [run]\n"


def load(text: str, source: str = "farmhand.yaml") -> Spec:
    return load_spec(read_document(text, source))


@pytest.mark.parametrize(
    ("text", "what", "where", "hint"),
    [
        (WHOLE + "shardz: 4", "unknown key 'shardz'", "farmhand.yaml:4: shardz", "'shards'"),
        (
            WHOLE + "resources: {walltme: 4h}",
            "unknown key 'walltme'", "farmhand.yaml:4: resources.walltme", "'walltime'",
        ),
        (
            WHOLE + "outputs:\n  o:\n    path: x\n    check: {jsn: true}",
            "unknown key 'jsn'", "farmhand.yaml:7: outputs.o.check.jsn", "'json'",
        ),
        (
            HEAD + "command: [x]\nlogs: {stdout: {zzzzzz: a}}",
            "unknown key 'zzzzzz'", "farmhand.yaml:4: logs.stdout.zzzzzz", "forbid, require",
        ),
        (WHOLE + "shards: four", "'four' is not a whole number", "farmhand.yaml:4", "digits"),
        (WHOLE + "shards: 1.5", "'1.5' is not a whole number", "farmhand.yaml:4", "digits"),
        (WHOLE + "shards: 0", "has to be greater than 0", "farmhand.yaml:4: shards", ""),
        (
            WHOLE + "resources: {memory: 2000}", "has no unit; write 2000 MB",
            "farmhand.yaml:4", "",
        ),
        (
            WHOLE + "resources:\n  walltime: 4:00", "write 4h or 4m",
            "farmhand.yaml:5: resources.walltime", "",
        ),
        (HEAD + "command: run", "a list was expected, not a text", "farmhand.yaml:3", "- "),
        (HEAD + "command: [[a]]", "a text was expected, not a list", "farmhand.yaml:3", ""),
        (WHOLE + "resources: [a]", "a block of keys was expected", "farmhand.yaml:4", ""),
        ("work: {count: 1}\ncommand: [a]", "'name' is missing", "farmhand.yaml", ""),
        (WHOLE + "name2: x\nname3: y", "unknown key 'name2'", ":4: name2", "also wrong: name3"),
        ("name: a b\nwork: {count: 1}\ncommand: [a]", "not safe as a file name", ":1: name", ""),
        (
            'name: "a\\nb"\nwork: {count: 1}\ncommand: [a]',
            "not safe as a file name", ":1: name", "",
        ),
        ("name: n\ncommand: [a]", "exactly one of work: and components:", "farmhand.yaml", ""),
        (HEAD, "exactly one of command: (an argument list) and script:", "farmhand.yaml", ""),
        (WHOLE + "script: x", "exactly one of command:", "farmhand.yaml", ""),
        (WHOLE + "arguments: [x]", "arguments: go with script:", "farmhand.yaml", ""),
        (HEAD + "command: ['']", "the first word of command: is empty", "farmhand.yaml", ""),
        (WHOLE + "env: {1A: x}", "'1A' is not a variable name", "farmhand.yaml", ""),
        (WHOLE + "env: {UID: x}", "UID is read-only or farmhand's own", "farmhand.yaml", ""),
        (WHOLE + "env: {FARMHAND_X: x}", "FARMHAND_X is read-only", "farmhand.yaml", ""),
        (WHOLE + "env: {fh_argv: x}", "fh_argv is read-only", "farmhand.yaml", ""),
        (WHOLE + "merge: {kind: toys}", "merge.output: there is none", "farmhand.yaml", ""),
        (
            WHOLE + "outputs: {a: x}\nmerge: {kind: toys, output: b}",
            "'b' is not declared under outputs:", "farmhand.yaml", "",
        ),
        (
            WHOLE + "outputs: {a: x}\nmerge: {kind: text, key: [a]}",
            "key is for csv and json-lines, not for kind text", "farmhand.yaml:5: merge", "",
        ),
        (
            "name: n\ncommand: [a]\nwork: {count: 1, seed: {base: 1, spawn: 2}}",
            "a seed is a number, or {spawn: NUMBER}", ":3: work.seed", "",
        ),
        (
            "name: n\ncommand: [a]\ncomponents:\n  A: {files: []}",
            "files: is empty; name at least one", ":4: components.A", "",
        ),
        (
            "name: n\ncommand: [a]\ncomponents:\n  A:\n  B: {files: x}",
            "a block of keys was expected, and nothing stands here", ":4: components.A", "",
        ),
        (WHOLE + "outputs:\n  o:\n", "outputs.o.path: nothing stands here", ":5: outputs.o", ""),
    ],
)  # fmt: skip
def test_a_complaint_names_what_where_and_the_cure(
    text: str, what: str, where: str, hint: str
) -> None:
    with pytest.raises(UserError) as caught:
        load(text)
    assert what in caught.value.what
    assert where in (caught.value.where or "")
    assert hint in (caught.value.hint or "")
    assert "pydantic" not in str(caught.value)


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("0.1", "0.1"),
        ("1e5", "100000.0"),
        ("true", "true"),
        ("null", "null"),
    ],
)
def test_json_that_is_not_text_is_refused_where_text_matters(word: str, shown: str) -> None:
    text = f'{{"name": "n", "work": {{"count": 1}}, "command": ["a", {word}]}}'
    with pytest.raises(UserError) as caught:
        load(text, "s.json")
    assert caught.value.what == f"command.1: {shown} is not a text"
    assert "quote it" in (caught.value.hint or "")


def test_short_and_long_forms_mean_the_same() -> None:
    short = load(WHOLE + "inputs: {a: f}\noutputs: {o: x.json}")
    long = load(WHOLE + "inputs: {a: {path: f}}\noutputs: {o: {path: x.json}}")
    assert short == long
    one = load("name: n\nwork: {count: 10, seed: 42}\ncommand: [a]")
    other = load("name: n\nwork: {count: 10, seed: {base: 42}}\ncommand: [a]")
    assert one == other
    checked = load(WHOLE + "outputs: {o: {path: x, check: {json: true, csv: {}}}}")
    check = checked.outputs["o"].check
    assert check is not None
    assert check.json_ is not None
    assert check.csv is not None


def test_nothing_behind_a_key_is_not_given_but_an_empty_text_in_env() -> None:
    spec = load(WHOLE + "resources:\nprologue:\nshards:\nenv:\n  A:\n  B: ''\n")
    assert spec.resources == Resources()
    assert spec.prologue is None
    assert spec.shards == 1
    assert spec.env == {"A": "", "B": ""}


def test_words_of_a_command_stay_as_written() -> None:
    spec = load(HEAD + "command: [run, 0.10, 007, 1e5, true, ~, 1_000, 2024-01-02]")
    assert spec.command == ("run", "0.10", "007", "1e5", "true", "~", "1_000", "2024-01-02")


def test_what_a_component_leaves_out_comes_from_the_run() -> None:
    run = Resources.model_validate({"memory": "2 GB", "walltime": "4h"})
    part = Resources.model_validate({"memory": "4 GB"})
    assert part.over(run) == Resources(memory=4 << 30, walltime=14400)
    assert part.over(None) is part


def test_a_spec_survives_its_json() -> None:
    spec = load(
        WHOLE + "outputs: {o: {path: x, check: {json: {keys: [a]}, min_size: 5 B}}}\n"
        "resources: {memory: 2 GB, walltime: 4h}\nretry: {exit_codes: {3: never}, max_memory: 4 GB}"
    )
    again = Spec.model_validate_json(spec.model_dump_json(by_alias=True, exclude_unset=True))
    assert again == spec
