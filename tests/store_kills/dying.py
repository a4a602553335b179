"""farmhand that kills itself before the n-th call that changes something on disk."""

from __future__ import annotations

import builtins
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from farmhand.cli import main

CALLS = ("fsync", "replace", "rename", "unlink", "mkdir", "symlink", "chmod", "link")


class Fuse:
    """Counts down over all calls together."""

    def __init__(self, left: int) -> None:
        self.left = left

    def on(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **named: Any) -> Any:
            self.burn()
            return call(*args, **named)

        return wrapper

    def burn(self) -> None:
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1


def install(fuse: Fuse) -> None:
    opened = builtins.open

    def opening(path: Any, mode: str = "r", *args: Any, **named: Any) -> Any:
        if not set(mode) & set("wxa+"):
            return opened(path, mode, *args, **named)
        fuse.burn()
        stream = opened(path, mode, *args, **named)
        fuse.burn()  # the file is there, and empty
        return stream

    builtins.open = opening
    for name in CALLS:
        setattr(os, name, fuse.on(getattr(os, name)))


if __name__ == "__main__":
    install(Fuse(int(sys.argv.pop(1))))
    main()
