"""The files of ``bsub -o`` of one submission: found, read when they are new, and kept.

    RUN/logs/<submission>/<block>/<shard name>.<job>.out          a job for each shard
    RUN/logs/<submission>/array<part>/<job>.<index>.out           arrays

A file that holds a whole report of its job is not looked at again, unless a record says that the
job was started again. So collecting twice lists directories and opens nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from collectors.lsf_known import Told, keep, kept
from collectors.lsf_observation import REPORT, Asked, of_report
from collectors.lsf_report import last_report, read_reports
from collectors.observation import Observation
from manifest.arrays import Arrays
from manifest.header import Header, Submission
from manifest.layout import BLOCK, blocks

_CHUNK = re.compile(r"(.+)\.(\d{1,10})\.out", re.ASCII)
_ELEMENT = re.compile(r"(\d{1,10})\.(\d{1,10})\.out", re.ASCII)
_ARRAY = re.compile(r"array(\d{1,9})", re.ASCII)
_WINDOW = 1 << 20
"""Bytes that are read at each end of a file: a report stands before or after the output."""
_CLOCKS_S = 5.0
KEPT = "lsf-reports.read"
HISTORY = "/"
"""How the names of what is kept begin that is no file's: an answer of bhist or bacct."""


class Names:
    """The shards' names, read from the plan when the first one is asked for."""

    def __init__(self, run: str, shards: int) -> None:
        """``shards``: how many the run has."""
        self._run = run
        self._shards = shards
        self._found: dict[str, int] | None = None

    def index(self, name: str) -> int | None:
        """Return the shard of this name, or None."""
        if self._found is None:
            self._found = {}
            for number in range(blocks(self._shards)):
                path = os.path.join(self._run, "plan", "args", str(number))
                try:
                    with open(path, "rb") as stream:
                        lines = stream.read().split(b"\n")
                except OSError:
                    continue
                for shard, line in enumerate(lines[:-1], number * BLOCK):
                    self._found[line.partition(b" ")[0].decode("ascii", "replace")] = shard
        return self._found.get(name)


@dataclass(slots=True)
class SubmissionReports:
    """What the files of one submission have told so far."""

    folder: str
    submission: Submission
    told: dict[str, Told] = field(default_factory=dict)
    """By the file's path below the folder, with ``/`` at its beginning where there is none."""
    grown: bool = False
    opened: int = 0

    def asked(self, shards: int) -> Asked:
        """Return what a job had asked for that runs so many shards, one after the other."""
        resources = self.submission.resources
        walltime = resources.get("walltime")
        return Asked(
            self.submission.id,
            resources.get("memory"),
            walltime and walltime * shards,
            packed=shards > 1,
        )

    def keep(self) -> None:
        """Keep what was read, so that the next collect reads only what is new."""
        if self.grown:
            keep(os.path.join(self.folder, KEPT), self.told)

    def recall(self) -> None:
        """Take up what an earlier collect kept."""
        self.told = kept(os.path.join(self.folder, KEPT))

    def remember(self, said: Observation, shards: Iterable[int]) -> None:
        """Note an answer that holds for ever."""
        self.told[HISTORY + said.native_id] = Told.of(said, tuple(shards))
        self.grown = True

    def told_of(self, native_id: str) -> Told:
        """Return the answer that was remembered of a job."""
        return self.told[HISTORY + native_id]

    def read(self, names: Names, last_start: Callable[[str], float | None]) -> None:
        """Read what is new; ``last_start``: of a native id, by its records."""
        arrays = Arrays(
            self.submission.shards, self.submission.shards_per_job, self.submission.arrays
        )
        for folder in _folders(self.folder):
            array = _ARRAY.fullmatch(folder)
            for name in _names(os.path.join(self.folder, folder)):
                path = f"{folder}/{name}"
                known = self.told.get(path)
                if known is not None and known.settled and not _again(known, last_start):
                    continue
                part = int(array[1]) - 1 if array else None
                found = _chunk(name, names) if part is None else _element(name, part, arrays)
                if found is not None:
                    self._read(path, *found)

    def _read(self, path: str, native_id: str, shards: tuple[int, ...]) -> None:
        known = self.told.get(path)
        try:
            with open(os.path.join(self.folder, path), "rb") as stream:
                there = os.fstat(stream.fileno())
                size, mtime = there.st_size, there.st_mtime_ns
                if known is not None and (known.size, known.mtime) == (size, mtime):
                    return
                data = stream.read(size if size <= 2 * _WINDOW else _WINDOW)
                if size > 2 * _WINDOW:
                    stream.seek(-_WINDOW, os.SEEK_END)
                    data += b"\n\n" + stream.read(_WINDOW)
        except OSError:
            return  # again next time
        self.opened += 1
        report = last_report(read_reports(data), native_id)
        if report is not None:
            said = of_report(report, self.asked(len(shards)))
        else:
            why = f"{path} holds no report of it (yet)"
            said = Observation(REPORT, native_id, "unknown", "no report", why)
            said = said._replace(submission=self.submission.id)
        self.told[path] = Told.of(said, shards, size, mtime)
        self.grown = True


def read_all(
    run: str, header: Header, names: Names, last_start: Callable[[str], float | None]
) -> Mapping[int, SubmissionReports]:
    """Read the reports of a run's submissions for LSF, as far as they are new."""
    found = {}
    for submission in header.submissions:
        if submission.scheduler == "lsf":
            folder = os.path.join(run, "logs", str(submission.id))
            reports = found[submission.id] = SubmissionReports(folder, submission)
            reports.recall()
            reports.read(names, last_start)
    return found


def _again(known: Told, last_start: Callable[[str], float | None]) -> bool:
    """Say whether a job was started again after what is known of it."""
    start = last_start(known.native_id)
    return start is not None and 0 < known.ended < start - _CLOCKS_S


def _folders(path: str) -> list[str]:
    try:
        with os.scandir(path) as entries:
            found = [one.name for one in entries if one.is_dir()]
    except OSError:
        return []
    return sorted(name for name in found if name.isdecimal() or _ARRAY.fullmatch(name))


def _names(path: str) -> list[str]:
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []


def _chunk(name: str, names: Names) -> tuple[str, tuple[int, ...]] | None:
    match = _CHUNK.fullmatch(name)
    shard = names.index(match[1]) if match else None
    return (str(int(match[2])), (shard,)) if match and shard is not None else None


def _element(name: str, part: int, arrays: Arrays) -> tuple[str, tuple[int, ...]] | None:
    match = _ELEMENT.fullmatch(name)
    if match is None:
        return None
    shards = arrays.element(part, int(match[2]) - 1)
    return (f"{int(match[1])}[{int(match[2])}]", tuple(shards)) if shards else None
