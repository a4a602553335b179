"""Peak memory of a child from wait4(2), where the figure says something about the child.

Linux starts a child's ``ru_maxrss`` with the peak of the process it was spawned from: exec folds
the old memory map's high-water mark into the new process (exec_mmap in fs/exec.c). A child that
needed less than its parent reports its parent.
"""

from __future__ import annotations

_SLACK_BYTES = 1 << 20  # the kernel's counters differ by some pages between processors


class PeakFloor:
    """This process's own peak, under which no child's is known."""

    def __init__(self) -> None:
        """Read it as it is now."""
        self._floor = own_peak()

    def known(self, peak_bytes: int) -> int | None:
        """Return a child's peak in bytes, or None where it may be this process's own."""
        if peak_bytes > self._floor + _SLACK_BYTES:
            self._floor = own_peak()  # it may have grown before that child was started
        return peak_bytes if peak_bytes > self._floor + _SLACK_BYTES else None


def own_peak() -> int:
    """Return the largest resident set of this process so far, in bytes (VmHWM of proc(5))."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0
