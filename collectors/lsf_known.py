"""What job reports have told, kept beside them between collects."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from collectors.observation import Observation

_VERSION = b"farmhand-lsf-reports-1"
_ABSENT = Observation("", "", "unknown", "")


@dataclass(slots=True)
class Told:
    """What one file, or one answer that holds for ever, has told of one job."""

    native_id: str
    shards: tuple[int, ...]
    settled: bool
    """Nothing more is to come, unless the job is started again."""
    size: int = 0
    mtime: int = 0
    """In nanoseconds; with the size it tells whether the file has changed."""
    ended: int = 0
    """When the job ended, in seconds since the epoch; 0: not told."""
    facts: bytes = b"{}"
    """An Observation as JSON: of 10,000 jobs, most are never looked at."""

    @classmethod
    def of(cls, said: Observation, shards: tuple[int, ...], size: int = 0, mtime: int = 0) -> Told:
        """Return what is kept of an observation."""
        facts = {
            name: value
            for name, value in zip(said._fields, said, strict=True)
            if value != getattr(_ABSENT, name)
        }
        settled = said.kind != "unknown"
        ended = int(said.ended or 0)
        return cls(said.native_id, shards, settled, size, mtime, ended, orjson.dumps(facts))

    def observation(self) -> Observation:
        """Return what was said."""
        return _ABSENT._replace(**orjson.loads(self.facts))


def keep(path: str, told: Mapping[str, Told]) -> None:
    """Write what is known; a file that cannot be written is not missed."""
    lines = [_VERSION + b"\n"]
    for name, one in told.items():
        shards = ",".join(map(str, one.shards))
        words = f"{name} {one.native_id} {shards} {one.settled:d} {one.size} {one.mtime}"
        lines.append(os.fsencode(f"{words} {one.ended} ") + one.facts + b"\n")
    data = b"".join(lines)
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "wb") as stream:
            stream.write(data)
            stream.write(hashlib.sha256(data).hexdigest().encode())
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def kept(path: str) -> dict[str, Told]:
    """Return what was kept; what is not whole, or of another version, counts as nothing."""
    try:
        with open(path, "rb") as stream:
            data = stream.read()
    except OSError:
        return {}
    end = data.rfind(b"\n") + 1
    if data[end:] != hashlib.sha256(data[:end]).hexdigest().encode():
        return {}
    first, *lines = data[:end].split(b"\n")[:-1]
    if first != _VERSION:
        return {}
    found = {}
    for line in lines:
        name, native_id, shards, settled, size, mtime, ended, facts = line.split(b" ", 7)
        found[os.fsdecode(name)] = Told(
            native_id.decode(),
            tuple(map(int, shards.split(b","))) if shards else (),
            settled == b"1",
            int(size),
            int(mtime),
            int(ended),
            facts,
        )
    return found
