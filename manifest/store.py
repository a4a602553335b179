"""The manifest on disk: one shard a line, replaced atomically, never edited in place.

No object holds all plans or results: the head is a model, rows stay bytes. The head says how many
bytes each block of rows has, so a block is found without reading the others, and a block that did
not change is copied. A manifest that another program pretty-printed is read the slow way.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson
from pydantic import ValidationError

from manifest.errors import Refusal, UserError
from manifest.header import SCHEMA, Block, Header
from manifest.layout import BLOCK, COLLECTED, block_of
from manifest.rows import SEPARATOR, Rows, count_states, damaged

_PLANS = b'\n"plans":[\n'
_RESULTS = b'\n],\n"results":[\n'
_END = b"\n]}\n"
_TO_DO = {
    errno.ENOSPC: "free some space and try again",
    errno.EDQUOT: "free some space and try again",
    errno.EACCES: "work as the user who may write there, or have it written elsewhere (--out)",
    errno.EROFS: "have it written elsewhere (collect --out), or work on a copy of the run",
    errno.ENOENT: "name a file in a directory that exists",
    errno.ENOTDIR: "name a file in a directory that exists",
    errno.EISDIR: "name a file, not a directory",
}
_ROW = b'{"shard_index":'


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest as read."""

    path: str
    header: Header
    plans: Rows
    results: Rows

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
            "no manifest here",
            where=path,
            hint="name a run directory; a lost manifest comes back by: farmhand collect --rebuild",
        ) from error
    except OSError as error:
        raise UserError(f"the manifest cannot be read: {error.strerror}", where=path) from error
    try:
        return _fast(data, path) or _slow(data, path)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(path, _short(error)) from error


def _fast(data: bytes, path: str) -> Manifest | None:
    first = data.find(_PLANS)
    if first < 0 or not data.endswith(_END):
        return None
    header = _header(orjson.loads(data[:first].rstrip(b",") + b"}"), path)
    view = memoryview(data)
    position = first + len(_PLANS)
    plans, position = _cut(view, position, [block.plans for block in header.blocks])
    if data[position : position + len(_RESULTS)] != _RESULTS:
        return None
    results, position = _cut(
        view, position + len(_RESULTS), [block.results for block in header.blocks]
    )
    if data[position:] != _END or not (_in_order(plans) and _in_order(results)):
        return None
    rows = data.count(SEPARATOR + _ROW) + 2  # the first plan and the first result follow no comma
    if len(plans) != block_of(header.shards - 1) + 1 or rows != 2 * header.shards:
        return None
    return Manifest(path, header, Rows(plans, path), Rows(results, path))


def _cut(view: memoryview, position: int, sizes: list[int]) -> tuple[list[memoryview], int]:
    blocks = []
    for size in sizes:
        blocks.append(view[position : position + size])
        position += size + len(SEPARATOR)
    return blocks, position - len(SEPARATOR)


def _in_order(blocks: list[memoryview]) -> bool:
    """Say whether each block begins with its first shard and ends with a whole row."""
    return all(
        bytes(block[:40]).startswith(_ROW + b'%d,"name":"' % (number * BLOCK))
        and bytes(block[-1:]) == b"}"
        for number, block in enumerate(blocks)
    )


def _slow(data: bytes, path: str) -> Manifest:
    whole = orjson.loads(data)
    planned, seen = whole.pop("plans"), whole.pop("results")
    header = _header(whole, path)
    for label, rows in (("plans", planned), ("results", seen)):
        if [row["shard_index"] for row in rows] != list(range(header.shards)):
            raise damaged(path, f"{len(rows)} {label} of {header.shards} shards, or out of order")
    plans, results = _in_blocks(planned), _in_blocks(seen)
    old = header.blocks
    digests = [old[n].digest if n < len(old) else None for n in range(len(plans))]
    header = header.model_copy(update={"blocks": ()})
    return with_blocks(Manifest(path, header, Rows(plans, path), Rows(results, path)), digests)


