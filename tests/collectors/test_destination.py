"""Listings of destinations: which directories, what their lines say, and what becomes of shards."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.destination import GONE, UNKNOWN, Folder, Listing, folders_of, plain, read_listing
from collectors.destination_fold import confront
from collectors.fold import fold
from collectors.run_facts import read_facts
from collectors.verdicts import World
from farmhand.new_run import make_run
from farmhand.submissions import Way
from manifest.spec import Spec
from manifest.store import Manifest, read_manifest
from renderer.plan import make_plan

if TYPE_CHECKING:
    from collections.abc import Sequence


@pytest.mark.parametrize(
    ("url", "spelt"),
    [
        ("/data//a/./b", "/data/a/b"),
        ("/data/a/../b", "/data/b"),
        ("file:///data/a", "/data/a"),
        ("root://host:1094//data//a", "root://host:1094/data/a"),
        ("s3://bucket/a b", "s3://bucket/a b"),
        ("/data/.hidden", "/data/.hidden"),
    ],
)
def test_one_spelling(url: str, spelt: str) -> None:
    assert plain(url) == spelt
    assert plain(spelt) == spelt


NAMES = st.sampled_from(["a", "b", "c1", "c2"])
URLS = st.builds(
    lambda start, parts: start + "/".join(parts),
    st.sampled_from(["/", "s3://b/", "root://h//", "root://g//"]),
    st.lists(NAMES, min_size=2, max_size=5),
)


@given(st.lists(URLS, min_size=1, max_size=60))
def test_each_url_is_looked_for_exactly_once(urls: list[str]) -> None:
    folders = folders_of(urls)
    for url in urls:
        [folder] = [one for one in folders if plain(url).startswith(f"{one.plain}/")]
        assert plain(folder.url) == folder.plain
        assert url.startswith(folder.url) or "//" in url
    if len({plain(url).rpartition("/")[0] for url in urls}) <= 16:
        assert {one.plain for one in folders} <= {plain(url).rpartition("/")[0] for url in urls}
    assert len(folders) <= 16


def test_many_directories_are_listed_from_further_up() -> None:
    assert folders_of(f"s3://b/x/{n}/f" for n in range(17)) == [Folder("s3://b/x", "s3://b/x")]
    assert len(folders_of(f"s3://b/x/{n}/f" for n in range(16))) == 16
    assert folders_of(f"root://h//{n}/f" for n in range(17)) == [Folder("root://h", "root://h")]
    two = [f"/x/{k}/{n}/f" for k in "ab" for n in range(20)]
    assert [one.plain for one in folders_of(two)] == ["/x/a", "/x/b"]
    # Never the whole disk: rather many listings.
    assert len(folders_of(f"/{n}/f" for n in range(40))) == 40


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("", {}),
        ("1 a\n", {"/d/a": 1}),
        ("  12\ta b \n0 c/d", {"/d/a b ": 12, "/d/c/d": 0}),
        ("3 ./a\n4 b//c\n", {"/d/a": 3, "/d/b/c": 4}),
        ("0 folder/\n5 folder/x\n", {"/d/folder/x": 5}),
        ("7 12 13\n", {"/d/12 13": 7}),
    ],
)
def test_lines_of_a_listing(text: str, files: dict[str, int]) -> None:
    assert read_listing(text, "/d") == (files, None)


@pytest.mark.parametrize("line", ["<html>", "a 12", "12", "-1 a", "1.5 a"])
def test_what_is_no_listing_is_none_at_all(line: str) -> None:
    assert read_listing(f"1 a\n{line}\n2 b\n", "/d") == ({}, line)


def test_what_was_not_listed_is_not_known() -> None:
    listing = Listing({"/d/a": 3}, ("/d/",))
    sizes = [listing.size(url) for url in ("/d/a", "/d/b", "/dd/a", "/e")]
    assert sizes == [3, GONE, UNKNOWN, UNKNOWN]


SHARDS = 3
SPEC = {
    "name": "f", "work": {"count": SHARDS}, "shards": SHARDS, "command": ["true"],
    "outputs": {
        "out": {
            "path": "o", "destination": "/d/{{ shard.name }}.o",
            "companions": ["{{ shard.name }}.c"],
        },
        "log": {"path": "l", "destination": "/e/{{ shard.name }}"},
    },
}  # fmt: skip
# One record: shard, attempt, exit code (None: not ended), bytes of the output, its checksum.
RECORDS = st.lists(
    st.tuples(
        st.integers(0, SHARDS - 1),
        st.integers(0, 3),
        st.sampled_from([None, 0, 0, 0, 94]),
        st.integers(1, 2),
        st.sampled_from("xy"),
    ),
    max_size=8,
    unique_by=lambda item: item[:2],
)
FILES = st.dictionaries(
    st.sampled_from(
        [f"/d/s{n}{end}" for n in range(SHARDS) for end in (".o", ".c")]
        + [f"/e/s{n}" for n in range(SHARDS)]
    ),
    st.integers(1, 2),
)
LISTINGS = st.builds(
    Listing, FILES, st.sampled_from([("/d/", "/e/"), ("/d/", "/e/"), ("/d/",), ()])
)


def write(run: str, plan_id: str, item: Any) -> None:
    shard, number, code, size, checksum = item
    attempt = f"{100 + number}.{number}.abc"
    start = {
        "v": 1, "event": "start", "plan": plan_id, "submission": 1, "shard": shard,
        "attempt": attempt, "native_id": str(number), "scheduler": "nohup", "restarts": 0,
        "host": "gone", "pid": 1, "pid_start": 1, "boot": "b", "time": 1000.0 + number,
        "dir": f"shards/s{shard}/{attempt}",
    }  # fmt: skip
    end = {
        "event": "end", "time": 2000.0 + number, "exit_code": code,
        "cause": "stage_out" if code else None,
        "stored": [
            {"name": "out", "url": f"/d/s{shard}.o", "bytes": size, "sha256": checksum},
            {"name": "log", "url": f"/e/s{shard}", "bytes": 1, "sha256": "z"},
        ],
    }  # fmt: skip
    lines = [json.dumps(start)] + ([json.dumps(end)] if code is not None else [])
    record = Path(run, "records", "0", f"{shard}.{attempt}.jsonl")
    record.write_text("\n".join(lines) + "\n")


WORLD = World(5000.0, "here", lambda _: None, {}, lambda _: "")


class Course:
    """A run whose records and listings come in some order."""

    def __init__(self) -> None:
        folder = tempfile.mkdtemp()
        plan = make_plan(Spec.model_validate(SPEC), folder)
        self.run, _ = make_run(plan, Way("nohup"), folder, "r")
        self.facts = read_facts(self.run)
        self.manifest: Manifest = read_manifest(f"{self.run}/manifest.json")

    def write(self, item: Any) -> None:
        write(self.run, self.manifest.header.plan_id, item)

    def fold(self) -> None:
        self.manifest = fold(self.manifest, self.facts, WORLD).manifest

    def list(self, listing: Listing) -> bool:
        met = confront(self.manifest, self.facts, WORLD, listing)
        self.manifest = met.manifest
        return met.changed

    def results(self) -> list[dict[str, Any]]:
        return [self.manifest.results.row(index) for index in range(SHARDS)]


@given(RECORDS, st.data())
def test_the_order_of_records_and_listings_does_not_matter(
    items: Sequence[Any], data: st.DataObject
) -> None:
    """All that counts in the end is the records and the last listing."""
    last = Listing(data.draw(FILES), ("/d/", "/e/"))
    at_once = Course()
    for item in items:
        at_once.write(item)
    at_once.fold()
    at_once.list(last)
    piecemeal = Course()
    for item in data.draw(st.permutations(items)):
        piecemeal.write(item)
        if data.draw(st.booleans()):
            piecemeal.fold()
        if data.draw(st.booleans()):
            piecemeal.list(data.draw(LISTINGS))
    piecemeal.fold()
    piecemeal.list(last)
    assert piecemeal.results() == at_once.results()
    piecemeal.fold()
    assert not piecemeal.list(last)


@given(RECORDS, FILES)
def test_success_means_that_all_of_it_is_there(items: Sequence[Any], files: dict[str, int]) -> None:
    course = Course()
    for item in items:
        course.write(item)
    course.fold()
    course.list(Listing(files, ("/d/", "/e/")))
    for index, row in enumerate(course.results()):
        there = all(url in files for url in (f"/d/s{index}.o", f"/d/s{index}.c", f"/e/s{index}"))
        mine = {a["attempt"]: a for a in row["attempts"]}
        for name in row["accepted_attempts"]:
            assert there
            assert files[f"/d/s{index}.o"] == mine[name]["stored"][0]["bytes"]
            assert files[f"/e/s{index}"] == 1
            later = [a for a in mine.values() if (a["ended"] or 0) > mine[name]["ended"]]
            sums = {a["stored"][0]["sha256"] for a in (mine[name], *later)}
            assert len(sums) == 1  # else it is not its file that is there
        if row["state"] == "succeeded":
            assert row["accepted_attempts"]


@given(RECORDS)
def test_a_listing_that_failed_changes_no_verdict(items: Sequence[Any]) -> None:
    course = Course()
    for item in items:
        course.write(item)
    course.fold()
    before = course.results()
    course.list(Listing({}))
    assert course.results() == before


def test_what_is_gone_moments_after_its_end_elsewhere_is_not_known_yet() -> None:
    """Its directory may be cached here for a minute: nfs(5), acdirmax."""
    course = Course()
    course.write((0, 0, 0, 1, "x"))
    soon = World(2060.0, "here", lambda _: None, {}, lambda _: "")
    course.manifest = fold(course.manifest, course.facts, soon).manifest
    empty = Listing({}, ("/d/", "/e/"))
    course.manifest = confront(course.manifest, course.facts, soon, empty).manifest
    [row, *_] = course.results()
    assert (row["state"], row["cause"]) == ("unknown", None)
    assert row["evidence"].endswith("/d/s0.o (yet: it ended moments ago)")
    course.fold()
    [row, *_] = course.results()
    assert (row["state"], row["cause"]) == ("failed", "bad_output")
