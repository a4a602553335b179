"""The registry: one line a scheduler."""

from __future__ import annotations

from renderer import local, nohup
from renderer.submission import SchedulerModule

SCHEDULERS: dict[str, SchedulerModule] = {
    "local": local,
    "nohup": nohup,
}
