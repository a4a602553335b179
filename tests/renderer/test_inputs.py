from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from manifest.errors import UserError
from manifest.spec import Input
from renderer.inputs import Inputs, find_inputs


def found(base: Path, **inputs: Any) -> Inputs:
    return find_inputs(
        {name: Input.model_validate(item) for name, item in inputs.items()}, str(base)
    )


def path(text: str, *references: str) -> dict[str, Any]:
    return {"path": text, "references": references}


def write(base: Path, *names: str) -> None:
    for name in names:
        file = base / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)


def staged(inputs: Inputs) -> dict[str, str | None]:
    return {item.shown: item.staged for item in inputs.files}


def as_bash_sees(word: str) -> str:
    command = ["bash", "-c", f"printf %s {word}"]
    env = {"FARMHAND_RUN": "/r u n", "LC_ALL": "C.UTF-8"}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout


def test_the_users_layout_is_kept(tmp_path: Path) -> None:
    base = tmp_path / "study"
    write(base, "a.txt", "in/b c.txt")
    inputs = found(base, a=path("./a.txt"), b=path("in/b c.txt"))
    assert staged(inputs) == {"a.txt": "a.txt", "in/b c.txt": "in/b c.txt"}
    assert as_bash_sees(inputs.words["b"]) == "/r u n/plan/stage/in/b c.txt"
    first = inputs.files[0]
    assert (first.source, first.size) == (str(base / "a.txt"), 5)
    assert first.sha256 == hashlib.sha256(b"a.txt").hexdigest()
    assert first.mtime_ns == os.stat(base / "a.txt").st_mtime_ns


def test_files_above_the_spec_bring_their_place_with_them(tmp_path: Path) -> None:
    base = tmp_path / "p/study"
    write(base, "a.txt")
    write(tmp_path, "p/common/c.txt", "top.txt")
    inputs = found(base, a=path("a.txt"), c=path("../common/c.txt"), t=path("../../top.txt"))
    assert staged(inputs) == {
        "a.txt": "p/study/a.txt",
        "../common/c.txt": "p/common/c.txt",
        "../../top.txt": "top.txt",
    }
    assert as_bash_sees(inputs.words["a"]) == "/r u n/plan/stage/p/study/a.txt"
    assert as_bash_sees(inputs.words["t"]) == "/r u n/plan/stage/top.txt"


def test_an_absolute_path_is_read_in_place(tmp_path: Path) -> None:
    write(tmp_path, "x/a b.txt")
    inputs = found(tmp_path / "x", a=path(f"{tmp_path}/x/./a b.txt"))
    assert staged(inputs) == {f"{tmp_path}/x/a b.txt": None}
    assert as_bash_sees(inputs.words["a"]) == f"{tmp_path}/x/a b.txt"


def test_a_directory_stands_for_all_files_in_it(tmp_path: Path) -> None:
    write(tmp_path, "d/2", "d/1", "d/deep/er/3")
    inputs = found(tmp_path, d=path("d"))
    assert sorted(staged(inputs)) == ["d/1", "d/2", "d/deep/er/3"]
    assert as_bash_sees(inputs.words["d"]) == "/r u n/plan/stage/d"


@pytest.mark.parametrize(
    ("one", "other"), [("./d", "d/f"), ("d", "../study/d/f"), ("d/f", "./d/../d/f"), ("d/", "d")]
)
def test_one_file_spelled_two_ways_is_staged_once(tmp_path: Path, one: str, other: str) -> None:
    base = tmp_path / "study"
    write(base, "d/f")
    inputs = found(base, one=path(one), other=path(other))
    assert len(inputs.files) == 1
    stage = Path("/r u n/plan/stage")
    for name, text in (("one", one), ("other", other)):
        place = Path(as_bash_sees(inputs.words[name]))
        file = place if text.endswith("f") else place / "f"
        assert file == stage / str(inputs.files[0].staged)


DOCUMENT = {"channels": [{"data": {"file": "../data/a.bin"}}, {"data": {"file": "b.bin"}}]}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("specs/s.json", json.dumps(DOCUMENT)),
        ("specs/s.yaml", "channels:\n- data: {file: ../data/a.bin}\n- data: {file: b.bin}\n"),
    ],
)
def test_references_lead_to_more_inputs(tmp_path: Path, name: str, text: str) -> None:
    write(tmp_path, "data/a.bin", "specs/b.bin", name)
    (tmp_path / name).write_text(text)
    inputs = found(tmp_path, spec=path(name, "channels[*].data.file"))
    assert sorted(item.staged or "" for item in inputs.files) == ["data/a.bin", "specs/b.bin", name]
    assert list(inputs.words) == ["spec"]


@pytest.mark.parametrize(
    ("text", "reference", "what"),
    [
        ("{}", "a[*]", "'a[*]' matches nothing in s.json"),
        ('{"a": 5}', "a", "which is not a text"),
        ('{"a": "gone"}', "a", "input 'gone' does not exist"),
        ('{"a": 1', "a", "is neither JSON nor YAML"),
        ("{}", "a[", "'a[' is not a JSONPath expression"),
        ("{}", "", "'' is not a JSONPath expression"),
    ],
)
def test_references_refused(tmp_path: Path, text: str, reference: str, what: str) -> None:
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(UserError) as caught:
        found(tmp_path, spec=path("s.json", reference))
    assert what in caught.value.what
    assert (caught.value.where or "").startswith("inputs.spec")


def test_what_is_missing_is_named_with_its_full_path(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="input 'in/x' does not exist") as caught:
        found(tmp_path, x=path("in/x"))
    assert caught.value.where == f"inputs.x: {tmp_path}/in/x"


def test_a_template_has_no_meaning_in_an_input(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="inputs are the same for all shards"):
        found(tmp_path, x=path("{{ shard.index }}"))


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/d/\xff")).touch()
    with pytest.raises(UserError, match="is not UTF-8"):
        found(tmp_path, d=path("d"))
