"""Rows for the verbs that read and write many small files: render, collect, check, merge."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from benchmarks.measure import Cost, baseline, cost_of, side_by_side
from benchmarks.runs import Pristine, render, synthesised, synthesised_chunks, write_spec
from benchmarks.table import Row

if TYPE_CHECKING:
    from collections.abc import Iterator


def render_rows(folder: str, shards: int, times: int, scheduler: str) -> Iterator[Row]:
    """Measure render beside writing the same directories and bytes."""
    spec = write_spec(folder, shards, outputs=False)
    rendered, copy = os.path.join(folder, "rendered"), os.path.join(folder, "copy")

    def ours() -> Cost:
        shutil.rmtree(rendered, ignore_errors=True)
        return render(spec, folder, "rendered", scheduler)

    def raw() -> Cost:
        shutil.rmtree(copy, ignore_errors=True)
        return baseline("write", rendered, copy)

    cost, theirs = side_by_side(times, ours, raw)
    shutil.rmtree(rendered)
    shutil.rmtree(copy)
    yield Row(f"render, {scheduler}", shards, cost, "writing the same bytes", theirs)


def collect_rows(folder: str, shards: int, times: int) -> Iterator[Row]:
    """Measure collect, collect again and check on a run whose shards have only records."""
    run = synthesised(folder, shards, "collected", outputs=False)
    pristine = Pristine(run)
    records = os.path.join(run, "records")
    verb = ["farmhand", "collect", "--in-place", run]

    def first() -> Cost:
        pristine.restore()
        return cost_of(verb)

    cost, theirs = side_by_side(times, first, lambda: baseline("read", records))
    yield Row("collect, first", shards, cost, "reading the records", theirs)
    cost, theirs = side_by_side(times, lambda: cost_of(verb), lambda: baseline("list", records))
    yield Row("collect, nothing new", shards, cost, "listing the records", theirs)

    yield _check_row("check", run, shards, times, bad=False)
    yield _report_row(run, shards, times)
    shutil.rmtree(run)


def chunk_rows(folder: str, chunks: int, times: int) -> Iterator[Row]:
    """Measure check of chunks in ten components, of which one in twenty is bad."""
    run = synthesised_chunks(folder, chunks, "chunks")
    cost_of(["farmhand", "collect", "--in-place", run])
    yield _check_row("check of chunks in ten components", run, chunks, times, bad=True)
    shutil.rmtree(run)


def _report_row(run: str, shards: int, times: int) -> Row:
    manifest = os.path.join(run, "manifest.json")
    verb = ["farmhand", "report", run, "--out-md", os.path.join(run, "page.md")]
    cost, theirs = side_by_side(times, lambda: cost_of(verb), lambda: baseline("read", manifest))
    return Row("report", shards, cost, "reading the manifest", theirs)


def _check_row(what: str, run: str, shards: int, times: int, *, bad: bool) -> Row:
    records, manifest = os.path.join(run, "records"), os.path.join(run, "manifest.json")

    def look() -> Cost:
        return Cost(baseline("list", records).wall + baseline("read", manifest).wall, 0)

    def check() -> Cost:
        return cost_of(["farmhand", "check", run], code=int(bad))

    cost, theirs = side_by_side(times, check, look)
    return Row(what, shards, cost, "listing records, reading manifest", theirs)


def merge_rows(folder: str, shards: int, times: int) -> Iterator[Row]:
    """Measure collect and merge on a run with one checked table of ten rows a shard."""
    run = synthesised(folder, shards, "merged", outputs=True)
    pristine = Pristine(run)
    records, outputs = os.path.join(run, "records"), os.path.join(run, "shards")

    def first() -> Cost:
        pristine.restore()
        return cost_of(["farmhand", "collect", "--in-place", run])

    def raw() -> Cost:
        reads = baseline("read", records), baseline("read-named", "rows.csv", outputs)
        return Cost(sum(read.wall for read in reads), 0)

    cost, theirs = side_by_side(times, first, raw)
    yield Row("collect, first, tables checked", shards, cost, "reading records, tables", theirs)

    def merge() -> Cost:
        return cost_of(["farmhand", "merge", run])

    cost, theirs = side_by_side(times, merge, lambda: baseline("read-named", "rows.csv", outputs))
    yield Row("merge of tables", shards, cost, "reading the tables", theirs)
    shutil.rmtree(run)
