"""Signals taken one at a time, where the program waits for them, instead of in its middle."""

from __future__ import annotations

import signal
from collections import deque
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType

    type_of_handler = Callable[[int, FrameType | None], object] | int | None

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class SignalGate:
    """Blocks SIGCHLD and the stopping signals; `wait` hands them out. Main thread only.

    A stopping signal that the caller's parent had ignored (nohup, a script's background job) stays
    ignored. A thread that was started before the gate may still be handed a signal by the kernel:
    handlers catch these, and `wait` returns them at its next call.
    """

    def __init__(self) -> None:
        """Change nothing yet."""
        stopping = [s for s in STOPPING if signal.getsignal(s) is not signal.SIG_IGN]
        self._watched = {signal.SIGCHLD, *stopping}
        self._noted: deque[int] = deque()
        self._handlers: dict[signal.Signals, type_of_handler] = {}
        self._mask: set[int] = set()

    def __enter__(self) -> Self:
        """Block first, so that nothing is lost between the two."""
        self._mask = set(signal.pthread_sigmask(signal.SIG_BLOCK, self._watched))
        for signum in self._watched:
            self._handlers[signal.Signals(signum)] = signal.signal(signum, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Put back what was; pending signals then reach the caller's own handlers."""
        # A SIGCHLD on its way must meet our handler: none at all makes Python complain.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        for signum, handler in self._handlers.items():
            signal.signal(signum, signal.SIG_DFL if handler is None else handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def wait(self, timeout_s: float) -> int | None:
        """Return the next signal's number, or None after `timeout_s` seconds without one."""
        if self._noted:
            return self._noted.popleft()
        found = signal.sigtimedwait(self._watched, max(0.0, timeout_s))
        return found.si_signo if found else None

    def drain(self) -> None:
        """Forget what is pending: further ^C of an impatient user after the end."""
        while self.wait(0.0) is not None:
            pass

    def _note(self, signum: int, _frame: FrameType | None) -> None:
        self._noted.append(signum)
