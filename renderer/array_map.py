"""The map of a submission: a line for each element of its arrays, with the shards it runs."""

from __future__ import annotations

import os

from manifest.arrays import Arrays
from renderer.submission import Target


def array_map(target: Target, arrays: Arrays) -> str | None:
    """Write the map where an array's shards do not follow one another; return its place in the run.

    None: they do, so that an element can reckon them.
    """
    parts = range(len(arrays.sizes))
    if all(arrays.contiguous(part) is not None for part in parts):
        return None
    name = f"submissions/{target.submission.id}.map"
    path = os.path.join(target.root, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "x", encoding="ascii") as stream:
        for part in parts:
            stream.writelines(f"{' '.join(map(str, shards))}\n" for shards in arrays.elements(part))
    return name
