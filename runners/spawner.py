"""Starting one payload after the other, each in a session of its own, by posix_spawn(3)."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
from typing import TYPE_CHECKING, Self

from manifest.errors import UserError

if TYPE_CHECKING:
    from types import TracebackType

_STDERR = 2
_PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
# Python ignores PIPE and XFSZ, and a parent may have ignored others: bash cannot trap what was
# ignored when it was started.
_DEFAULTED = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGPIPE,
    signal.SIGALRM,
    signal.SIGTERM,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGCHLD,
    signal.SIGXCPU,
    signal.SIGXFSZ,
)


class Spawner:
    """Starts children with stdin from /dev/null and output appended to a log.

    Raises:
        UserError: the log cannot be written.
    """

    def __init__(self, log_path: str) -> None:
        """Open the log; take the environment as it is now."""
        try:
            self._log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise UserError(
                f"the pool's log cannot be opened: {error.strerror}", where=log_path
            ) from error
        self._environ = dict(os.environb)
        self._programs: dict[str, str] = {}
        self._actions = (
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, self._log, 1),
            (os.POSIX_SPAWN_DUP2, self._log, 2),
        )

    def __enter__(self) -> Self:
        """Keep inherited descriptors (a shell's 3, a pipe of make) from living on in children."""
        for name in os.listdir("/proc/self/fd"):
            if int(name) > _STDERR:
                _close_on_exec(int(name))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the log."""
        os.close(self._log)

    def start(self, argv: tuple[str, ...]) -> int:
        """Return the process id of a new child.

        Raises:
            OSError: the program is missing, or the system has no process to give (EAGAIN, ENOMEM).
        """
        name = argv[0]
        program = self._programs.get(name)
        if program is None:
            program = self._programs[name] = shutil.which(name) or name
        return os.posix_spawn(
            program,
            argv,
            self._environ,
            file_actions=self._actions,
            setsid=True,
            setsigmask=(),
            setsigdef=_DEFAULTED,
        )


def become_subreaper() -> bool:
    """Make orphans below this process its own children (Linux ≥ 3.4); return whether it worked."""
    try:
        prctl = ctypes.CDLL(None, use_errno=True).prctl
    except (OSError, AttributeError):
        return False
    return bool(prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def _close_on_exec(descriptor: int) -> None:
    try:
        os.set_inheritable(descriptor, False)
    except OSError:
        return  # the listing's own descriptor, closed by now
