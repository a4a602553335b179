"""Event logs that are damaged, repeated, out of order, cut, or not those that were read before."""

from __future__ import annotations

import hashlib
import os
import random
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors import condor
from collectors.condor import SubmissionLog
from tests.collectors.htcondor.captured import (
    RELEASES,
    RUN,
    SEPARATOR,
    courses,
    read,
    whole_log,
)

NEWEST = RELEASES[-1]
EXAMPLES = 400 if os.environ.get("FARMHAND_LONG") else 40
WHOLE = {release: whole_log(release) for release in RELEASES}


def told(data: bytes, folder: Path) -> dict[str, Any]:
    """Everything that a log of these bytes tells."""
    path = folder / "condor.log"
    path.write_bytes(data)
    log = read(path)
    return known(log)


def known(log: SubmissionLog) -> dict[str, Any]:
    return {
        "jobs": {name: (job.shard, asdict(job.course())) for name, job in log.jobs.items()},
        "factories": log.factories,
        "mode": log.mode,
        "schedd": log.schedd,
    }


def events(data: bytes) -> list[bytes]:
    return data.split(SEPARATOR)[:-1]


def log_of(blocks: list[bytes]) -> bytes:
    return b"".join(block + SEPARATOR for block in blocks)


def job_of(block: bytes) -> str:
    match = re.match(rb"\d{3} \((\d+)\.(-?\d+)\.", block)
    assert match
    return f"{int(match[1])}.{int(match[2])}"


# What happens to one event: nothing of it can be read, or not as what it was.
DAMAGE = {
    "garbage": lambda block: b"\x00" * len(block),
    "text": lambda _: b"lorem ipsum\ndolor sit amet",
    "head cut off": lambda block: block[9:],
    "cut short": lambda block: block[:20],
    "zeros in the middle": lambda block: block[:30] + b"\x00" * 40 + block[70:],
    "another number": lambda block: b"005" + block[3:],
}


