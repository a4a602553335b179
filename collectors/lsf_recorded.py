"""What the names of records tell of LSF's jobs: which shard a job ran, and when it began."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from collectors.records import lines_of, read_record
from manifest.layout import records_dir

_NAME = re.compile(
    r"(\d{1,10})\.(\d{1,10})(?:_(\d{1,10})_)?\.(\d{1,12})\.[0-9a-f]+\.jsonl", re.ASCII
)
_LSF = "lsf"


class Start(NamedTuple):
    """One record: a beginning."""

    time: int
    shard: int
    name: str


class Recorded:
    """The records of a run by native id; those of other schedulers may be among them."""

    def __init__(self, names: Iterable[str]) -> None:
        """``names``: of the records' files."""
        self._starts: dict[str, list[Start]] = {}
        for name in names:
            match = _NAME.fullmatch(name)
            if match:
                shard, job, index, time = match.groups()
                native_id = job if index is None else f"{job}[{index}]"
                start = Start(int(time), int(shard), name)
                self._starts.setdefault(native_id, []).append(start)
        for starts in self._starts.values():
            if len(starts) > 1:
                starts.sort()

    @property
    def begun(self) -> frozenset[str]:
        """Return the native ids that have a record."""
        return frozenset(self._starts)

    def starts(self, native_id: str, shard: int | None = None) -> Sequence[Start]:
        """Return the records of a native id in order of time: of all shards, or of one."""
        found = self._starts.get(native_id, [])
        return found if shard is None else [one for one in found if one.shard == shard]

    def last_start(self, native_id: str) -> float | None:
        """Return when a job began for the last time, to the second."""
        starts = self._starts.get(native_id)
        return float(starts[-1].time) if starts else None


def is_open(run: str, block: int, start: Start) -> bool:
    """Read a record: say whether it is that of a job of LSF and has no end."""
    data = read_record(os.path.join(records_dir(run, block), start.name))
    lines = list(lines_of(data or b""))
    ours = any(line.get("scheduler") == _LSF for line in lines if line.get("event") == "start")
    return ours and not any(line.get("event") == "end" for line in lines)
