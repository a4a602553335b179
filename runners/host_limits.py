"""What this process may use of this host: cores and memory, after affinity and control groups.

Sources: sched_getaffinity(2); the kernel's cgroup-v2.rst (cpu.max, memory.max, memory.current) and
cgroup-v1/memory.rst, sched-bwc.rst (cpu.cfs_quota_us); /proc/meminfo. A limit of any ancestor
group counts too.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class HostLimits:
    """Whole cores (at least 1) and free bytes of memory; None: not known."""

    cores: int
    free_bytes: int | None
    cores_by: str = "affinity"
    memory_by: str = "MemAvailable"


def host_limits(root: str = "/") -> HostLimits:
    """Read the limits; `root` stands before every path read (a fixture directory in tests)."""
    cores, cores_by = len(os.sched_getaffinity(0)), "affinity"
    quota = min(_quotas(root), default=None)
    if quota is not None and max(1, int(quota)) < cores:
        cores, cores_by = max(1, int(quota)), "cgroup quota"
    free, memory_by = _available(root), "MemAvailable"
    allowed = min(_free(root), default=None)
    if allowed is not None and (free is None or allowed < free):
        free, memory_by = allowed, "cgroup limit"
    return HostLimits(cores, free, cores_by, memory_by)


def _quotas(root: str) -> Iterator[float]:
    """Yield cores allowed by each group above this process that limits them."""
    for group in control_groups(root, ""):
        words = (text_of(f"{group}/cpu.max") or "max").split()
        if words[0] != "max":
            yield int(words[0]) / int(words[1])
    for group in control_groups(root, "cpu"):
        quota = _number(f"{group}/cpu.cfs_quota_us")
        period = _number(f"{group}/cpu.cfs_period_us")
        if quota is not None and period and quota > 0:
            yield quota / period


def _free(root: str) -> Iterator[int]:
    """Yield bytes that each limiting group would still give; file cache counts as free."""
    for kind, limit_name, usage_name, cache_name in (
        ("", "memory.max", "memory.current", "inactive_file"),
        ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        for group in control_groups(root, kind):
            limit = _number(f"{group}/{limit_name}")
            if limit is not None:
                used = _number(f"{group}/{usage_name}") or 0
                cached = field_of(text_of(f"{group}/memory.stat") or "", cache_name) or 0
                yield max(0, limit - max(0, used - cached))


def control_groups(root: str, controller: str) -> Iterator[str]:
    """Yield this process's group directories, leaf first, of a v1 controller or ("") of v2."""
    path = _own_group(root, controller)
    mount = _mount(root, controller)
    if path is None or mount is None:
        return
    mount_root, mount_point = mount
    # In a container the mount shows only a part of the tree, and the path may lie outside it.
    inside = os.path.relpath(path, mount_root)
    names = [] if inside == "." or inside.startswith("..") else inside.split("/")
    for length in range(len(names), -1, -1):
        yield os.path.join(root, mount_point.lstrip("/"), *names[:length])


def _own_group(root: str, controller: str) -> str | None:
    for line in (text_of(os.path.join(root, "proc/self/cgroup")) or "").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "" if controller == "" else controller in controllers.split(","):
            return path
    return None


def _mount(root: str, controller: str) -> tuple[str, str] | None:
    """Return the root within the hierarchy and the mount point, from mountinfo (proc(5))."""
    for line in (text_of(os.path.join(root, "proc/self/mountinfo")) or "").splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind == ("cgroup" if controller else "cgroup2") and (
            not controller or controller in options.split(",")
        ):
            fields = before.split(" ")
            return fields[3], fields[4].replace("\\040", " ")
    return None


def _available(root: str) -> int | None:
    kilobytes = field_of(text_of(os.path.join(root, "proc/meminfo")) or "", "MemAvailable:")
    return None if kilobytes is None else kilobytes * 1024


def field_of(text: str, name: str) -> int | None:
    """Return the number behind a name at the start of a line."""
    for line in text.splitlines():
        words = line.split()
        if words and words[0] == name:
            return int(words[1])
    return None


def _number(path: str) -> int | None:
    text = (text_of(path) or "").strip()
    return int(text) if text.lstrip("-").isdecimal() else None


def text_of(path: str) -> str | None:
    """Return the text of a file; None where it cannot be read."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return None