@pytest.mark.parametrize("how", list(DAMAGE))
@pytest.mark.parametrize("release", RELEASES)
def test_one_damaged_event_in_the_middle(release: str, how: str, tmp_path: Path) -> None:
    """It is counted, and every job but its own is known as before."""
    blocks = events(WHOLE[release])
    middle = next(i for i, b in enumerate(blocks) if i > len(blocks) // 2 and b[:3] == b"001")
    before = told(WHOLE[release], tmp_path)
    job = job_of(blocks[middle])
    blocks[middle] = DAMAGE[how](blocks[middle])
    (tmp_path / "damaged.log").write_bytes(log_of(blocks))
    log = read(tmp_path / "damaged.log")
    assert log.damaged == 1
    after = known(log)
    assert before["jobs"].pop(job) is not None
    after["jobs"].pop(job, None)
    assert after == before


@pytest.mark.parametrize("release", RELEASES)
def test_an_event_that_only_htcondors_reader_finds_out_about(release: str, tmp_path: Path) -> None:
    """Its first line is whole, and the rest is lost."""
    blocks = events(WHOLE[release])
    ends = [i for i, block in enumerate(blocks) if block[:3] == b"005"]
    before = told(WHOLE[release], tmp_path)["jobs"]
    for i in (ends[1], ends[-1]):
        blocks[i] = blocks[i][: blocks[i].index(b"\n")]
    (tmp_path / "damaged.log").write_bytes(log_of(blocks))
    log = read(tmp_path / "damaged.log")
    after = known(log)["jobs"]
    assert log.damaged == 2
    differ = {name for name in before if before[name] != after[name]}
    assert differ == {job_of(blocks[i]) for i in (ends[1], ends[-1])}


@pytest.mark.parametrize("release", RELEASES)
def test_many_damaged_events(release: str, tmp_path: Path) -> None:
    blocks = events(WHOLE[release])
    hit = random.Random(1).sample(range(len(blocks)), 60)
    jobs = {job_of(blocks[i]) for i in hit}
    before = told(WHOLE[release], tmp_path)["jobs"]
    for i in hit:
        blocks[i] = random.Random(i).choice(list(DAMAGE.values()))(blocks[i])
    (tmp_path / "damaged.log").write_bytes(log_of(blocks))
    log = read(tmp_path / "damaged.log")
    after = known(log)["jobs"]
    assert 50 <= log.damaged <= 60  # "another number" may chance to be its own
    assert all(after[name] == before[name] for name in before if name not in jobs)


@pytest.mark.parametrize("separator", [b"\n", b"\n..\n", b"\n.x.\n", b"\n\x00\x00\x00\n"])
def test_a_damaged_separator_loses_no_event(separator: bytes, tmp_path: Path) -> None:
    blocks = events(WHOLE[NEWEST])
    middle = len(blocks) // 2
    before = told(WHOLE[NEWEST], tmp_path)
    joined = blocks[middle] + separator + blocks[middle + 1]
    (tmp_path / "joined.log").write_bytes(log_of([*blocks[:middle], joined, *blocks[middle + 2 :]]))
    log = read(tmp_path / "joined.log")
    assert log.damaged == 1
    after = known(log)
    own = {job_of(blocks[middle])}
    assert {n: j for n, j in after["jobs"].items() if n not in own} == {
        n: j for n, j in before["jobs"].items() if n not in own
    }


def test_a_half_written_last_event_is_no_damage_and_is_read_when_it_is_whole(
    tmp_path: Path,
) -> None:
    data = WHOLE[NEWEST]
    path = tmp_path / "condor.log"
    last = len(data) - len(events(data)[-1])
    for cut in (last, len(data) - 2, len(data) - 1, len(data)):
        path.write_bytes(data[:cut])
        log = read(path)
        assert log.damaged == 0
    assert known(log) == told(data, tmp_path)


@pytest.mark.parametrize("release", RELEASES)
def test_told_twice_is_told_once(release: str, tmp_path: Path) -> None:
    once = told(WHOLE[release], tmp_path)
    blocks = events(WHOLE[release])
    assert told(WHOLE[release] * 2, tmp_path) == once
    assert told(log_of([copy for block in blocks for copy in (block, block)]), tmp_path) == once


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("seed", range(5))
def test_disorder_across_jobs_and_times(release: str, seed: int, tmp_path: Path) -> None:
    """Events are put in order by their times; those of one second of one job stay as they are."""
    blocks = events(WHOLE[release])
    before = told(WHOLE[release], tmp_path)["jobs"]
    groups: dict[tuple[str, bytes], list[bytes]] = {}
    for block in blocks:
        groups.setdefault((job_of(block), block.split(b") ")[1][:19]), []).append(block)
    mixed = list(groups.values())
    random.Random(seed).shuffle(mixed)
    after = told(log_of([block for group in mixed for block in group]), tmp_path)["jobs"]
    assert after == before


@pytest.mark.parametrize("release", RELEASES)
def test_missing_execute_events(release: str, tmp_path: Path) -> None:
    """How a job ended is known all the same."""
    blocks = [block for block in events(WHOLE[release]) if block[:3] != b"001"]
    before = told(WHOLE[release], tmp_path)["jobs"]
    after = told(log_of(blocks), tmp_path)["jobs"]
    for name, (_, was) in before.items():
        course = after[name][1]
        assert course["state"] == was["state"], name
        if was["state"] == "completed":
            last = course["runs"][-1]
            assert last.get("code") == was["runs"][-1].get("code")
            assert last["started"] <= was["runs"][-1]["started"] <= last["ended"]


def in_pieces(path: Path, data: bytes, cuts: list[int]) -> SubmissionLog:
    """Read a log as it grows, each time in a new process as it were."""
    path.unlink(missing_ok=True)
    path.with_name("condor.log.read").unlink(missing_ok=True)
    for cut in [*sorted(cuts), len(data)]:
        path.write_bytes(data[:cut])
        log = SubmissionLog(str(path))
        log.recall()
        log.read(RUN)
        log.keep()
    return log


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    release=st.sampled_from(RELEASES),
    cuts=st.lists(st.floats(0, 1), max_size=4),
    seed=st.integers(0, 3),
)
def test_read_in_pieces_or_at_once_it_tells_the_same(
    tmp_path_factory: pytest.TempPathFactory, release: str, cuts: list[float], seed: int
) -> None:
    """Wherever it is cut, also within an event; damage is counted once."""
    folder = tmp_path_factory.getbasetemp() / "pieces"
    folder.mkdir(exist_ok=True)
    data = WHOLE[release]
    if seed:
        blocks = events(data)
        for i in random.Random(seed).sample(range(len(blocks)), 3):
            blocks[i] = DAMAGE["garbage"](blocks[i])
        data = log_of(blocks)
    log = in_pieces(folder / "condor.log", data, [int(cut * len(data)) for cut in cuts])
    at_once = SubmissionLog(str(folder / "condor.log"))
    at_once.read(RUN)
    assert known(log) == known(at_once)
    assert (log.damaged, log.offset) == (at_once.damaged, at_once.offset)


