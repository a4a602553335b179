"""HTCondor's event log, read from where it was left: whole events only, damage counted.

The log is cut at its own separators, and whole blocks are handed to HTCondor's reader, which stops
without a word at an event that it cannot read. What it did not read is counted and passed over.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, NamedTuple

_CHUNK = 1 << 20  # bytes read at once: some thousand events
_FEW = 32  # events handed over at once near damage: what follows it has to be handed over again
_PROBE = 512  # bytes at the ends of what was read, by which a log is known again


class Event(NamedTuple):
    """One event."""

    type: int
    """HTCondor's number of it: 0 submit, 1 execute … (the manual's list of log events)."""
    cluster: int
    proc: int
    time: float
    facts: Mapping[str, Any]
    """Empty where HTCondor's reader was not asked."""
    text: bytes
    """As it stands in the log: HTCondor's reader leaves some of it out."""


# The first words of events, as condor_utils/condor_event.cpp of HTCondor has them.
_FIRST_WORDS = {
    b"000": b"Job submitted from host",
    b"001": b"Job executing on host",
    b"004": b"Job was evicted",
    b"005": b"Job terminated",
    b"006": b"Image size of job updated",
    b"009": b"Job was aborted",
    b"012": b"Job was held",
    b"013": b"Job was released",
}


# Those of which something is made of use; the others are passed over.
_WANTED = frozenset(
    b"%03d" % n for n in (0, 1, 4, 5, 6, 7, *range(9, 14), *range(21, 25), *range(35, 39))
)
# Three of five are of these kinds, and so simple that HTCondor's reader need not be asked.
_PLAIN = frozenset((b"000", b"006"))


class _Format(NamedTuple):
    separator: bytes
    head: re.Pattern[bytes]
    """How an event begins: number, cluster, proc and time, where they stand there."""


_TEXT = _Format(
    b"\n...\n",
    re.compile(rb"^(\d{3}) \((-?\d+)\.(-?\d+)\.-?\d+\) (\d\S* \d\S*) ", re.MULTILINE),
)
_XML = _Format(b"\n</c>\n", re.compile(rb"^<c>$()()()()", re.MULTILINE))


class _Block(NamedTuple):
    text: bytes
    head: re.Match[bytes]
    plain: bool
    """HTCondor's reader is not asked."""


@dataclass(slots=True)
class LogReader:
    """Reads one event log from an offset."""

    path: str
    offset: int = 0
    """After the last whole event."""
    damaged: int = 0
    """Events that could not be read, of those passed in this reading."""

    def events(self) -> Iterator[Event]:
        """Yield what is new; a log that is not there has nothing."""
        try:
            with open(self.path, "rb") as stream:
                layout = _XML if stream.read(64).lstrip()[:1] == b"<" else _TEXT
                stream.seek(self.offset)
                yield from self._chunks(stream, layout)
        except OSError:
            return

    def _chunks(self, stream: BinaryIO, layout: _Format) -> Iterator[Event]:
        rest = b""
        while data := stream.read(_CHUNK):
            data = rest + data
            end = data.rfind(layout.separator) + len(layout.separator)
            if end < len(layout.separator):
                rest = data
                continue
            rest = data[end:]
            yield from self._read(self._blocks(data[:end], layout), layout.separator)
            self.offset += end

    def _blocks(self, data: bytes, layout: _Format) -> list[_Block]:
        """Cut events apart, also where a separator is damaged; what is none is counted."""
        found = []
        size = len(layout.separator)
        heads = list(layout.head.finditer(data))
        starts = [head.start() for head in heads]
        self.damaged += _pieces(data[: starts[0]] if starts else data, layout)
        for head, after in zip(heads, [*starts[1:], len(data)], strict=True):
            start = head.start()
            end = data.find(layout.separator, start, after)
            if end < 0:  # the separator is lost
                self.damaged += 1
                end = start + len(data[start:after].rstrip(b"\0\n"))
            elif end + size < after:
                self.damaged += _pieces(data[end + size : after], layout)
            text, number = data[start:end], head[1]
            if b"\0" in text or not data.startswith(_FIRST_WORDS.get(number, b""), head.end()):
                self.damaged += 1
            elif not number or number in _WANTED:
                plain = number in _PLAIN and _told(head[4]) is not None
                found.append(_Block(text, head, plain))
        return found

    def _read(self, blocks: list[_Block], separator: bytes) -> Iterator[Event]:
        at, most = 0, len(blocks)
        while at < len(blocks):
            batch = blocks[at : at + most]
            done = 0
            for event in _parsed(batch, separator):
                done += 1
                yield event
            at += done
            if done < len(batch):
                self.damaged += 1
                at, most = at + 1, _FEW


def _parsed(blocks: list[_Block], separator: bytes) -> Iterator[Event]:
    """Yield events as HTCondor's reader has them, up to the first that it cannot read.

    What it cannot read it tries again after a second: so blocks come here looked at.
    """
    import htcondor2  # noqa: PLC0415 (large, and only for HTCondor)

    with tempfile.NamedTemporaryFile(prefix="farmhand-events-") as stream:
        stream.write(b"".join([b.text + separator for b in blocks if not b.plain]))
        stream.flush()
        log = htcondor2.JobEventLog(stream.name)
        theirs = log.events(0)
        try:
            for block in blocks:
                yield _event(block, {} if block.plain else next(theirs))
        except (StopIteration, OSError, ValueError, KeyError, htcondor2.HTCondorException):
            return
        finally:
            log.close()


def _event(block: _Block, facts: Mapping[str, Any]) -> Event:
    text, head, _ = block
    if not head[1]:
        number, cluster, proc = facts["EventTypeNumber"], facts["Cluster"], facts.get("Proc", -1)
        return Event(number, cluster, proc, _seconds(facts["EventTime"]), facts, text)
    # Taking them out of the facts would take ten times as long.
    when = _told(head[4]) or _seconds(facts["EventTime"])
    return Event(int(head[1]), int(head[2]), int(head[3]), when, facts, text)


@functools.lru_cache(maxsize=100)
def _seconds(text: str) -> float:
    """Return a time in seconds since the epoch; a log may be in UTC, else it is in local time."""
    return datetime.fromisoformat(text).timestamp()


@functools.lru_cache(maxsize=100)
def _told(text: bytes) -> float | None:
    """Return a time as the first line of an event has it; None: not in full, but 11/23 13:46:26."""
    try:
        return _seconds(text.decode())
    except ValueError:
        return None


def _pieces(data: bytes, layout: _Format) -> int:
    """Return how many events this was, all of which lost their beginning."""
    return sum(bool(piece.strip()) for piece in data.split(layout.separator))


def fingerprint(path: str, offset: int) -> str:
    """Return what tells a log, as far as it was read, from another one that took its place.

    It is made of the beginning and of the end of what was read; a log that is shorter has none.
    """
    try:
        with open(path, "rb") as stream:
            if os.fstat(stream.fileno()).st_size < offset:
                return ""
            first = stream.read(min(_PROBE, offset))
            stream.seek(max(0, offset - _PROBE))
            last = stream.read(min(_PROBE, offset))
    except OSError:
        return ""
    return hashlib.sha256(first + last).hexdigest()
