"""The files of chunks in transfer mode: each job is sent its own, never those of all.

They arrive flat, in the job's own directory (condor_submit(1), transfer_input_files: an absolute
path is taken by its last part).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping

from manifest.file_table import Found, file_lists, read_table
from manifest.item_table import read_counts
from manifest.splitting import Row, plan_parts, rows
from renderer.component_files import is_url
from renderer.submission import Target

_OURS = ("plan", "records", "shards", "condor_exec.exe", "_condor_stdout", "_condor_stderr")
# What separates the names in a list, begins a macro, or quotes: no name with it can be written.
_UNWRITABLE = set(",$\"'\\")


def chunk_files(target: Target) -> dict[int, list[str]]:
    """Return the files on disk that each shard of the run reads; empty where none has any."""
    found = read_table(target.root)
    if not found:
        return {}
    parts = plan_parts(target.spec, file_lists(found), read_counts(target.root))
    return {row.shard: list(_on_disk(row, found)) for row in rows(parts)}


def _on_disk(row: Row, found: Found) -> Iterator[str]:
    for file in found.get(row.component, ())[row.file : row.file + row.files]:
        if not is_url(file.path):
            yield file.path


def obstacle(files: Mapping[int, list[str]]) -> str | None:
    """Return why the files cannot be sent, or None."""
    for shard, paths in files.items():
        names = Counter(os.path.basename(path) for path in paths)
        name, times = max(names.items(), key=lambda item: item[1], default=("", 0))
        if times > 1:
            return f"shard {shard} reads {times} files named {name}, which arrive in one directory"
        for path in paths:
            if _UNWRITABLE & set(path) or path != path.strip():
                return f"HTCondor's list of files cannot hold the name {path}"
        taken = next((name for name in _OURS if name in names), None)
        if taken:
            return f"shard {shard} reads a file named {taken}, a name that is taken there"
    return None


def column(block: int, paths: list[str]) -> str:
    """Return what is sent for one shard, as a part of transfer_input_files."""
    return ", ".join([f"plan/files/{block}", *paths])
