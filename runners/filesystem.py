"""The filesystem under a directory: its kind, where it is mounted, and what is free."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from runners.asked import ask

_QUOTA_S = 5.0  # a server that does not tell its quotas must not hold up the rest


@dataclass(frozen=True, slots=True)
class Filesystem:
    """One mount, as proc(5) shows it under mountinfo.

    Attributes:
        kind: its type, such as ext4, nfs4, lustre, fuse.sshfs.
        mount: the directory it is mounted on.
        source: the device, or server and export.
        options: of the mount and of the filesystem.
    """

    kind: str
    mount: str
    source: str
    options: frozenset[str]


@dataclass(frozen=True, slots=True)
class Quota:
    """What the user may have on a filesystem; a limit of None is none."""

    used_bytes: int
    limit_bytes: int | None
    used_files: int
    limit_files: int | None
    over: bool


def filesystem_of(path: str, root: str = "/") -> Filesystem | None:
    """Return the mount that a path lies on; None: the kernel does not tell.

    The longest mount point counts, and of several on one directory the last, which hides others.

    Args:
        path: absolute; symbolic links are followed.
        root: stands before the file that is read (a fixture directory in tests).
    """
    try:
        with open(os.path.join(root, "proc/self/mountinfo"), "rb") as file:
            lines = os.fsdecode(file.read()).splitlines()
    except OSError:
        return None
    wanted = os.path.realpath(path)
    best: Filesystem | None = None
    for line in lines:
        before, dash, after = line.partition(" - ")
        fields, words = before.split(" "), after.split(" ")
        if not dash or len(fields) < 6 or len(words) < 3:  # noqa: PLR2004 (as proc(5) has them)
            continue
        mount = _plain(fields[4])
        inside = wanted == mount or wanted.startswith(mount.rstrip("/") + "/")
        if inside and (best is None or len(mount) >= len(best.mount)):
            options = frozenset(fields[5].split(",")) | frozenset(words[2].split(","))
            best = Filesystem(words[0], mount, _plain(words[1]), options)
    return best


def quota_on(source: str) -> Quota | None:
    """Return what quota(1) says of the user on a filesystem; None: no limit, or nobody tells.

    Its raw grace times leave no column empty.
    """
    asked = ask(["quota", "-w", "-p", "-v"], _QUOTA_S, env={**os.environ, "LC_ALL": "C"})
    for line in asked.out.splitlines():
        name, *words = line.split() or [""]
        if name == source and len(words) >= 8:  # noqa: PLR2004 (used, quota, limit, grace; twice)
            blocks, files = words[:4], words[4:8]
            limits = (_limit(blocks, 1024), _limit(files, 1))
            if limits == (None, None):
                return None
            over = "*" in blocks[0] or "*" in files[0]
            return Quota(_amount(blocks[0]) * 1024, limits[0], _amount(files[0]), limits[1], over)
    return None


def _limit(words: list[str], unit: int) -> int | None:
    """Return the lower of the soft and the hard limit; 0 stands for none."""
    given = [_amount(word) * unit for word in words[1:3] if _amount(word)]
    return min(given, default=None)


def _amount(word: str) -> int:
    digits = word.rstrip("*")
    return int(digits) if digits.isdecimal() else 0


def _plain(text: str) -> str:
    r"""Undo the escapes of proc(5).

    >>> _plain(r"/mnt/my\040disk")
    '/mnt/my disk'
    """
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
