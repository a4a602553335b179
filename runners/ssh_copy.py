"""Copying over ssh: a tar that streams through, and is believed only by its checksums."""

from __future__ import annotations

import contextlib
import hashlib
import os
import selectors
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, TYPE_CHECKING

from runners.asked import Asked, shortened
from runners.ssh import Reply, Ssh, framed, new_mark, script_text, unanswered

if TYPE_CHECKING:
    from threading import Event

    from manifest.hosts import Host

_LOOK_S = 0.25
_LOST = 255
_BANNER = 1 << 20
"""Bytes that a login shell may print before the host speaks."""


def send(  # noqa: PLR0913, PLR0917 (what, from where, to whom)
    ssh: Ssh, host: Host, script: str, folder: str, names: Sequence[str], stop: Event
) -> Reply:
    """Give a host's script a tar of files below a directory, links followed; return what it says.

    A reply with ``final`` and no lines: the files could not be read here.
    """
    mark = new_mark()
    packing = ["tar", "-chf", "-", "-C", folder, "--", *names]
    with ssh.client(), tempfile.TemporaryFile() as own, tempfile.TemporaryFile() as err:
        tar = _start(packing, subprocess.DEVNULL, own)
        with tar:
            client = _start(ssh.argv(host, framed(script, mark)), tar.stdout, err)
            with client:
                if tar.stdout is not None:
                    tar.stdout.close()  # the client has it: else tar would not see it go
                out = b"".join(_parts(client, stop, [tar, client]))
        if tar.returncode not in (0, -signal.SIGPIPE):
            return Reply(None, f"tar here: {_words(own)}", final=True)
        text = out.decode("utf-8", "replace")
        lines = text.split("\n")
        if mark in lines and f"{mark}.end" in lines:
            said = lines[lines.index(mark) + 1 : lines.index(f"{mark}.end")]
            return Reply(tuple(line for line in said if line))
        return unanswered(host, Asked(client.returncode, text, _words(err)))


def fetch(ssh: Ssh, host: Host, given: Mapping[str, str], into: str, stop: Event) -> Reply:
    """Unpack what ``ssh_send.sh`` gives into a new directory and compare the checksums.

    A reply with ``final`` and no lines: what came is not what the host sent, or could not be
    written here.
    """
    mark = new_mark()
    script = script_text("ssh_send.sh", {**given, "mark": mark})
    shutil.rmtree(into, ignore_errors=True)
    os.makedirs(into)
    unpacking = ["tar", "-xf", "-", "-C", into, "--no-same-owner", "--delay-directory-restore"]
    with ssh.client(), tempfile.TemporaryFile() as own, tempfile.TemporaryFile() as err:
        client = _start(ssh.argv(host, script), subprocess.DEVNULL, err)
        with client:
            found = _skip_to(mark, client, stop)
            code = None
            if found:
                with _start(unpacking, client.stdout, own) as tar:
                    for _ in _parts(tar, stop, [client, tar]):
                        pass
                code = tar.returncode
            else:
                _kill(client)
            client.wait()
        cut = client.returncode == _LOST and "EOF" in _words(own)
        if code not in (0, None) and not cut:
            return Reply(None, shortened(f"tar here: {_words(own)}"), final=True)
        if client.returncode == _LOST or (not found and client.returncode != 0):
            return unanswered(host, Asked(client.returncode, "", _words(err)))
        if client.returncode != 0 or not found:
            return Reply(None, shortened(f"tar there: {_words(err)}"), final=True)
    wrong = next(_differing(into), None)
    return Reply(()) if wrong is None else Reply(None, wrong, final=True)


def _start(
    argv: Sequence[str], source: int | IO[bytes] | None, err: IO[bytes]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        argv, stdin=source, stdout=subprocess.PIPE, stderr=err, bufsize=0, start_new_session=True
    )


def _parts(
    process: subprocess.Popen[bytes], stop: Event, all_of: Sequence[subprocess.Popen[bytes]]
) -> Iterator[bytes]:
    """Yield what a process prints until it closes that; when ``stop`` is set, all are killed."""
    pipe = process.stdout
    assert pipe is not None  # noqa: S101 (all are started with one)
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            if stop.is_set():
                for each in all_of:
                    _kill(each)
                return
            if selector.select(_LOOK_S):
                part = os.read(pipe.fileno(), 1 << 16)
                if not part:
                    return
                yield part


def _skip_to(mark: str, client: subprocess.Popen[bytes], stop: Event) -> bool:
    """Read up to the line that is the mark and not a byte further; return whether it came."""
    assert client.stdout is not None  # noqa: S101 (as above)
    end = f"\n{mark}\n".encode()
    seen = b""
    with selectors.DefaultSelector() as selector:
        selector.register(client.stdout, selectors.EVENT_READ)
        while not seen.endswith(end) and len(seen) < _BANNER:
            if stop.is_set():
                return False
            if selector.select(_LOOK_S):
                one = os.read(client.stdout.fileno(), 1)
                if not one:
                    return False
                seen += one
    return seen.endswith(end)


def _differing(folder: str) -> Iterator[str]:
    """Yield what is not as its checksum says."""
    sums = []
    for place, _, names in os.walk(os.path.join(folder, "logs", "ssh")):
        sums += [os.path.join(place, name) for name in names if name == "sums"]
    if not sums:
        yield "no checksums came"
    for path in sums:
        with open(path, "rb") as stream:
            lines = stream.read().splitlines()
        for line in lines:
            digest, name = parse_sum(line)
            try:
                with open(os.path.join(os.fsencode(folder), name), "rb") as stream:
                    found = hashlib.file_digest(stream, "sha256").hexdigest()
            except OSError as error:
                yield f"{os.fsdecode(name)} did not come: {error.strerror}"
                continue
            if found != digest:
                yield f"{os.fsdecode(name)} came with other bytes than it has there"


def parse_sum(line: bytes) -> tuple[str, bytes]:
    r"""Return digest and name of a line of sha256sum(1), which escapes names with line ends.

    >>> parse_sum(b"\\ab  a\\nb")
    ('ab', b'a\nb')
    """
    escaped = line.startswith(b"\\")
    digest, _, name = line.lstrip(b"\\").partition(b"  ")
    if escaped:
        parts = name.split(b"\\\\")
        name = b"\\".join(part.replace(b"\\n", b"\n").replace(b"\\r", b"\r") for part in parts)
    return digest.decode("ascii", "replace"), name


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _words(stream: IO[bytes]) -> str:
    stream.seek(0)
    return " ".join(stream.read(4096).decode("utf-8", "replace").split()) or "it said nothing"
