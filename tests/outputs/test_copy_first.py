"""Files that are the same in every shard: the first is copied, others are not lost unsaid."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from manifest.errors import Refusal

if TYPE_CHECKING:
    from tests.outputs.conftest import Desk


def test_the_same_file_everywhere(desk: Desk) -> None:
    report = desk.merge(desk.sources([b"x: \xff\x00"] * 5), kind="copy-first", same=True)
    assert desk.result() == b"x: \xff\x00"
    assert report.warnings == ()
    assert report.used is not None
    assert len(report.used) == 5


def test_files_that_differ_are_named_and_do_not_count_as_merged(desk: Desk) -> None:
    report = desk.merge(desk.sources([b"a", b"a", b"b", b"", b"c", b"d"]), kind="copy-first")
    assert desk.result() == b"a"
    assert report.warnings == ("copied from shard 0 (s0); different in s2, s3, s4 and 1 more",)
    assert report.used is not None
    assert [source.facts.name for source in report.used] == ["s0", "s1"]


def test_same_refuses_what_differs(desk: Desk) -> None:
    with pytest.raises(Refusal, match=r"shard 2 \(s2\): differs from that of shard 0 \(s0\)"):
        desk.merge(desk.sources([b"a", b"a", b"b"]), kind="copy-first", same=True)
    assert desk.left() == []


def test_a_file_that_is_gone(desk: Desk) -> None:
    sources = desk.sources([b"a", b"a"])
    Path(sources[1].path).unlink()
    with pytest.raises(Refusal, match=r"shard 1 \(s1\): cannot be read: No such file"):
        desk.merge(sources, kind="copy-first")
    assert desk.left() == []


def test_the_result_is_checked(desk: Desk) -> None:
    with pytest.raises(Refusal, match="bad word"):
        desk.merge(desk.sources([b"a bad word\n"]), kind="copy-first", check={"forbid": "bad word"})
    assert desk.left() == []
