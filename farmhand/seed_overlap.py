"""A warning when runs under one directory share seeds."""

from __future__ import annotations

import os
import re

_RANGES = re.compile(rb'"seed_ranges":(\[[0-9,\[\] ]*\])')


def overlapping_runs(out_dir: str, mine: list[tuple[int, int]], *, but: str) -> list[str]:
    """Return the names of runs whose base + start seeds meet ``mine`` ([low, high) each)."""
    if not mine:
        return []
    found = []
    for entry in sorted(os.scandir(out_dir), key=lambda item: item.name):
        if entry.name == but or entry.name.startswith("."):
            continue
        try:
            with open(os.path.join(entry.path, "manifest.json"), "rb") as stream:
                match = _RANGES.search(stream.read(1 << 16))
        except OSError:
            continue
        numbers = [int(number) for number in re.findall(rb"\d+", match[1])] if match else []
        theirs = list(zip(numbers[::2], numbers[1::2], strict=False))
        if any(low < high2 and low2 < high for low, high in mine for low2, high2 in theirs):
            found.append(entry.name)
    return found