@pytest.mark.parametrize("small", [1, 1000, 40_000])
def test_the_size_of_what_is_read_at_once_does_not_matter(
    small: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = WHOLE[NEWEST][:60_000]
    at_once = told(data, tmp_path)
    monkeypatch.setattr("collectors.condor_log._CHUNK", small)
    assert told(data, tmp_path) == at_once


def signed(data: bytes) -> bytes:
    text = data[:-64].replace(b" 0 ", b" 7 ")  # shards are others
    return text + hashlib.sha256(text).hexdigest().encode()


KEPT_DAMAGED = {
    "deleted": lambda _: None,
    "empty": lambda _: b"",
    "garbage": lambda data: b"\x00" * len(data),
    "cut short": lambda data: data[: len(data) // 2],
    "a byte changed": lambda data: data[:-10] + bytes([data[-10] ^ 1]) + data[-9:],
    "a line lost": lambda data: b"\n".join(data.split(b"\n")[:-1]),
    "of another version": lambda data: signed(data.replace(b"farmhand-log-", b"farmhand-log-9")),
    "text": lambda _: "äöü\nno JSON\n".encode("latin-1"),
    "JSON": lambda _: b'{"version":1,"offset":7,"jobs":[]}',
}


@pytest.mark.parametrize("how", list(KEPT_DAMAGED))
def test_what_was_kept_is_only_for_speed(how: str, tmp_path: Path) -> None:
    data = WHOLE[NEWEST]
    path, kept = tmp_path / "condor.log", tmp_path / "condor.log.read"
    in_pieces(path, data, [len(data) // 2])
    changed = KEPT_DAMAGED[how](kept.read_bytes())
    if changed is None:
        kept.unlink()
    else:
        kept.write_bytes(changed)
    log = SubmissionLog(str(path))
    log.recall()
    log.read(RUN)
    assert known(log) == told(data, tmp_path)
    log.keep()
    again = SubmissionLog(str(path))
    again.recall()
    assert again.offset == len(data)


def test_what_is_kept_saves_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = WHOLE[NEWEST]
    path = tmp_path / "condor.log"
    in_pieces(path, data, [])
    log = SubmissionLog(str(path))
    log.recall()
    monkeypatch.setattr(condor, "LogReader", OnlyNew)
    OnlyNew.limit = len(data)
    log.read(RUN)
    assert not log.grown
    assert known(log) == told_of(data, tmp_path)


class OnlyNew(condor.LogReader):
    limit = 0

    def events(self) -> Any:
        assert self.offset == self.limit
        return super().events()


def told_of(data: bytes, folder: Path) -> dict[str, Any]:
    path = folder / "other.log"
    path.write_bytes(data)
    OnlyNew.limit = 0
    return known(read(path))


def test_where_nothing_can_be_written_it_is_read_every_time(tmp_path: Path) -> None:
    path = tmp_path / "condor.log"
    path.write_bytes(WHOLE[NEWEST])
    (tmp_path / "condor.log.read").mkdir()
    for _ in range(2):
        log = SubmissionLog(str(path))
        log.recall()
        log.read(RUN)
        log.keep()
        assert len(courses(log)) > 50
    assert not list(tmp_path.glob("*.tmp"))


def recalled(path: Path) -> SubmissionLog:
    log = SubmissionLog(str(path))
    log.recall()
    log.read(RUN)
    return log


def test_a_log_that_was_truncated_is_read_anew(tmp_path: Path) -> None:
    data = WHOLE[NEWEST]
    half = data.index(SEPARATOR, len(data) // 2) + len(SEPARATOR)
    path = tmp_path / "condor.log"
    in_pieces(path, data, [])
    path.write_bytes(data[:half])
    assert known(recalled(path)) == told(data[:half], tmp_path)


@pytest.mark.parametrize("longer", [False, True])
def test_another_log_in_its_place_is_read_anew(longer: bool, tmp_path: Path) -> None:
    first, second = WHOLE[RELEASES[0]], WHOLE[RELEASES[1]]
    if longer:
        first = first[: first.index(SEPARATOR, 5000) + len(SEPARATOR)]
    path = tmp_path / "condor.log"
    in_pieces(path, first, [])
    path.write_bytes(second)
    assert known(recalled(path)) == told(second, tmp_path)


def test_a_log_cut_and_grown_again_is_read_anew(tmp_path: Path) -> None:
    """Its beginning is the same, what was read last is not."""
    data = WHOLE[NEWEST]
    blocks = events(data)
    path = tmp_path / "condor.log"
    in_pieces(path, log_of(blocks[:-40]), [])
    grown = log_of(blocks[:-60] + blocks[-39:] + blocks[-60:-40])
    path.write_bytes(grown)
    assert known(recalled(path)) == told(grown, tmp_path)


def test_no_log_tells_nothing(tmp_path: Path) -> None:
    for path in (tmp_path / "gone" / "condor.log", tmp_path):
        log = recalled(path)
        log.keep()
        assert (log.jobs, log.damaged) == ({}, 0)


def test_events_of_kinds_to_come_are_passed_over(tmp_path: Path) -> None:
    blocks = events(WHOLE[NEWEST])
    newer = b"061" + blocks[5][3:].replace(b"Job", b"Something new of a Job")
    before = told(WHOLE[NEWEST], tmp_path)
    path = tmp_path / "newer.log"
    path.write_bytes(log_of([*blocks[:9], newer, *blocks[9:]]))
    log = read(path)
    assert log.damaged == 0
    assert known(log) == before


def test_a_strangers_job_in_the_log_is_not_ours(tmp_path: Path) -> None:
    data = WHOLE[NEWEST].replace(RUN.encode(), b"0" * len(RUN))
    path = tmp_path / "condor.log"
    path.write_bytes(data)
    log = read(path)
    assert len(log.jobs) > 50
    assert list(log.mine()) == []
