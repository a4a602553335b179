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


def refused(base: Path, **inputs: Any) -> UserError:
    with pytest.raises(UserError) as caught:
        found(base, **inputs)
    return caught.value


def test_everything_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text('{"files": ["gone", "../up/gone", "there"]}')
    write(tmp_path, "there", "d/a")
    (tmp_path / "d/dangling").symlink_to("nowhere")
    error = refused(tmp_path, x=path("in/x"), s=path("s.json", "files[*]"), d=path("d"))
    assert error.what == ("4 inputs do not exist: 'in/x', 'gone', '../up/gone', 'd/dangling'")
    for line in (
        f"inputs.x: {tmp_path}/in/x",
        f"inputs.s.references: {tmp_path}/gone",
        f"inputs.s.references: {tmp_path.parent}/up/gone",
        f"inputs.d: {tmp_path}/d/dangling",
    ):
        assert line in (error.where or "")


@pytest.mark.parametrize("name", ["ws/w.json", "ws/w.yaml"])
def test_files_that_are_named_name_further_ones_and_those_no_more(
    tmp_path: Path, name: str
) -> None:
    """By the same expressions, each relative to the file that names it."""
    write(tmp_path, "ws/sub/third.json", "ws/data.bin")
    (tmp_path / "s.json").write_text(json.dumps({"files": [name]}))
    (tmp_path / name).write_text(json.dumps({"files": ["sub/third.json", "data.bin", 5, ""]}))
    (tmp_path / "ws/sub/third.json").write_text('{"files": ["too/deep"]}')
    inputs = found(tmp_path, s=path("s.json", "files[*]"))
    assert sorted(staged(inputs)) == sorted(["s.json", name, "ws/data.bin", "ws/sub/third.json"])
    (tmp_path / "ws/data.bin").unlink()
    error = refused(tmp_path, s=path("s.json", "files[*]"))
    assert error.what == "input 'ws/data.bin' does not exist"
    assert error.where == f"inputs.s.references, in {name}: {tmp_path}/ws/data.bin"


def test_a_file_that_is_named_may_be_no_document(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text('{"files": ["a.json", "b.yaml"]}')
    (tmp_path / "a.json").write_text('{"one": 1}\n{"two": 2}\n')
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe{")
    assert len(found(tmp_path, s=path("s.json", "files[*]")).files) == 3


def test_an_empty_reference_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text('{"a": ""}')
    assert "leads to a, which is an empty text" in refused(tmp_path, s=path("s.json", "a")).what


def test_urls_that_a_file_names_are_the_commands_business(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/s.json").write_text('{"files": ["root://eos.example//a.root"]}')
    assert list(staged(found(tmp_path, s=path("in/s.json", "files[*]")))) == ["in/s.json"]
    hint = refused(tmp_path, a=path("https://x.org/b")).hint or ""
    assert "htcondor.commands.transfer_input_files" in hint
    assert "list them under files: or events:" in hint


def test_up_from_a_linked_directory_is_not_taken_for_another_file(tmp_path: Path) -> None:
    """The shell goes up from where the link leads; both files are there."""
    base = tmp_path / "study"
    write(tmp_path, "study/x.txt", "far/x.txt", "far/deep/y.txt")
    (base / "link").symlink_to("../far/deep")
    assert list(staged(found(base, a=path("link/y.txt")))) == ["link/y.txt"]
    error = refused(base, a=path("link/../x.txt"))
    assert "goes into a linked directory and up again" in error.what
    assert f"{tmp_path}/far/x.txt, not {base}/x.txt" in (error.where or "")
    (base / "same").symlink_to(".")
    (base / "s.json").write_text('{"a": "link/../x.txt"}')
    assert "goes into a linked" in refused(base, s=path("s.json", "a")).what


def test_a_link_to_a_directory_around_it_has_no_end(tmp_path: Path) -> None:
    write(tmp_path, "d/deep/f")
    (tmp_path / "d/deep/loop").symlink_to("..")
    error = refused(tmp_path, d=path("d"))
    assert "there is no end to it" in error.what
    assert error.where == f"{tmp_path}/d/deep/loop"


def test_two_links_to_one_directory_are_two_directories(tmp_path: Path) -> None:
    write(tmp_path, "real/f")
    for name in ("one", "two"):
        (tmp_path / "d").mkdir(exist_ok=True)
        (tmp_path / "d" / name).symlink_to("../real")
    assert list(staged(found(tmp_path, d=path("d")))) == ["d/one/f", "d/two/f"]


def test_what_is_neither_file_nor_directory(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    os.mkfifo(tmp_path / "d/pipe")
    for given in ("d", "d/pipe"):
        error = refused(tmp_path, d=path(given))
        assert error.what == "input 'd/pipe' is neither a file nor a directory"


def test_empty_directories_are_there_too(tmp_path: Path) -> None:
    base = tmp_path / "study"
    (base / "d/empty").mkdir(parents=True)
    (tmp_path / "up").mkdir()
    write(base, "d/f")
    inputs = found(base, d=path("d"), up=path("../up/"))
    assert sorted(inputs.folders) == ["study/d/empty", "up"]
    assert staged(inputs) == {"d/f": "study/d/f"}
    assert as_bash_sees(inputs.words["up"]) == "/r u n/plan/stage/up"


def test_a_directory_that_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not passed over as if it were empty."""
    write(tmp_path, "d/closed/f")
    real = os.listdir

    def closed(where: str) -> list[str]:
        if where.endswith("closed"):
            raise PermissionError(13, "Permission denied", where)
        return real(where)

    monkeypatch.setattr(os, "listdir", closed)
    error = refused(tmp_path, d=path("d"))
    assert error.what == "input cannot be read: Permission denied"
    assert error.where == f"{tmp_path}/d/closed"
