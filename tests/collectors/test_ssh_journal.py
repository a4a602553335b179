"""The journal of launches: what it says of shards, cut lines and strangers included."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from collectors.ssh_journal import observed_by_ssh, read_launches
from runners.ssh_journal import SshJournal

if TYPE_CHECKING:
    from pathlib import Path


def journal(path: Path, *lines: dict[str, Any] | str) -> str:
    (path / "logs").mkdir(exist_ok=True)
    text = "".join((x if isinstance(x, str) else json.dumps(x)) + "\n" for x in lines)
    (path / "logs" / "ssh.jsonl").write_text(text)
    return str(path)


BEGUN = {"event": "about to", "launch": "n-1", "shard": 3, "submission": 1, "host": "n", "time": 5}


@pytest.mark.parametrize(
    ("more", "kind", "unsettled"),
    [
        ([], "unknown", True),
        ([{"event": "started", "launch": "n-1", "time": 6}], "running", True),
        ([{"event": "not started", "launch": "n-1"}], None, False),
        ([{"event": "dismissed", "launch": "n-1"}], None, False),
        ([{"event": "lost", "launch": "n-1", "kind": "node", "why": "w"}], "node", True),
        ([{"event": "lost", "launch": "n-1", "kind": "stage_out"}], "stage_out", True),
        ([{"event": "lost", "launch": "n-1", "kind": "vanished"}], "vanished", False),
        ([{"event": "lost", "launch": "n-1", "kind": "?"}], "vanished", False),
        ([{"event": "pulled", "launch": "n-1", "code": 0}], "completed", False),
        ([{"event": "pulled", "launch": "n-1", "code": 4}], "failed", False),
        ([{"event": "pulled", "launch": "stranger"}, '{"event":"started","laun'], "unknown", True),
    ],
)
def test_the_last_word_counts(
    tmp_path: Path, more: list[Any], kind: str | None, unsettled: bool
) -> None:
    run = journal(tmp_path, BEGUN, *more)
    assert read_launches(run)["n-1"].unsettled is unsettled
    shards = observed_by_ssh(run).shards
    assert [one.kind for one in shards.get(3, ())] == ([] if kind is None else [kind])
    assert set(shards) <= {3}


def test_a_launch_that_was_once_seen_to_run_has_begun(tmp_path: Path) -> None:
    lost = {"event": "lost", "launch": "n-1", "kind": "node"}
    run = journal(tmp_path, BEGUN, {"event": "started", "launch": "n-1"}, lost)
    assert read_launches(run)["n-1"].begun
    assert not read_launches(journal(tmp_path, BEGUN, lost))["n-1"].begun
    assert read_launches(str(tmp_path / "nowhere")) == {}


def test_lines_without_a_shard_are_passed_over(tmp_path: Path) -> None:
    run = journal(tmp_path, {**BEGUN, "shard": "3"}, {"event": "started", "launch": "n-1"}, "[]")
    assert read_launches(run) == {}


def test_a_line_that_was_cut_short_does_not_swallow_the_next(tmp_path: Path) -> None:
    run = journal(tmp_path)
    (tmp_path / "logs" / "ssh.jsonl").write_text(json.dumps(BEGUN) + '\n{"event":"sta')
    again = SshJournal(run)
    again.add("started", [{"launch": "n-1", "shard": 3, "submission": 1, "host": "n"}])
    again.close()
    assert read_launches(run)["n-1"].event == "started"
