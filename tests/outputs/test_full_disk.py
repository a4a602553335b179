"""Writing fails: one message, the old result untouched, no temporary file left."""

from __future__ import annotations

import errno
import os
import resource
import signal
from typing import TYPE_CHECKING, Any

import pytest

from manifest.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.outputs.conftest import Desk

TABLE = b"g,x\n" + b"".join(b"%d,aaaaaaaaaaaaaaaaaaaa\n" % (i % 3) for i in range(20_000))
DISTINCT = b"g,x\n" + b"".join(b"%d,aaaaaaaaaaaaaaaaaaaa\n" % i for i in range(20_000))
KINDS = [
    ("csv", {}, TABLE),
    ("csv", {"group_by": ["g"]}, TABLE),
    ("csv", {"key": ["g", "x"], "order": "key", "duplicates": "identical"}, DISTINCT),
    ("text", {}, TABLE),
    ("json-lines", {}, b'"aaaaaaaaaaaaaaaaa"\n' * 20_000),
]


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may grow beyond 64 KiB: write() fails in the middle, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 10, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, old)


@pytest.mark.parametrize(("kind", "settings", "content"), KINDS)
def test_a_write_that_fails_leaves_nothing(
    desk: Desk,
    request: pytest.FixtureRequest,
    kind: str,
    settings: dict[str, Any],
    content: bytes,
) -> None:
    sources = desk.sources([content, content])
    request.getfixturevalue("small_files")
    with pytest.raises(UserError, match=r"merged result merged\.out: File too") as e:
        desk.merge(sources, kind=kind, **settings)
    assert e.value.where == str(desk.target.parent)
    assert e.value.hint
    assert desk.left() == []


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_is_full_at_the_last_moment_keeps_the_old_result(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    sources = desk.sources([b"new\n"])
    desk.target.write_bytes(b"old\n")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, full)
    with pytest.raises(UserError, match="No space left on device"):
        desk.merge(sources, kind="text")
    monkeypatch.undo()
    assert desk.result() == b"old\n"
    assert desk.left() == ["merged.out"]


def test_a_directory_that_is_not_there(desk: Desk) -> None:
    sources = desk.sources([b"a\n"])
    desk.target.parent.rmdir()
    with pytest.raises(UserError, match="No such file or directory"):
        desk.merge(sources, kind="text")


def test_a_result_that_reads_back_shorter_is_not_published(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fsync

    def cut(descriptor: int) -> None:
        real(descriptor)
        os.truncate(descriptor, 4)

    monkeypatch.setattr(os, "fsync", cut)
    for kind in ("csv", "text", "json-lines"):
        with pytest.raises(UserError, match=r"read back|not merged"):
            desk.merge(desk.sources([b"111\n222\n"]), kind=kind)
        assert desk.left() == []
