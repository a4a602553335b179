"""What keeps a run from working where this filesystem is not seen."""

from __future__ import annotations

import os

import orjson

from manifest.file_table import read_table
from manifest.spec import Spec
from renderer.component_files import is_url


def obstacle(spec: Spec, root: str) -> str | None:
    """Return why the plan of the run at ``root`` is not all that its shards need, or None."""
    if spec.workdir is not None:
        return "workdir: is a directory of this filesystem"
    for name, item in spec.inputs.items():
        if os.path.isabs(item.path):
            return f"inputs.{name} has an absolute path; write it relative to the spec"
    with open(os.path.join(root, "plan", "inputs.json"), "rb") as stream:
        for found in orjson.loads(stream.read()):
            if found["staged"] is None:
                return f"an input refers to {found['shown']}, an absolute path"
    return None


def files_here(root: str) -> str | None:
    """Return a file on disk that a shard reads for itself, or None."""
    paths = (file.path for files in read_table(root).values() for file in files)
    return next((path for path in paths if not is_url(path)), None)
