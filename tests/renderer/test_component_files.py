"""Which files a component has: in an order of its own, all of them, each once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from manifest.errors import UserError
from manifest.file_table import FoundFile, read_table, table_of
from manifest.spec import Spec
from renderer.component_files import find_files


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in (
        "d/b.root",
        "d/a.root",
        "d/c 1.root",
        "d/.hidden.root",
        "e/x/deep.root",
        "e/[1].t",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


def find(base: Path, entries: Any, **more: Any) -> list[FoundFile]:
    spec = Spec.model_validate(
        {"name": "s", "command": ["x"], "components": {"dy": {"files": entries, **more}}}
    )
    return list(find_files(spec, str(base))["dy"])


def names(base: Path, entries: Any) -> list[str]:
    return [
        os.path.relpath(file.path, base) if file.path.startswith("/") else file.path
        for file in find(base, entries)
    ]


def refusal(base: Path, entries: Any, **more: Any) -> tuple[str, str]:
    with pytest.raises(UserError) as caught:
        find(base, entries, **more)
    return caught.value.what, str(caught.value.where).replace(f"{base}/", "")


def test_patterns_are_in_the_order_of_names_and_lists_as_they_are_written(data: Path) -> None:
    assert names(data, "d/*.root") == ["d/a.root", "d/b.root", "d/c 1.root"]
    assert names(data, ["d/c 1.root", "d/a.root"]) == ["d/c 1.root", "d/a.root"]
    assert names(data, "**/*.root") == ["d/a.root", "d/b.root", "d/c 1.root", "e/x/deep.root"]
    assert names(data, "d/.*.root") == ["d/.hidden.root"]
    assert names(data, ["d/[!a]*.root", "e/*/deep.root"]) == [
        "d/b.root", "d/c 1.root", "e/x/deep.root",
    ]  # fmt: skip


def test_a_name_that_looks_like_a_pattern_and_is_there_is_a_name(data: Path) -> None:
    assert names(data, "e/[1].t") == ["e/[1].t"]


def test_a_list_has_comments_numbers_names_with_blanks_and_paths_of_its_own(data: Path) -> None:
    (data / "d/l.txt").write_text(
        '# a sample\n\na.root 100\n"c 1.root" 7  # seven\n"b.root"\nroot://host//store/x.root\n'
    )
    found = find(data, ["@d/l.txt"])
    assert [(os.path.basename(file.path), file.size, file.events) for file in found] == [
        ("a.root", 8, 100), ("c 1.root", 10, 7), ("b.root", 8, None), ("x.root", None, None),
    ]  # fmt: skip
    assert found[3].path == "root://host//store/x.root"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("a.root 1 2", "'a.root 1 2' has 3 fields, and a line is a file, or a file and the number"),
        ("a.root -5", "a file cannot have '-5' events"),
        ("a.root 1e3", "'1e3' is not a number of events"),
        ("a.root 2,000", "'2,000' is not a number of events"),
        ("a.root \N{ARABIC-INDIC DIGIT THREE}", "is not a number of events"),
        ("a.root " + "9" * 5000, "999…' events are more than can be counted"),
        (f"a.root {1 << 63}", "events are more than can be counted"),
        ("a.root \x1b[31m5", r"'\x1b[31m5' is not a number of events"),
        ("a.root 5\rb.root 6", r"'a.root 5\rb.root 6' has 3 fields"),
        ("a.root\x0b 3 4", r"'a.root\x0b 3 4' has 3 fields"),
        ("a\x0cb.root 3", r"the name 'a\x0cb.root' has a character that is not printable"),
        ("a\x1cb.root 3", r"the name 'a\x1cb.root' has a character that is not printable"),
        ("a\u2028b.root 3", r"the name 'a\u2028b.root' has a character that is not printable"),
        ("a.root\x1c", r"the name 'a.root\x1c' has a character that is not printable"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_file_and_its_events(data: Path, line: str, told: str) -> None:
    (data / "d/l.txt").write_bytes(f"b.root 3\n{line}\n".encode())
    what, where = refusal(data, "@d/l.txt")
    assert told in what
    assert what.isprintable()
    assert where == "d/l.txt:2"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a.root", "../d/a.root"),
        ("a.root", "./a.root"),
        ("a.root", "link.root"),
        ("root://Host//store/a.root", "ROOT://host:1094///store/./a.root"),
        ("https://h/x?q=1", "HTTPS://H:443/x?q=1"),
        ("s3://b/k", "S3://b/k"),
    ],
)
def test_a_file_named_twice_in_two_lists_names_both_lines(data: Path, one: str, other: str) -> None:
    (data / "d/link.root").symlink_to("a.root")
    (data / "d/l.txt").write_text(f"# first\n{one} 5\nb.root 3\n")
    (data / "d/m.txt").write_text(f"\n\n{other} 5\n")
    what, where = refusal(data, ["@d/l.txt", "@d/m.txt"])
    assert "is there twice: its events would be counted twice" in what
    assert where == "d/m.txt:3 and d/l.txt:2"


def test_names_that_only_look_alike_are_two_files(data: Path) -> None:
    (data / "l.txt").write_text("s3://b/x//a 1\ns3://b/x/a 1\nhttps://h/a 1\nhttps://h/a?b 1\n")
    assert len(find(data, ["@l.txt"])) == 4


def test_events_that_cannot_be_counted_together(data: Path) -> None:
    (data / "l.txt").write_text(f"h://a {1 << 62}\nh://b {1 << 62}\n")
    what, where = refusal(data, "@l.txt", events_per_chunk=1 << 61)
    assert what == f"{1 << 63} events in all are more than can be counted"
    assert where == "components.dy.files"


def test_a_list_from_an_editor_of_windows(data: Path) -> None:
    (data / "d/l.txt").write_bytes(b"\xef\xbb\xbfa.root 100\r\nb.root 5\r\n")
    found = find(data, ["@d/l.txt"])
    assert [(os.path.basename(file.path), file.events) for file in found] == [
        ("a.root", 100), ("b.root", 5),
    ]  # fmt: skip


def test_a_command_prints_names(data: Path) -> None:
    entries = [{"command": ["sh", "-c", "ls d/*.root | tail -n 2 | sed 's/.*/\"&\"/'"]}]
    assert names(data, entries) == ["d/b.root", "d/c 1.root"]


@pytest.mark.parametrize(
    ("entries", "what", "where"),
    [
        ("d/*.txt", "the pattern 'd/*.txt' finds nothing", "components.dy.files[0]: d/*.txt"),
        ("d/no.root", "d/no.root does not exist", "components.dy.files[0]"),
        ("d", "d is a directory", "components.dy.files[0]"),
        ("@no.txt", "the list of files cannot be read: No such file or directory",
         "components.dy.files[0]: no.txt"),
        ("", "an empty name", "components.dy.files[0]"),
        ("d/a\nb.root", "the name 'd/a\\nb.root' has a character that is not printable",
         "components.dy.files[0]"),
        (["d/a.root", "d/../d/a.root"],
         "d/a.root is there twice: its events would be counted twice",
         "components.dy.files[1] and components.dy.files[0]"),
        (["d/*", "d/b.root"], "d/b.root is there twice: its events would be counted twice",
         "components.dy.files[1] and components.dy.files[0]"),
        ([{"command": ["false"]}],
         "'false' failed with exit code 1; it should print the names of files",
         "components.dy.files[0]"),
        ([{"command": ["sh", "-c", "kill -9 $$"]}],
         "'sh' failed with signal 9; it should print the names of files",
         "components.dy.files[0]"),
        ([{"command": ["no-such"]}], "'no-such' cannot be started: No such file or directory",
         "components.dy.files[0]"),
        ("[de]", "the pattern '[de]' finds only directories", "components.dy.files[0]: [de]"),
        ([{"command": ["true"]}], "there are no files: what stands here names none",
         "components.dy.files"),
        ([{"command": ["printf", "\\377"]}], "what 'printf' prints is not UTF-8",
         "components.dy.files[0]"),
        ([{"command": ["echo", "d/a.root", "-3"]}],
         "a file cannot have '-3' events",
         "components.dy.files[0]: echo:1"),
    ],
)  # fmt: skip
def test_what_is_refused(data: Path, entries: Any, what: str, where: str) -> None:
    said, place = refusal(data, entries)
    assert (said.replace(f"{data}/", ""), place) == (what, where)


def test_a_list_names_the_line_that_is_wrong(data: Path) -> None:
    (data / "l.txt").write_text("d/a.root\nd/b.root 1 2\n")
    assert refusal(data, "@l.txt")[1] == "l.txt:2"
    (data / "l.txt").write_bytes(b"\xff\n")
    assert refusal(data, "@l.txt")[0] == "the list of files cannot be read: it is not UTF-8"


def test_events_need_a_number_or_a_tree(data: Path) -> None:
    what, _ = refusal(data, "d/*.root", events_per_chunk=10)
    assert what.replace(f"{data}/", "") == (
        "how many events are in d/a.root and 2 others is not known"
    )
    (data / "l.txt").write_text("d/a.root 3\nd/b.root 0\n")
    assert [f.events for f in find(data, "@l.txt", events_per_chunk=10)] == [3, 0]


def test_the_table_reads_back(data: Path) -> None:
    spec = Spec.model_validate(
        {
            "name": "s",
            "command": ["x"],
            "components": {"a": {"files": "d/*"}, "b": {"files": ["e/x/*", "https://h/é"]}},
        }
    )
    found = find_files(spec, str(data))
    (data / "plan").mkdir()
    (data / "plan/files.json").write_bytes(table_of(found))
    assert read_table(str(data)) == {
        name: tuple(file._replace(place=None) for file in files) for name, files in found.items()
    }
    (data / "plan/files.json").write_bytes(b"[[1]]")
    with pytest.raises(UserError, match="the plan is damaged"):
        read_table(str(data))