def _in_blocks(rows: list[Any]) -> list[bytes]:
    source = iter(rows)
    blocks = []
    while block := list(islice(source, BLOCK)):
        blocks.append(SEPARATOR.join(map(orjson.dumps, block)))
    return blocks


def with_blocks(manifest: Manifest, digests: list[str | None]) -> Manifest:
    """Return the manifest with the head's account of its blocks made anew."""
    blocks = tuple(
        Block(
            digest=digest,
            plans=len(manifest.plans.blocks[number]),
            results=len(manifest.results.blocks[number]),
            states=count_states(manifest.results.block(number), manifest.path),
        )
        for number, digest in enumerate(digests)
    )
    header = manifest.header.model_copy(update={"blocks": blocks})
    return Manifest(manifest.path, header, manifest.plans, manifest.results)


def _header(head: Any, path: str) -> Header:  # noqa: ANN401 (whatever stood in the file)
    version = str(head.get("schema_version"))
    if version != SCHEMA:
        raise UserError(
            f"this manifest has the schema '{version}'; this farmhand reads '{SCHEMA}'",
            where=path,
            hint="use the farmhand that wrote it, or a newer one",
        )
    return Header.model_validate(head)


def _short(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return f"{type(error).__name__}: {error}" if isinstance(error, KeyError) else str(error)


def write_manifest(manifest: Manifest) -> None:
    """Write by temporary name, fsync, revision check and rename; a crash leaves old or new.

    The header's revision must be one more than that of the file that is replaced.

    Raises:
        Refusal: somebody else has written meanwhile.
        UserError: the disk is full, or the directory cannot be written.
    """
    path = manifest.path
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{socket.gethostname()}.{os.getpid()}.tmp")
    try:
        _remove_stale(folder, name)
        with open(temporary, "wb") as stream:
            stream.writelines(_chunks(manifest))
            stream.flush()
            os.fsync(stream.fileno())
        _refuse_lost_race(path, manifest.header.revision)
        os.replace(temporary, path)
        _sync_directory(folder)
    except OSError as error:
        _forget(temporary)
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise UserError(
            "the manifest could not be written: "
            + ("the disk is full" if full else str(error.strerror)),
            where=path,
            hint=_TO_DO.get(error.errno or 0, "try again") + "; what was there is intact",
        ) from error
    except Refusal:
        _forget(temporary)
        raise


def _chunks(manifest: Manifest) -> Iterator[bytes | memoryview]:
    head = manifest.header.model_dump(mode="json")
    submissions = head.pop("submissions")
    yield orjson.dumps(head)[:-1]
    yield b',\n"submissions":[\n' + SEPARATOR.join(map(orjson.dumps, submissions)) + b"],"
    for label, rows in ((_PLANS, manifest.plans), (_RESULTS, manifest.results)):
        yield label
        for number, block in enumerate(rows.blocks):
            if number:
                yield SEPARATOR
            yield block
    yield _END


def _refuse_lost_race(path: str, revision: int) -> None:
    found = revision_of(path)
    if found is not None and found != revision - 1:
        raise Refusal(
            f"somebody else has written this manifest meanwhile (revision {found})",
            where=path,
            hint="run the command again",
        )


def revision_of(path: str) -> int | None:
    """Return the revision of a manifest from its first bytes, or None when there is none."""
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


def _forget(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)


def _remove_stale(folder: str, name: str) -> None:
    """Remove what writers of this host left behind when they were killed."""
    mine = f".{name}.{socket.gethostname()}."
    for entry in os.listdir(folder):
        if entry.startswith(mine) and entry.endswith(".tmp"):
            pid = entry[len(mine) : -len(".tmp")]
            if pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
                _forget(os.path.join(folder, entry))


def collected_path(run: str) -> str:
    """Return where a plain ``collect`` writes."""
    return os.path.join(run, COLLECTED)
