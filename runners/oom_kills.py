"""How often the kernel has killed for want of memory.

The control group of a victim counts it: oom_kill in memory.events (cgroup-v2.rst) and in
memory.oom_control (cgroup-v1/memory.rst, Linux 4.13). Outside of any, /proc/vmstat counts for the
whole machine.
"""

from __future__ import annotations

from runners.host_limits import control_groups, field_of, text_of


def oom_kills(root: str = "/") -> int | None:
    """Return the count of this process's own group, or of the machine; None: not counted here."""
    for controller, name in (("", "memory.events"), ("memory", "memory.oom_control")):
        groups = list(control_groups(root, controller))
        if len(groups) > 1:  # the root group is the machine
            count = field_of(text_of(f"{groups[0]}/{name}") or "", "oom_kill")
            if count is not None:
                return count
    return field_of(text_of(f"{root}/proc/vmstat") or "", "oom_kill")
