"""The manifest on disk: one shard a line, replaced atomically, never edited in place.

No object holds all plans or results. The header is a model; rows stay bytes until somebody asks
for one. The fast path relies on one row a line with fixed first keys, which is how farmhand
writes the file; a manifest that was pretty-printed by another program is read the slow way.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import socket
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from manifest.errors import Refusal, UserError
from manifest.layout import COLLECTED, MANIFEST

SCHEMA = "farmhand.manifest/1"
_PLANS = b'\n"plans":[\n'
_RESULTS = b'\n],\n"results":[\n'
_END = b"\n]}\n"
_LOCK_PATIENCE_S = 60.0


class Submission(BaseModel):
    """A set of shards with their resources, as written for one scheduler."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: int
    scheduler: str
    mode: str | None = None
    shards: str
    """Shard numbers as ranges: ``0-7`` or ``3,7-9``."""
    resources: dict[str, Any]
    created_at_utc: str
    native_ids: tuple[str, ...] = ()


class Header(BaseModel):
    """Everything in a manifest but its rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: str
    revision: int
    """Counts the writes; compared before a rename, since locks may not hold on NFS."""
    run_id: str
    run_uuid: str
    name: str
    scheduler: str
    plan_id: str
    seed: int | None
    seed_ranges: tuple[tuple[int, int], ...] = ()
    """[low, high) of the base + start seeds in use, to warn about overlapping runs."""
    shards: int
    created_at_utc: str
    collected_at_utc: str | None = None
    journal_bytes: int = 0
    """How much of the local pool's journal has been folded in."""
    blocks: tuple[str | None, ...]
    """Per block of 1,000 shards: digest of its record names once all of them have ended."""
    submissions: tuple[Submission, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest as read: its header, and its rows as bytes."""

    path: str
    header: Header
    plans: list[bytes]
    results: list[bytes]

    @property
    def run(self) -> str:
        """Return the run directory."""
        return os.path.dirname(self.path)


def read_manifest(path: str) -> Manifest:
    """Read ``path``; rows are not parsed.

    Raises:
        UserError: missing, unreadable, damaged, or written by a newer farmhand.
    """
    try:
        with open(path, "rb") as stream:
            data = stream.read()
    except FileNotFoundError as error:
        raise UserError(
            "no manifest here", where=path, hint="name a run directory, or render one first"
        ) from error
    except OSError as error:
        raise UserError(f"the manifest cannot be read: {error.strerror}", where=path) from error
    fast = _fast_parts(data)
    try:
        head, plans, results = fast or _slow_parts(data)
        _refuse_newer(head, path)
        header = Header.model_validate(head)
    except (ValueError, ValidationError, KeyError, TypeError) as error:
        raise _damaged(path, f"{_short(error)}") from error
    if len(plans) != header.shards or len(results) != header.shards:
        raise _damaged(
            path, f"{len(plans)} plans and {len(results)} results of {header.shards} shards"
        )
    return Manifest(path, header, plans, results)


def _fast_parts(data: bytes) -> tuple[dict[str, Any], list[bytes], list[bytes]] | None:
    first = data.find(_PLANS)
    second = data.find(_RESULTS, first)
    if first < 0 or second < 0 or not data.endswith(_END):
        return None
    head = orjson.loads(data[:first].rstrip(b",") + b"}")
    plans = data[first + len(_PLANS) : second].split(b",\n")
    results = data[second + len(_RESULTS) : -len(_END)].split(b",\n")
    for rows in (plans, results):
        for index in (0, len(rows) - 1):
            if not rows[index].startswith(b'{"shard_index":%d,"name":"' % index):
                return None
    return head, plans, results


def _slow_parts(data: bytes) -> tuple[dict[str, Any], list[bytes], list[bytes]]:
    whole = orjson.loads(data)
    plans = [orjson.dumps(row) for row in whole.pop("plans")]
    results = [orjson.dumps(row) for row in whole.pop("results")]
    return whole, plans, results


def _refuse_newer(head: dict[str, Any], path: str) -> None:
    version = str(head.get("schema_version"))
    if version != SCHEMA:
        raise UserError(
            f"this manifest has the schema '{version}'; this farmhand reads '{SCHEMA}'",
            where=path,
            hint="use the farmhand that wrote it, or a newer one",
        )


def _short(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error) or type(error).__name__


def _damaged(path: str, why: str) -> UserError:
    return UserError(
        f"the manifest is damaged ({why})",
        where=path,
        hint="the plan and the records still hold everything: farmhand collect --rebuild "
        + (os.path.dirname(path) or "."),
    )


def row_of(data: bytes, path: str) -> dict[str, Any]:
    """Parse one row.

    Raises:
        UserError: it is not JSON.
    """
    try:
        row: dict[str, Any] = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise _damaged(path, f"row {data[:60]!r}: {error}") from error
    return row


_HEAD = re.compile(
    rb'\{"shard_index":(\d+),"name":"([^"]*)","state":"(\w+)","cause":(?:null|"(\w+)")'
)


def result_head(data: bytes, path: str) -> tuple[str, str | None]:
    """Return (state, cause) of a result row without parsing the rest of it."""
    match = _HEAD.match(data)
    if match:
        return match[3].decode(), match[4].decode() if match[4] else None
    row = row_of(data, path)
    return row["state"], row["cause"]


def write_manifest(
    path: str, header: Header, plans: Iterable[bytes], results: Iterable[bytes]
) -> None:
    """Write by temporary name, fsync, revision check and rename; a crash leaves old or new.

    ``header.revision`` must be one more than that of the file that is replaced.

    Raises:
        Refusal: somebody else has written meanwhile.
        UserError: the disk is full, or the directory cannot be written.
    """
    folder = os.path.dirname(path) or "."
    temporary = os.path.join(
        folder, f".{os.path.basename(path)}.{socket.gethostname()}.{os.getpid()}.tmp"
    )
    try:
        _remove_stale(folder, os.path.basename(path))
        with open(temporary, "wb") as stream:
            stream.writelines(_chunks(header, plans, results))
            stream.flush()
            os.fsync(stream.fileno())
        _refuse_lost_race(path, header.revision)
        os.replace(temporary, path)
        _sync_directory(folder)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise UserError(
            "the manifest could not be written: "
            + ("the disk is full" if full else str(error.strerror)),
            where=path,
            hint=("free some space and " if full else "") + "try again; what was there is intact",
        ) from error


def _chunks(header: Header, plans: Iterable[bytes], results: Iterable[bytes]) -> Iterator[bytes]:
    head = header.model_dump(mode="json")
    submissions = head.pop("submissions")
    blocks = head.pop("blocks")
    yield orjson.dumps(head)[:-1]
    yield b',\n"blocks":' + orjson.dumps(blocks)
    yield b',\n"submissions":[\n' + b",\n".join(map(orjson.dumps, submissions)) + b"],"
    yield _PLANS
    yield from _separated(plans)
    yield _RESULTS
    yield from _separated(results)
    yield _END


def _separated(rows: Iterable[bytes]) -> Iterator[bytes]:
    first = True
    for row in rows:
        yield row if first else b",\n" + row
        first = False


def _refuse_lost_race(path: str, revision: int) -> None:
    found = revision_of(path)
    if found is not None and found != revision - 1:
        raise Refusal(
            f"somebody else has written this manifest meanwhile (revision {found})",
            where=path,
            hint="run the command again",
        )


def revision_of(path: str) -> int | None:
    """Return the revision of a manifest from its first line, or None when there is none."""
    try:
        with open(path, "rb") as stream:
            match = re.search(rb'"revision":\s*(\d+)', stream.read(4096))
    except OSError:
        return None
    return int(match[1]) if match else None


def _sync_directory(folder: str) -> None:
    with contextlib.suppress(OSError):  # some network filesystems refuse fsync on a directory
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _remove_stale(folder: str, name: str) -> None:
    mine = f".{name}.{socket.gethostname()}."
    for entry in os.listdir(folder):
        if entry.startswith(mine) and entry.endswith(".tmp"):
            pid = entry[len(mine) : -len(".tmp")]
            if pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
                with contextlib.suppress(OSError):
                    os.unlink(os.path.join(folder, entry))


@contextlib.contextmanager
def manifest_lock(run: str) -> Iterator[None]:
    """Hold the run's manifest lock; waits for another holder, at most a minute.

    Raises:
        Refusal: the lock is still held after a minute.
        UserError: the run directory cannot be written.
    """
    path = os.path.join(run, ".manifest.lock")
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise UserError(
            f"the run directory cannot be written: {error.strerror}", where=run
        ) from error
    try:
        _acquire(handle, path)
        yield
    finally:
        os.close(handle)


def _acquire(handle: int, path: str) -> None:
    deadline = time.monotonic() + _LOCK_PATIENCE_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise Refusal(
                    "another farmhand has been writing this manifest for a minute",
                    where=path,
                    hint="wait for it, or end it, and try again",
                ) from None
            time.sleep(0.05)
        except OSError:  # no locks on this filesystem: the revision check has to do
            return
        else:
            return


def manifest_path(target: str) -> str:
    """Return the manifest meant by a run directory or a manifest file."""
    return os.path.join(target, MANIFEST) if os.path.isdir(target) else target


def collected_path(run: str) -> str:
    """Return where a plain ``collect`` writes."""
    return os.path.join(run, COLLECTED)
