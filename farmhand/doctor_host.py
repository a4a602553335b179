"""What doctor finds out about this machine and the directory that runs lie in."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator

from farmhand.doctor_findings import Finding, bad, fine, note
from manifest.units import format_bytes
from runners.asked import ask
from runners.filesystem import Filesystem, filesystem_of, quota_on

_SHELL_S = 10.0
_OLDEST_BASH = (4, 2)
_TOOLS = ("flock", "setsid")  # of util-linux; payloads use them
_LOW = 1 << 30
_FEW_FILES = 10_000
_NEARLY = 0.95  # of a quota

_SHARED = {
    "nfs": "what one machine writes, another may see a minute later",
    "nfs4": "what one machine writes, another may see a minute later",
    **dict.fromkeys(
        ("beegfs", "ceph", "cifs", "fuse.ceph", "fuse.glusterfs", "gpfs", "panfs", "pvfs2"), ""
    ),
    **dict.fromkeys(("9p", "smb3", "virtiofs", "wekafs"), ""),
}
_OF_THIS_MACHINE = {"btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "overlay", "xfs", "zfs"}
_IN_MEMORY = {"ramfs", "tmpfs"}


def look_at_tools() -> Iterator[Finding]:
    """Look for what payloads need; nodes are mostly set up like the machine one logs in to."""
    path = shutil.which("bash")
    if path is None:
        yield bad("bash", "not on PATH, and every job starts with it")
    else:
        asked = ask([path, "--norc", "--version"], _SHELL_S)
        match = re.search(r"version (\d+)\.(\d+)[.\d]*", asked.out)
        if match is None:
            yield bad("bash", f"{path} does not say which version it is")
        elif (int(match[1]), int(match[2])) < _OLDEST_BASH:
            yield bad("bash", f"{match[0]} at {path}; payloads need 4.2 or newer")
        else:
            yield fine("bash", f"{match[0]} at {path}")
    missing = [name for name in _TOOLS if shutil.which(name) is None]
    if missing:
        yield bad("util-linux", f"{' and '.join(missing)} not on PATH, and jobs use it")


def look_at_directory(path: str, *, scheduler: bool) -> Iterator[Finding]:
    """Look at the filesystem of a directory that exists, and at what is free on it.

    Args:
        path: absolute.
        scheduler: whether jobs may run on other machines than this one.
    """
    if not os.access(path, os.W_OK | os.X_OK):
        yield bad("directory", f"{path} cannot be written")
    found = filesystem_of(path)
    if found is None:
        yield note("filesystem", f"of {path} is not told by the kernel")
    else:
        yield _kind(found, path, scheduler=scheduler)
    if found is None or found.kind != "afs":  # which makes up what is free
        yield _space(path)
    quota = quota_on(found.source) if found else None
    if quota is not None:
        shares = []
        full = quota.over
        for used, limit, unit in (
            (quota.used_bytes, quota.limit_bytes, format_bytes),
            (quota.used_files, quota.limit_files, "{:,} files".format),
        ):
            if limit is not None:
                shares.append(f"{unit(used)} of {unit(limit)}")
                full |= used > _NEARLY * limit
        yield (bad if full else fine)("quota", " and ".join(shares))


def on_eos(found: Filesystem) -> bool:
    """Tell whether this is a mount of EOS, which is a FUSE filesystem among others."""
    return found.kind.startswith("fuse") and (
        found.mount.startswith("/eos") or "eos" in found.kind or "eos" in found.source
    )


def _kind(found: Filesystem, path: str, *, scheduler: bool) -> Finding:
    about, text = "filesystem", f"{path} is on {found.kind} ({found.source} at {found.mount})"
    kind = found.kind
    if kind == "afs":
        return note(about, f"{text}: jobs can write here only with a token on their node")
    if on_eos(found):
        return note(about, f"{text}: EOS; HTCondor cannot keep its event log here, use another")
    if kind == "lustre":
        if found.options.isdisjoint({"flock", "localflock"}):
            return note(about, f"{text}: without file locks; let one person work on a run")
        return fine(about, text)
    if kind in _IN_MEMORY:
        why = "in memory: gone after a reboot"
        if scheduler:
            return bad(about, f"{text}: {why}, and no other machine sees it")
        return note(about, f"{text}: {why}")
    if kind in _OF_THIS_MACHINE and scheduler:
        return note(about, f"{text}: a disk of this machine, which other nodes do not see as such")
    if kind.startswith("fuse") and kind not in _SHARED:
        return note(about, f"{text}: jobs see it only where it is mounted for them, too")
    clause = _SHARED.get(kind, "")
    return fine(about, f"{text}: {clause}" if clause else text)


def _space(path: str) -> Finding:
    status = os.statvfs(path)
    free = status.f_bavail * status.f_frsize
    text = f"{format_bytes(free)} free"
    few = False
    if status.f_files:  # some filesystems count no files
        few = status.f_favail < _FEW_FILES
        text += f", room for {status.f_favail:,} files"
    return (bad if free < _LOW or few else fine)("space", text)
